"""Accounts by the names that they go by: group ids and domains."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from cdp.accounts.registers import Registers
from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.model import AccountId, WorkspaceId

queries = load_queries("cdp.accounts", "accounts.sql")


@dataclass(kw_only=True, slots=True)
class Book:
    """The accounts that a transaction deals with, as it has found or made them."""

    by_group: dict[str, AccountId] = field(default_factory=dict)
    by_domain: dict[str, AccountId] = field(default_factory=dict)
    nameless: set[AccountId] = field(default_factory=set)
    """Those without a group id: known by their domain alone."""

    def enter(self, account_id: AccountId, group_id: str | None, domain: str | None) -> None:
        """Keep one account."""
        if group_id is None:
            self.nameless.add(account_id)
        else:
            self.by_group[group_id] = account_id
        if domain is not None:
            self.by_domain[domain] = account_id

    def give(self, account_id: AccountId, domain: str, *, instead_of: str | None) -> None:
        """A domain goes to an account, which lets go of the one that it had."""
        if instead_of is not None and self.by_domain.get(instead_of) == account_id:
            del self.by_domain[instead_of]
        self.by_domain[domain] = account_id


async def look(
    connection: Connection,
    workspace_id: WorkspaceId,
    book: Book,
    *,
    groups: Collection[str] = (),
    domains: Collection[str] = (),
) -> None:
    """Enter the living accounts of these names."""
    rows = await connection.fetch(queries.find_accounts, workspace_id, sorted(groups), sorted(domains))
    for account_id, group_id, domain in rows:
        book.enter(AccountId(account_id), group_id, domain)


async def lock_names(
    connection: Connection,
    workspace_id: WorkspaceId,
    *,
    groups: Collection[str] = (),
    domains: Collection[str] = (),
) -> None:
    """Be the only one who may give these names to accounts, to the end of the transaction."""
    names = [f"group {one}" for one in groups] + [f"domain {one}" for one in domains]
    await connection.execute(queries.lock_names, workspace_id, names)


async def add(
    connection: Connection,
    workspace_id: WorkspaceId,
    book: Book,
    now: datetime,
    *,
    groups: Iterable[str] = (),
    domains: Iterable[str] = (),
) -> None:
    """Make accounts, one for each name; the names must be locked and free."""
    names: list[tuple[str | None, str | None]] = [(one, None) for one in sorted(groups)]
    names += [(None, one) for one in sorted(domains)]
    if names:
        rows = await connection.fetch(
            queries.create_accounts, workspace_id, [one for one, _ in names], [one for _, one in names], now
        )
        for account_id, group_id, domain in rows:
            book.enter(AccountId(account_id), group_id, domain)


async def note(
    connection: Connection, workspace_id: WorkspaceId, said: Mapping[AccountId, Registers]
) -> list[AccountId]:
    """Keep what was said where it is the latest; the answer is the accounts for which it changed anything, locked."""
    rows = [
        (account_id, key, one) for account_id, registers in said.items() for key, one in registers.items()
    ]
    if not rows:
        return []
    changed = await connection.fetch(
        queries.note_traits,
        workspace_id,
        [account_id for account_id, _, _ in rows],
        [key for _, key, _ in rows],
        [msgspec.json.encode(one.value).decode() for _, _, one in rows],
        [one.occurred_at for _, _, one in rows],
        [one.message_id for _, _, one in rows],
        [one.source for _, _, one in rows],
    )
    return [AccountId(row["account_id"]) for row in changed]
