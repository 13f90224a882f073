"""A small world of people and the accounts that they are in, on a real database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from cdp.accounts import AccountChanges, Changed, create, membership_set, resolve, update
from cdp.identity.store import Resolution
from cdp.identity.store import resolve as resolve_identity
from cdp.lenses.store import refresh
from cdp.model import AccountId, AccountRef, Event, EventType, ProfileId, Workspace, WorkspaceSettings
from tests.identity.people import NOW, World


@dataclass
class Town(World):
    free_mail: tuple[str, ...] = ()

    @property
    def workspace(self) -> Workspace:
        return Workspace(
            workspace_id=self.workspace_id,
            name="Acme",
            version=1,
            epoch=datetime(2026, 1, 1, tzinfo=UTC),
            settings=WorkspaceSettings(free_mail_domains=self.free_mail),
            entries=(),
            features=(),
        )

    def group(self, who: str, group_id: str, at: datetime | None = None, **traits: Any) -> Event:
        """A group call: it makes a member."""
        call = self.event(who, call=EventType.GROUP, at=at)
        account = AccountRef(group_id=group_id, member=True)
        return msgspec.structs.replace(call, account=account, properties=traits)

    def within(self, who: str, group_id: str) -> Event:
        """An event with context.groupId: it makes no member."""
        return msgspec.structs.replace(self.event(who), account=AccountRef(group_id=group_id, member=False))

    async def send(self, *events: Event) -> tuple[list[AccountId], Resolution]:
        """One flush, with memberships derived."""
        async with self.database.transaction(self.workspace_id) as connection:
            found = await resolve_identity(connection, self.workspace_id, events, self.kinds, NOW)
            accounts = await resolve(connection, self.workspace_id, events, found, self.workspace, NOW)
            await refresh(connection, self.workspace_id, sorted(found.touched))
        return accounts, found

    async def update(self, *, now: datetime = NOW, changes: AccountChanges, **which: Any) -> Changed:
        async with self.database.transaction(self.workspace_id) as connection:
            changed = await update(connection, self.workspace, changes=changes, by="Ann", now=now, **which)
            await refresh(connection, self.workspace_id, sorted(changed.touched))
        return changed

    async def create(self, *, changes: AccountChanges, group_id: str | None = None) -> Changed:
        async with self.database.transaction(self.workspace_id) as connection:
            return await create(
                connection, self.workspace, group_id=group_id, changes=changes, by="Ann", now=NOW
            )

    async def set(
        self,
        profile_id: ProfileId,
        account_id: AccountId,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        now: datetime = NOW,
    ) -> None:
        async with self.database.transaction(self.workspace_id) as connection:
            touched = await membership_set(
                connection,
                self.workspace,
                profile_id,
                account_id,
                since=since,
                until=until,
                by="Ann",
                now=now,
            )
            await refresh(connection, self.workspace_id, sorted(touched))

    async def accounts(self) -> list[dict[str, Any]]:
        """Living ones, oldest first, without what is not set."""
        rows = await self.rows(
            "SELECT kind::text, group_id, domain, name, seats_licensed, traits FROM account "
            "WHERE workspace_id = $1 AND merged_into IS NULL ORDER BY account_id"
        )
        return [
            {
                key: value
                for key, value in (dict(row) | {"traits": msgspec.json.decode(row["traits"])}).items()
                if value
            }
            for row in rows
        ]

    async def members(self) -> set[tuple[str, str | None, tuple[str, ...]]]:
        """Own memberships: person by display name, account by group id or domain, sources."""
        rows = await self.rows(
            "SELECT p.display_name, coalesce(a.group_id, a.domain) AS account, m.sources FROM membership m "
            "JOIN profile p ON p.workspace_id = $1 AND p.profile_id = m.profile_id "
            "LEFT JOIN account a ON a.workspace_id = $1 AND a.account_id = m.account_id "
            "WHERE m.workspace_id = $1 AND m.own"
        )
        return {(row["display_name"], row["account"], tuple(row["sources"])) for row in rows}
