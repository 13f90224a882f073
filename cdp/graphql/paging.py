"""Connections in the manner of Relay, and the arguments of every list."""

from __future__ import annotations

from typing import Generic, TypeVar

import strawberry
from strawberry.types.arguments import StrawberryArgument

from cdp.plan.connections import MOST_COUNTED
from cdp.plan.fields import Part, argument, planned
from cdp.plan.pages import DEFAULT_SIZE, LARGEST_SIZE

T = TypeVar("T")


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """Of one page."""

    has_next_page: bool = planned(
        Part(name="hasNextPage"), description="Whether there is more behind this page."
    )
    has_previous_page: bool = planned(
        Part(name="hasPreviousPage"), description="Whether there is more before this page."
    )
    start_cursor: str | None = planned(
        Part(name="startCursor"), description="Cursor of the first item; null on an empty page."
    )
    end_cursor: str | None = planned(
        Part(name="endCursor"), description="Cursor of the last item; null on an empty page."
    )


@strawberry.type(description="An item of a list with its cursor.")
class Edge(Generic[T]):
    """One item."""

    cursor: str = planned(
        Part(name="cursor"),
        description="Where the item lies in this list in this order; for `after` and `before`.",
    )
    node: T = planned(Part(name="node"), description="The item.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    """One page."""

    edges: list[Edge[T]] = planned(Part(name="edges"), description="The items with their cursors.")
    nodes: list[T] = planned(Part(name="nodes"), description="The items.")
    page_info: PageInfo = planned(Part(name="pageInfo"), description="Where this page lies in the list.")
    total_count: int = planned(
        Part(name="totalCount"),
        description=f"How many items the whole list has; counted only if asked for, and up to {MOST_COUNTED:,}.",
    )
    total_count_is_estimated: bool = planned(
        Part(name="totalCountIsEstimated"),
        description=f"Whether the list is longer than {MOST_COUNTED:,}, so that `totalCount` is a lower bound.",
    )


def forwards() -> list[StrawberryArgument]:
    """`first` and `after`."""
    return [
        argument(
            "first",
            int | None,
            f"How many items, at most {LARGEST_SIZE}; {DEFAULT_SIZE} where not given.",
            None,
        ),
        argument("after", str | None, "Cursor that the page begins behind.", None),
    ]


def both_ways() -> list[StrawberryArgument]:
    """`first`, `after`, `last` and `before`."""
    return [
        *forwards(),
        argument("last", int | None, f"How many items from the end, at most {LARGEST_SIZE}.", None),
        argument("before", str | None, "Cursor that the page ends before.", None),
    ]


def top(what: str) -> StrawberryArgument:
    """`first` of a list that is no connection."""
    return argument("first", int | None, f"How many {what} at most.", None)
