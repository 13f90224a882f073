"""`resolve`: the events of one flush find or make their accounts, say what those are and who is in them.

A flush without group ids and without new e-mail addresses takes no statement here; one in which events only happen in
known accounts takes one. Locks come after those of profiles: first of names that are given to accounts, then of
accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from cdp.accounts.book import Book, add, lock_names, look, note, queries
from cdp.accounts.columns import derive
from cdp.accounts.domains import organisation
from cdp.accounts.registers import Register, later, lift
from cdp.db.pool import Connection
from cdp.identity.kinds import EMAIL
from cdp.identity.store import Resolution
from cdp.lenses.additions import Joined
from cdp.model import AccountId, Event, EventType, Identifier, NodeId, ProfileId, Workspace, WorkspaceId
from cdp.model.ids import NO_ACCOUNT


async def resolve(  # noqa: PLR0917 - all six are what ingest has at hand, in the order in which it got them
    connection: Connection,
    workspace_id: WorkspaceId,
    events: Sequence[Event],
    resolution: Resolution,
    workspace: Workspace,
    now: datetime,
) -> list[AccountId]:
    """The account of each event, 0 where it has none.

    Makes accounts for group ids and for the domains of new e-mail addresses, keeps what group calls say about them, and
    notes who is in them: group calls make a member from their time on, an address at an organisation's domain suggests
    one. People whose memberships may change by it are added to `resolution.touched` and `resolution.anew`, also those
    who are concerned because an account absorbs another: locked.

    Call it in the transaction of `cdp.identity.store.resolve`, after it.
    """
    refs = {event.account for event in events if event.account is not None}
    groups = {ref.group_id for ref in refs if ref.domain is None}
    resolved = {ref.domain for ref in refs if ref.domain is not None}
    domain_of = _domains(resolution.new_nodes, workspace)
    if not refs and not domain_of:
        return [NO_ACCOUNT] * len(events)
    said = _said(events)
    domains = {*domain_of.values(), *resolved}
    book = await _accounts(connection, workspace, groups=groups, domains=domains, said=said, now=now)
    changed = await note(
        connection, workspace_id, {book.by_group[group_id]: registers for group_id, registers in said.items()}
    )
    moved = await derive(connection, workspace, book, changed, now)
    if unknown := domains - book.by_domain.keys():
        await add(connection, workspace_id, book, now, domains=unknown)
    account_of = [
        NO_ACCOUNT
        if (ref := event.account) is None
        else book.by_group[ref.group_id]
        if ref.domain is None
        else book.by_domain[ref.domain]
        for event in events
    ]
    told = await _note_group_memberships(connection, workspace_id, events, resolution.node_of, account_of)
    told += await _note_domain_memberships(
        connection,
        workspace_id,
        [(node_id, book.by_domain[domain]) for node_id, domain in domain_of.items()],
        now,
    )
    told_of: dict[ProfileId, list[Joined]] = {}
    for node_id, joined in told:
        told_of.setdefault(resolution.profile_of[node_id], []).append(joined)
    for profile_id, all_joined in told_of.items():
        # Of who is new everything is known, and where there is but one account, for one reason, nothing to be weighed.
        if profile_id in resolution.born and profile_id not in moved and len(all_joined) == 1:
            resolution.joined[profile_id] = all_joined[0]
        else:
            moved.add(profile_id)
    resolution.touched.update(moved)
    resolution.anew.update(moved)
    return account_of


async def find(
    connection: Connection,
    workspace_id: WorkspaceId,
    *,
    group_id: str | None = None,
    domain: str | None = None,
) -> AccountId | None:
    """The living account of a group id, else of a domain (registrable, as in the account); None: there is none."""
    book = Book()
    groups = () if group_id is None else (group_id,)
    domains = () if domain is None else (domain,)
    await look(connection, workspace_id, book, groups=groups, domains=domains)
    if group_id is not None:
        return book.by_group.get(group_id)
    return None if domain is None else book.by_domain.get(domain)


async def current_account(
    connection: Connection, workspace_id: WorkspaceId, account_id: AccountId
) -> AccountId | None:
    """The account that an id leads to today: itself, or the one that absorbed it; None: there is none."""
    rows = await connection.fetch(queries.load_accounts, workspace_id, [account_id])
    return AccountId(rows[0]["merged_into"] or rows[0]["account_id"]) if rows else None


def _domains(new_nodes: Iterable[tuple[NodeId, Identifier]], workspace: Workspace) -> dict[NodeId, str]:
    """The organisation's domain of each new e-mail address that has one."""
    free_mail = workspace.settings.free_mail_domains
    return {
        node_id: domain
        for node_id, identifier in new_nodes
        if identifier.kind == EMAIL and (domain := organisation(identifier.value, free_mail)) is not None
    }


def _said(events: Iterable[Event]) -> dict[str, dict[str, Register]]:
    """By group id, the latest of each trait that the group calls of this flush carry."""
    said: dict[str, dict[str, Register]] = {}
    for event in events:
        if event.account is not None and event.type is EventType.GROUP and event.properties:
            more = (
                (
                    key,
                    Register(
                        value=value,
                        occurred_at=event.occurred_at,
                        message_id=event.message_id,
                        source=event.source,
                    ),
                )
                for key, value in event.properties.items()
            )
            later(said.setdefault(event.account.group_id, {}), more)
    return said


async def _accounts(
    connection: Connection,
    workspace: Workspace,
    *,
    groups: set[str],
    domains: set[str],
    said: Mapping[str, Mapping[str, Register]],
    now: datetime,
) -> Book:
    """Find the accounts of all groups and domains; make those of groups that are missing, domains are left for later.

    A missing group whose traits name the domain of an account known by that alone adopts this account.
    """
    workspace_id = workspace.workspace_id
    book = Book()
    await look(connection, workspace_id, book, groups=groups, domains=domains)
    missing = groups - book.by_group.keys()
    if not missing and domains <= book.by_domain.keys():
        return book
    claimed = {
        group_id: domain
        for group_id in missing & said.keys()
        if (domain := lift(said[group_id], workspace.settings.free_mail_domains).domain) is not None
    }
    unknown = (domains - book.by_domain.keys()) | set(claimed.values())
    await lock_names(connection, workspace_id, groups=missing, domains=unknown)
    await look(connection, workspace_id, book, groups=missing, domains=unknown)
    missing -= book.by_group.keys()
    adopted: dict[AccountId, str] = {}
    for group_id, domain in sorted(claimed.items()):
        holder = book.by_domain.get(domain)
        if group_id in missing and holder is not None and holder in book.nameless:
            adopted[holder] = group_id
            book.nameless.discard(holder)
            book.enter(holder, group_id, domain)
    if adopted:
        await connection.execute(queries.adopt_accounts, workspace_id, list(adopted), list(adopted.values()))
    await add(connection, workspace_id, book, now, groups=missing - set(adopted.values()))
    return book


async def _note_group_memberships(
    connection: Connection,
    workspace_id: WorkspaceId,
    events: Sequence[Event],
    node_of: Sequence[NodeId],
    account_of: Sequence[AccountId],
) -> list[tuple[NodeId, Joined]]:
    """Keep who is a member by a group call, since the earliest; the answer is for whom that was news."""
    first: dict[tuple[NodeId, AccountId], tuple[datetime, str]] = {}
    for event, node_id, account_id in zip(events, node_of, account_of, strict=True):
        if event.account is not None and event.account.member:
            at = (event.occurred_at, event.message_id)
            first[node_id, account_id] = min(at, first.get((node_id, account_id), at))
    if not first:
        return []
    rows = await connection.fetch(
        queries.note_group_memberships,
        workspace_id,
        [node_id for node_id, _ in first],
        [account_id for _, account_id in first],
        [since for since, _ in first.values()],
        [message_id for _, message_id in first.values()],
    )
    return [
        (NodeId(node_id), Joined(AccountId(account_id), "group", since))
        for node_id, account_id, since in rows
    ]


async def _note_domain_memberships(
    connection: Connection,
    workspace_id: WorkspaceId,
    suggested: Sequence[tuple[NodeId, AccountId]],
    now: datetime,
) -> list[tuple[NodeId, Joined]]:
    """Keep whose address is at an organisation's domain; the answer is for whom that was news."""
    if not suggested:
        return []
    rows = await connection.fetch(
        queries.note_domain_memberships,
        workspace_id,
        [node_id for node_id, _ in suggested],
        [account_id for _, account_id in suggested],
        now,
    )
    return [(NodeId(node_id), Joined(AccountId(account_id), "email_domain")) for node_id, account_id in rows]
