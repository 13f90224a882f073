"""How much a selection may ask for: lists within lists multiply."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import TypeAlias

from cdp.errors import DiptychError
from cdp.plan.pages import DEFAULT_SIZE
from cdp.plan.values import Leaf, Variables

MOST_OBJECTS = 100_000

Sizes: TypeAlias = tuple[Leaf | None, ...]
"""The page sizes of a connection within connections, the outermost first; None: none was given."""


class TooMuch(DiptychError):
    """What is asked for at once is more than the message says."""

    code = "COMPLEXITY"


def check_size(lists: Iterable[Sizes], variables: Variables) -> None:
    """Do nothing if pages within pages can hold no more than MOST_OBJECTS.

    Raises:
        TooMuch: they can.
    """
    most = sum(
        prod(DEFAULT_SIZE if size is None else max(0, size.read(variables)) for size in sizes)
        for sizes in lists
    )
    if most > MOST_OBJECTS:
        raise TooMuch(
            f"Lists within lists may come to {MOST_OBJECTS:,} objects, these to {most:,}; ask for smaller pages."
        )
