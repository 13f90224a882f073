"""What a person states about accounts and memberships.

Statements are registers like everything else that is said about an account: the later one stands, and a later group
call may say otherwise.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from cdp.accounts.book import Book, add, lock_names, look, note, queries
from cdp.accounts.columns import derive
from cdp.accounts.domains import organisation, registrable
from cdp.accounts.registers import DOMAIN, KIND, NAME, SEATS, Register
from cdp.accounts.store import current_account
from cdp.db.pool import Connection
from cdp.errors import BadInput, Conflict, NotFound
from cdp.identity.kinds import DEFAULT_KINDS, Kinds
from cdp.identity.profiles import lock, nodes_of
from cdp.model import AccountId, AccountKind, ProfileId, Workspace

_DEFAULT: Kinds = {kind.name: kind for kind in DEFAULT_KINDS}
_MOST_SEATS = 2**31 - 1


class AccountChanges(Struct, frozen=True, kw_only=True):
    """What is stated about an account; what is None stays as it is."""

    name: str | None = None
    kind: AccountKind | None = None
    domain: str | None = None
    """Domain, web site or e-mail address; the registrable part counts."""
    seats_licensed: int | None = None
    traits: dict[str, Any] = {}
    """A value of None takes the trait away. The fields above win over traits of the same meaning."""


class Changed(Struct, frozen=True, kw_only=True):
    """What became of it."""

    account_id: AccountId
    touched: frozenset[ProfileId]
    """Profiles to refresh and to settle; locked."""


async def update(
    connection: Connection,
    workspace: Workspace,
    *,
    account_id: AccountId | None = None,
    group_id: str | None = None,
    domain: str | None = None,
    changes: AccountChanges,
    by: str,
    now: datetime,
) -> Changed:
    """State something about an account, which is found by its id, else by its group id, else by its domain.

    A domain that is stated for an account with a group id absorbs the account that was known by that domain alone.

    Raises:
        NotFound: there is no such account.
        BadInput: a value that cannot be; `field` names it.
        Conflict: another account has the domain.
    """
    book = Book()
    if account_id is not None:
        found = await current_account(connection, workspace.workspace_id, account_id)
    elif group_id is not None:
        await look(connection, workspace.workspace_id, book, groups=[group_id])
        found = book.by_group.get(group_id)
    else:
        name = registrable(domain or "")
        await look(connection, workspace.workspace_id, book, domains=[name] if name else [])
        found = book.by_domain.get(name or "")
    if found is None:
        raise NotFound("There is no such account in this workspace.")
    return await _state(connection, workspace, book, found, changes=changes, by=by, now=now)


async def create(
    connection: Connection,
    workspace: Workspace,
    *,
    group_id: str | None = None,
    changes: AccountChanges,
    by: str,
    now: datetime,
) -> Changed:
    """Make an account, known by its group id, else by the domain in `changes`, else by its name alone.

    Raises:
        BadInput: neither is given, or a value that cannot be; `field` names it.
        Conflict: there is one of this group id or this domain.
    """
    book = Book()
    workspace_id = workspace.workspace_id
    domain = _domain(changes.domain, workspace)
    if group_id is None and domain is None and not (changes.name or "").strip():
        raise BadInput("Give the new account a group id, a domain or a name.", field=("groupId",))
    groups = [] if group_id is None else [group_id]
    domains = [] if domain is None else [domain]
    await lock_names(connection, workspace_id, groups=groups, domains=domains)
    await look(connection, workspace_id, book, groups=groups, domains=domains)
    if group_id is not None and group_id in book.by_group:
        raise Conflict(f"There is an account of the group id {group_id!r} already.", field=("groupId",))
    holder = None if domain is None else book.by_domain.get(domain)
    if holder is not None and (group_id is None or holder not in book.nameless):
        raise Conflict(f"There is an account of the domain {domain} already.", field=("domain",))
    if group_id is not None and holder is not None:
        await connection.execute(queries.adopt_accounts, workspace_id, [holder], [group_id])
        book.nameless.discard(holder)
        book.enter(holder, group_id, domain)
        made = holder
    elif group_id is not None:
        await add(connection, workspace_id, book, now, groups=groups)
        made = book.by_group[group_id]
    elif domain is not None:
        await add(connection, workspace_id, book, now, domains=domains)
        made = book.by_domain[domain]
    else:
        rows = await connection.fetch(queries.create_accounts, workspace_id, [None], [None], now)
        made = AccountId(rows[0]["account_id"])
    return await _state(connection, workspace, book, made, changes=changes, by=by, now=now)


async def membership_set(
    connection: Connection,
    workspace: Workspace,
    profile_id: ProfileId,
    account_id: AccountId,
    *,
    since: datetime | None,
    until: datetime | None,
    by: str,
    now: datetime,
    kinds: Kinds = _DEFAULT,
) -> frozenset[ProfileId]:
    """State that a person is in an account, or was until a time; the answer is the profiles to refresh, locked.

    It outranks what group calls and e-mail domains say. `until` in the past ends the membership, None keeps it open.

    Raises:
        NotFound: there is no such profile or account.
        BadInput: `until` is not after `since`.
    """
    workspace_id = workspace.workspace_id
    if since is not None and until is not None and until <= since:
        raise BadInput("The membership would end before it begins.", field=("until",))
    (person,) = await lock(connection, workspace_id, [profile_id])
    account = await current_account(connection, workspace_id, account_id)
    if account is None:
        raise NotFound(f"There is no account {account_id} in this workspace.")
    node_id, _ = (await nodes_of(connection, workspace_id, person, kinds))[0]
    await connection.execute(
        queries.set_membership, workspace_id, node_id, account, since, until, now, f"membershipSet:{by}"
    )
    return frozenset({person})


async def _state(
    connection: Connection,
    workspace: Workspace,
    book: Book,
    account_id: AccountId,
    *,
    changes: AccountChanges,
    by: str,
    now: datetime,
) -> Changed:
    said = {
        key: Register(value=value, occurred_at=now, message_id=f"accountUpdate:{by}", source=f"human:{by}")
        for key, value in _values(changes, workspace).items()
    }
    rows = await connection.fetch(queries.load_accounts, workspace.workspace_id, [account_id])
    book.enter(account_id, rows[0]["group_id"], rows[0]["domain"])
    changed = await note(connection, workspace.workspace_id, {account_id: said})
    insist = changes.domain is not None
    touched = await derive(connection, workspace, book, changed, now, insist=insist)
    return Changed(account_id=account_id, touched=frozenset(touched))


def _values(changes: AccountChanges, workspace: Workspace) -> dict[str, Any]:
    values = dict(changes.traits)
    if changes.name is not None:
        if not changes.name.strip():
            raise BadInput("A name cannot be blank.", field=("name",))
        values[NAME] = changes.name.strip()
    if changes.kind is not None:
        values[KIND] = changes.kind.value
    if changes.domain is not None:
        values[DOMAIN] = _domain(changes.domain, workspace)
    if changes.seats_licensed is not None:
        if not 0 <= changes.seats_licensed <= _MOST_SEATS:
            raise BadInput("The number of seats is not one.", field=("seatsLicensed",))
        values[SEATS] = changes.seats_licensed
    return values


def _domain(text: str | None, workspace: Workspace) -> str | None:
    if text is None:
        return None
    domain = organisation(text, workspace.settings.free_mail_domains)
    if domain is None:
        raise BadInput(
            f"{text[:80]!r} is not the domain of one organisation; write it like acme.com.", field=("domain",)
        )
    return domain
