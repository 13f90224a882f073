"""People, events and tables for the tests of the panels, written as ingest would write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
import pytest

from cdp.db.pool import Database
from cdp.lenses import names, store
from cdp.lenses.fold import Item, fold_events
from cdp.model import AccountId, Event, EventType, NodeId, ProfileId, Workspace, WorkspaceId
from cdp.workspaces.store import load

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

TABLES = {
    "summary_tally": "node_id, account_id, kind, key",
    "summary_day": "node_id, account_id, feature, day",
    "summary_register": "node_id, account_id, kind, key",
    "summary_order": "node_id, account_id, order_id",
    "profile": "profile_id",
    "membership": "profile_id, account_id",
}


class Traffic:
    """One workspace, and what happens in it."""

    def __init__(self, database: Database, workspace_id: WorkspaceId) -> None:
        self.database = database
        self.workspace_id = workspace_id
        self._messages = count(1)

    async def workspace(self) -> Workspace:
        async with self.database.connection(self.workspace_id) as connection:
            return await load(connection, self.workspace_id)

    async def person(self, profile_id: int, *nodes: int | tuple[int, str, str]) -> None:
        """A profile with nodes: a number is a node with a user_id made of it."""
        whole = [node if isinstance(node, tuple) else (node, "user_id", f"u{node}") for node in nodes]
        async with self.database.transaction(self.workspace_id) as connection:
            await connection.execute(
                "INSERT INTO profile (workspace_id, profile_id, created_at) VALUES ($1, $2, $3)",
                self.workspace_id,
                profile_id,
                NOW,
            )
            await connection.executemany(
                "INSERT INTO node (workspace_id, node_id, kind, value, profile_id, born_profile_id) "
                "VALUES ($1, $2, $3, $4, $5, $5)",
                [(self.workspace_id, *node, profile_id) for node in whole],
            )

    async def account(self, account_id: int, kind: str = "ORGANISATION") -> None:
        await self.execute(
            "INSERT INTO account (workspace_id, account_id, kind, group_id) VALUES ($1, $2, $3::account_kind, $4)",
            account_id,
            kind,
            f"g{account_id}",
        )

    async def member(
        self,
        node: int,
        account: int,
        source: str = "group",
        *,
        since: datetime | None = NOW,
        until: datetime | None = None,
    ) -> None:
        await self.execute(
            "INSERT INTO membership_evidence "
            "(workspace_id, node_id, account_id, source, since, until, occurred_at, message_id) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, 'evidence')",
            node,
            account,
            source,
            since,
            until,
            NOW,
        )

    def event(
        self, name: str, properties: dict[str, Any] | None = None, /, *, days: float = 0, **fields: Any
    ) -> Event:
        """An event `days` before NOW."""
        at = NOW - timedelta(days=days)
        fields.setdefault("type", EventType.TRACK)
        fields.setdefault("message_id", f"m{next(self._messages)}")
        return Event(
            name=name, properties=properties or {}, occurred_at=at, received_at=NOW, identifiers=(), **fields
        )

    async def tell(self, *items: tuple[Event, int] | tuple[Event, int, int]) -> None:
        """Store events on nodes (and in accounts) in one batch, and bring the views up to date."""
        whole: list[Item] = [
            (item[0], NodeId(item[1]), AccountId(item[2] if len(item) > 2 else 0)) for item in items
        ]
        await self.store(whole)

    async def store(self, items: Sequence[Item], *, keep: bool = True) -> None:
        workspace = await self.workspace()
        folded = fold_events(items, workspace)
        async with self.database.transaction(self.workspace_id) as connection:
            if keep:
                await connection.executemany(
                    "INSERT INTO event (workspace_id, occurred_at, received_at, message_id, type, name, node_id, "
                    "account_id, intent, usage, source, properties, context) "
                    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                    [
                        (
                            self.workspace_id,
                            event.occurred_at,
                            event.received_at,
                            event.message_id,
                            event.type.value,
                            event.name,
                            node,
                            account,
                            intent,
                            usage,
                            event.source,
                            msgspec.json.encode(event.properties).decode(),
                            msgspec.json.encode(event.context).decode(),
                        )
                        for (event, node, account), intent, usage in zip(
                            items, folded.intent, folded.usage, strict=True
                        )
                    ],
                )
            await store.combine(connection, self.workspace_id, folded.summaries)
            if keep:
                await names.count(connection, self.workspace_id, (event for event, _, _ in items))
        await self.refresh(node for _, node, _ in items)

    async def refresh(self, nodes: Iterable[int]) -> None:
        async with self.database.transaction(self.workspace_id) as connection:
            rows = await connection.fetch(
                "SELECT DISTINCT profile_id FROM node WHERE workspace_id = $1 AND node_id = ANY($2::bigint[])",
                self.workspace_id,
                list(nodes),
            )
            await store.refresh(connection, self.workspace_id, [ProfileId(row["profile_id"]) for row in rows])

    async def execute(self, sql: str, *arguments: Any) -> None:
        async with self.database.transaction(self.workspace_id) as connection:
            await connection.execute(sql, self.workspace_id, *arguments)

    async def profile(self, profile_id: int) -> dict[str, Any]:
        async with self.database.connection(self.workspace_id) as connection:
            row = await connection.fetchrow(
                "SELECT * FROM profile WHERE workspace_id = $1 AND profile_id = $2",
                self.workspace_id,
                profile_id,
            )
        return dict(row)

    async def memberships(self, profile_id: int) -> dict[int, dict[str, Any]]:
        async with self.database.connection(self.workspace_id) as connection:
            rows = await connection.fetch(
                "SELECT * FROM membership WHERE workspace_id = $1 AND profile_id = $2",
                self.workspace_id,
                profile_id,
            )
        return {row["account_id"]: dict(row) for row in rows}

    async def tables(self) -> dict[str, list[str]]:
        """Every derived row, as text."""
        async with self.database.connection(self.workspace_id) as connection:
            return {
                table: [
                    row["row"]
                    for row in await connection.fetch(
                        f"SELECT to_jsonb(t)::text AS row FROM {table} t WHERE workspace_id = $1 ORDER BY {key}",
                        self.workspace_id,
                    )
                ]
                for table, key in TABLES.items()
            }


@pytest.fixture
async def traffic(database: Database, workspace: WorkspaceId) -> Traffic:
    """A workspace whose decay starts from NOW's day."""
    traffic = Traffic(database, workspace)
    await traffic.execute("UPDATE workspace SET epoch = $2 WHERE workspace_id = $1", NOW.replace(hour=0))
    return traffic


@pytest.fixture
def now() -> datetime:
    return NOW
