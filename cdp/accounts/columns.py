"""The columns of accounts, read out of what was said about them; and who gets a domain that several claim."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from cdp.accounts.book import Book, lock_names, look, queries
from cdp.accounts.registers import Lifted, Register, lift
from cdp.db.pool import Connection, planned_for
from cdp.errors import Conflict
from cdp.identity.profiles import lock
from cdp.model import AccountId, AccountKind, ProfileId, Workspace, WorkspaceId


class Grants(Struct, frozen=True, kw_only=True):
    """Who gets which domain."""

    granted: dict[AccountId, str]
    denied: dict[AccountId, str]
    """Another account has it, and keeps it."""
    absorbed: dict[AccountId, AccountId]
    """Account that was known by that domain alone → the one that proves to be it."""


class _Row(Struct, frozen=True, kw_only=True):
    """An account before."""

    kind: AccountKind
    domain: str | None


def grant(claims: Mapping[AccountId, str], book: Book) -> Grants:
    """Give free domains to the oldest claimant, and absorb accounts that are nothing but the claimed domain."""
    grants = Grants(granted={}, denied={}, absorbed={})
    holders = dict(book.by_domain)
    for account_id, domain in sorted(claims.items()):
        holder = holders.get(domain)
        if holder is not None and (holder not in book.nameless or account_id in book.nameless):
            grants.denied[account_id] = domain
            continue
        if holder is not None:
            grants.absorbed[holder] = account_id
        grants.granted[account_id] = domain
        holders[domain] = account_id
    return grants


async def derive(
    connection: Connection,
    workspace: Workspace,
    book: Book,
    account_ids: Collection[AccountId],
    now: datetime,
    *,
    insist: bool = False,
) -> set[ProfileId]:
    """Write the columns of accounts whose traits changed; the answer is further profiles to refresh.

    An account with a group id that proves to have the domain of one without absorbs that one. A domain that another
    account with a group id has already stays there, and the trait says what was said.

    Args:
        connection: in the transaction that holds the accounts' locks.
        workspace: for its list of free-mail domains.
        book: is kept up to date.
        account_ids: those of which the traits changed.
        now: when roles in an absorbed account end.
        insist: whether a domain that cannot be had is an error.

    Raises:
        Conflict: `insist`, and another account has the domain.
    """
    if not account_ids:
        return set()
    async with planned_for(connection, len(account_ids)):
        return await _derive(connection, workspace, book, account_ids, now, insist=insist)


async def _derive(
    connection: Connection,
    workspace: Workspace,
    book: Book,
    account_ids: Collection[AccountId],
    now: datetime,
    *,
    insist: bool,
) -> set[ProfileId]:
    workspace_id = workspace.workspace_id
    before = await _rows(connection, workspace_id, account_ids)
    lifted = await _lifted(connection, workspace, account_ids)
    claims = {
        account_id: one.domain
        for account_id, one in lifted.items()
        if one.domain is not None and one.domain != before[account_id].domain
    }
    touched: set[ProfileId] = set()
    domains = {account_id: row.domain for account_id, row in before.items()}
    if claims:
        await lock_names(connection, workspace_id, domains=claims.values())
        await look(connection, workspace_id, book, domains=claims.values())
        grants = grant(claims, book)
        if insist and grants.denied:
            domain = next(iter(grants.denied.values()))
            raise Conflict(f"Another account has the domain {domain}.", field=("domain",))
        if grants.absorbed:
            losers, survivors = list(grants.absorbed), list(grants.absorbed.values())
            touched |= await _members(connection, workspace_id, losers)
            await connection.execute(queries.absorb_accounts, workspace_id, losers, survivors, now)
            lifted = await _lifted(connection, workspace, account_ids)
        for account_id, domain in grants.granted.items():
            book.give(account_id, domain, instead_of=domains[account_id])
            domains[account_id] = domain
    if rekinded := [one for one, row in before.items() if lifted[one].kind not in (None, row.kind)]:
        # What an e-mail domain suggests depends on the kind of the other accounts that somebody is in.
        touched |= await _members(connection, workspace_id, rekinded)
    await _write(connection, workspace_id, lifted, domains)
    return touched


async def _rows(
    connection: Connection, workspace_id: WorkspaceId, account_ids: Collection[AccountId]
) -> dict[AccountId, _Row]:
    rows = await connection.fetch(queries.load_accounts, workspace_id, list(account_ids))
    return {
        AccountId(row["account_id"]): _Row(kind=AccountKind(row["kind"]), domain=row["domain"])
        for row in rows
    }


async def _lifted(
    connection: Connection, workspace: Workspace, account_ids: Collection[AccountId]
) -> dict[AccountId, Lifted]:
    said: dict[AccountId, dict[str, Register]] = {account_id: {} for account_id in account_ids}
    for row in await connection.fetch(queries.load_traits, workspace.workspace_id, list(account_ids)):
        said[AccountId(row["account_id"])][row["key"]] = Register(
            value=msgspec.json.decode(row["value"]),
            occurred_at=row["occurred_at"],
            message_id=row["message_id"],
            source=row["source"],
        )
    free_mail = workspace.settings.free_mail_domains
    return {account_id: lift(registers, free_mail) for account_id, registers in said.items()}


async def _members(
    connection: Connection, workspace_id: WorkspaceId, account_ids: Collection[AccountId]
) -> set[ProfileId]:
    """The people of accounts, locked."""
    rows = await connection.fetch(queries.members_of, workspace_id, list(account_ids))
    return set(await lock(connection, workspace_id, [ProfileId(row["profile_id"]) for row in rows]))


async def _write(
    connection: Connection,
    workspace_id: WorkspaceId,
    lifted: Mapping[AccountId, Lifted],
    domains: Mapping[AccountId, str | None],
) -> None:
    await connection.execute(
        queries.write_accounts,
        workspace_id,
        list(lifted),
        [one.kind for one in lifted.values()],
        [one.name for one in lifted.values()],
        [domains[account_id] for account_id in lifted],
        [one.seats_licensed for one in lifted.values()],
        [msgspec.json.encode(one.traits).decode() for one in lifted.values()],
    )
