"""The peer as Strawberry's documentation teaches it: types with resolvers, and dataloaders against the N+1 problem.

    DATABASE_URL=… python -m bench.read.dataloaders PORT

It reads the views of peers.sql with asyncpg, and serves the fields that bench/read/queries asks for, under the names
that Diptych gives them. As in the documentation, every request has loaders of its own.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from enum import Enum
from typing import Any

import asyncpg
import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.types import Info

from bench.read.loaders import context_of
from bench.read.nouns import Account, Profile, Stage, account_of, profile_of


@strawberry.input
class IdentifierInput:
    kind: str
    value: str


@strawberry.input
class StageFilter:
    gte: Stage


@strawberry.input
class DateTimeFilter:
    gte: datetime


@strawberry.input
class BuyerIntentFilter:
    furthest_stage: StageFilter


@strawberry.input
class UsageFilter:
    last_used_at: DateTimeFilter


@strawberry.input
class ProfileFilter:
    buyer_intent: BuyerIntentFilter
    usage: UsageFilter


@strawberry.enum
class ProfileOrderField(Enum):
    INTENT_SCORE = "INTENT_SCORE"
    LAST_SEEN_AT = "LAST_SEEN_AT"


_ORDERS = {
    ProfileOrderField.INTENT_SCORE: ("intent_rank", "float8"),
    ProfileOrderField.LAST_SEEN_AT: ("last_seen_at", "timestamptz"),
}


@strawberry.enum
class Direction(Enum):
    DESC = "DESC"


@strawberry.input
class ProfileOrder:
    field: ProfileOrderField
    direction: Direction


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Profiles:
    nodes: list[Profile]
    page_info: PageInfo


@strawberry.type
class Query:
    @strawberry.field
    async def profile(self, info: Info, identifier: IdentifierInput) -> Profile | None:
        row = await info.context["pool"].fetchrow(
            "SELECT p.* FROM reading.identifier i JOIN reading.profile p USING (profile_id)"
            " WHERE i.kind = $1 AND i.value = $2",
            identifier.kind,
            identifier.value,
        )
        return profile_of(row) if row else None

    @strawberry.field
    async def profiles(
        self,
        info: Info,
        first: int = 20,
        after: str | None = None,
        where: ProfileFilter | None = None,
        order_by: list[ProfileOrder] | None = None,
    ) -> Profiles:
        by, kind = _ORDERS[order_by[0].field if order_by else ProfileOrderField.LAST_SEEN_AT]
        conditions, values = ["true"], []
        if where:
            values = [where.buyer_intent.furthest_stage.gte.name, where.usage.last_used_at.gte]
            conditions += ["furthest_stage >= $1::buying_stage", "last_used_at >= $2"]
        if after:
            key, number = base64.b64decode(after).decode().split("|")
            values += [key, int(number)]
            at = len(values)
            conditions.append(f"({by}, profile_id) < (${at - 1}::text::{kind}, ${at}::bigint)")
        rows = await info.context["pool"].fetch(
            f"SELECT * FROM reading.profile WHERE {' AND '.join(conditions)}"
            f" ORDER BY {by} DESC, profile_id DESC LIMIT {first + 1}",
            *values,
        )
        nodes = rows[:first]
        cursor = f"{nodes[-1][by]}|{nodes[-1]['profile_id']}" if nodes else ""
        end = base64.b64encode(cursor.encode()).decode() if nodes else None
        return Profiles(
            nodes=[profile_of(row) for row in nodes],
            page_info=PageInfo(has_next_page=len(rows) > first, end_cursor=end),
        )

    @strawberry.field
    async def account(self, info: Info, domain: str) -> Account | None:
        row = await info.context["pool"].fetchrow("SELECT * FROM reading.account WHERE domain = $1", domain)
        return account_of(row)


class _Server(GraphQL):
    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:  # noqa: ARG002 - its signature
        return context_of(request.app.state.pool)


@asynccontextmanager
async def _pooled(app: Starlette) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], server_settings={"timezone": "UTC"}) as pool:
        app.state.pool = pool
        yield


app = Starlette(routes=[Route("/graphql", _Server(strawberry.Schema(Query)))], lifespan=_pooled)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)
