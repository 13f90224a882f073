"""Refused events, for administrators: what was not stored, why, and as it arrived."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import asyncpg
import strawberry

from cdp.access.scopes import Scope
from cdp.db.queries import load_queries
from cdp.errors import BadInput
from cdp.graphql.context import Info
from cdp.graphql.paging import PageInfo
from cdp.model.ids import decode_id_of, encode_id

_SQL = load_queries("cdp.graphql")
_TYPE = "RefusedEvent"
_LARGEST_PAGE = 200


@strawberry.type(
    description="An event that was not stored; kept for 30 days, and replayable by eventsReplay."
)
class RefusedEvent:
    """A refused event."""

    id: strawberry.ID = strawberry.field(description="Its id.")
    received_at: datetime = strawberry.field(description="When it arrived.")
    source: str = strawberry.field(description="By which way it came, such as `tracking` or `graphql`.")
    code: str = strawberry.field(description="Why it was refused, for programs.")
    message: str = strawberry.field(description="Why it was refused, for a person.")
    body: str = strawberry.field(
        description="As it arrived; bytes that are no UTF-8 text are shown as U+FFFD. It may hold personal data."
    )
    replayed_at: datetime | None = strawberry.field(
        description="When it was stored after all; null: it was not."
    )

    @classmethod
    def of(cls, row: asyncpg.Record) -> RefusedEvent:
        """As GraphQL shows it."""
        return cls(
            id=strawberry.ID(encode_id(_TYPE, row["refused_id"])),
            received_at=row["received_at"],
            source=row["source"],
            code=row["code"],
            message=row["message"],
            body=row["body"].decode("utf-8", "replace"),
            replayed_at=row["replayed_at"],
        )


@strawberry.type(description="A refused event within a list.")
class RefusedEventEdge:
    """An edge of RefusedEventConnection."""

    cursor: str = strawberry.field(description="Where it stands, for `after`.")
    node: RefusedEvent = strawberry.field(description="The refused event.")


@strawberry.type(description="A page of refused events.")
class RefusedEventConnection:
    """A page of refused events, newest first."""

    edges: list[RefusedEventEdge] = strawberry.field(description="The refused events with their cursors.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    code: strawberry.Private[str | None]

    @strawberry.field(description="The refused events.")
    def nodes(self) -> list[RefusedEvent]:
        """Without their cursors."""
        return [edge.node for edge in self.edges]

    @strawberry.field(description="How many there are on all pages.")
    async def total_count(self, info: Info) -> int:
        """Counted when asked for."""
        async with info.context.connection() as connection:
            count: int = await connection.fetchval(_SQL.refused_count, info.context.workspace_id, self.code)
        return count


@strawberry.type
class RefusedQuery:
    """The refused events' field of Query."""

    @strawberry.field(description="Events that were not stored, newest first; for administrators.")
    async def refused_events(
        self,
        info: Info,
        code: Annotated[
            str | None,
            strawberry.argument(description="Only those refused for this reason, such as `INVALID_TIME`."),
        ] = None,
        first: Annotated[int, strawberry.argument(description="How many, at most 200.")] = 20,
        after: Annotated[
            str | None, strawberry.argument(description="Only those behind this cursor.")
        ] = None,
    ) -> RefusedEventConnection | None:
        """One page; the cursor is the id."""
        info.context.require(Scope.WORKSPACE_ADMIN)
        if not 0 <= first <= _LARGEST_PAGE:
            raise BadInput(f"first is {first}; choose from 0 to {_LARGEST_PAGE}.", field=("first",))
        before = None if after is None else decode_id_of(_TYPE, after)
        async with info.context.connection() as connection:
            rows = await connection.fetch(
                _SQL.refused_page, info.context.workspace_id, code, before, first + 1
            )
        nodes = [RefusedEvent.of(row) for row in rows[:first]]
        return RefusedEventConnection(
            edges=[RefusedEventEdge(cursor=node.id, node=node) for node in nodes],
            page_info=PageInfo(
                has_next_page=len(rows) > first,
                has_previous_page=before is not None,
                start_cursor=nodes[0].id if nodes else None,
                end_cursor=nodes[-1].id if nodes else None,
            ),
            code=code,
        )
