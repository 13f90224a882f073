"""What a person says about somebody's role."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.errors import BadInput, Conflict, NotFound
from cdp.identity.kinds import Kinds, strongest_first
from cdp.model import AccountId, Identifier, ProfileId, WorkspaceId

_queries = load_queries("cdp.roles", "store.sql")


class Assertion(Struct, frozen=True, kw_only=True):
    """One sentence: this person holds this role there, says somebody."""

    profile_id: ProfileId
    """Not a merged one."""
    account_id: AccountId
    role: str
    asserted_by: str
    """Name of the key."""
    until: datetime | None = None
    """When it ends; a time that has come ends it now."""
    note: str | None = None
    holds: bool = True
    """False: that the person does *not* hold the role, whatever plugins claim."""


async def assert_role(
    connection: Connection,
    workspace_id: WorkspaceId,
    assertion: Assertion,
    *,
    known: Collection[str],
    kinds: Kinds,
    now: datetime,
) -> None:
    """Keep it, on the person's strongest identifier, where it survives merges and splits.

    Saying the same again changes nothing; saying it with another `until` or note changes what was said before. Saying
    the contrary ends what was said before.

    Args:
        connection: in a transaction.
        workspace_id: the tenant.
        assertion: what is said.
        known: names of all roles, `Plugins.roles()`.
        kinds: of identifiers, which tell the strongest.
        now: when it begins.

    Raises:
        BadInput: the role is unknown.
        Conflict: it is to be ended, and nobody has asserted it.
        NotFound: there is no such membership.
    """
    if assertion.role not in known:
        raise BadInput(
            f"{assertion.role[:80]!r} is not a role; known are {', '.join(known)}.", field=("role",)
        )
    nodes = await _nodes(connection, workspace_id, assertion.profile_id, assertion.account_id)
    said, denied = await _standing(
        connection, workspace_id, nodes, assertion.account_id, assertion.role, now=now
    )
    if assertion.holds:
        standing, change, insert = said, _queries.change_assertions, _queries.insert_assertion
        contrary, end = denied, _queries.change_denials
    else:
        standing, change, insert = denied, _queries.change_denials, _queries.insert_denial
        contrary, end = said, _queries.change_assertions
    over = assertion.until is not None and assertion.until <= now
    if standing:
        await connection.execute(change, workspace_id, standing, assertion.until, assertion.note)
    elif over:
        which = assertion.role if assertion.holds else f"not {assertion.role}"
        raise Conflict(f"Nobody has asserted that this person is {which} there, so there is nothing to end.")
    else:
        await connection.fetchval(
            insert,
            workspace_id,
            nodes[strongest_first(kinds, nodes)[0]],
            assertion.account_id,
            assertion.role,
            assertion.note,
            assertion.asserted_by,
            now,
            assertion.until,
        )
    if contrary and not over:
        await connection.execute(end, workspace_id, contrary, now, None)


async def retract_role(
    connection: Connection,
    workspace_id: WorkspaceId,
    profile_id: ProfileId,
    account_id: AccountId,
    role: str,
    *,
    now: datetime,
) -> None:
    """End what people say of this role there, for it or against it.

    Raises:
        Conflict: nobody says anything.
        NotFound: there is no such membership.
    """
    nodes = await _nodes(connection, workspace_id, profile_id, account_id)
    said, denied = await _standing(connection, workspace_id, nodes, account_id, role, now=now)
    if not said and not denied:
        raise Conflict(
            f"Nobody has asserted that this person is {role[:80]} there, so there is nothing to end."
        )
    await connection.execute(_queries.change_assertions, workspace_id, said, now, None)
    await connection.execute(_queries.change_denials, workspace_id, denied, now, None)


async def _nodes(
    connection: Connection, workspace_id: WorkspaceId, profile_id: ProfileId, account_id: AccountId
) -> dict[Identifier, int]:
    rows = await connection.fetch(_queries.membership_nodes, workspace_id, profile_id, account_id)
    if not rows:
        raise NotFound("This person is not in that account; make the membership first.")
    return {Identifier(row["kind"], row["value"]): row["node_id"] for row in rows}


async def _standing(
    connection: Connection,
    workspace_id: WorkspaceId,
    nodes: Mapping[Identifier, int],
    account_id: AccountId,
    role: str,
    *,
    now: datetime,
) -> tuple[list[int], list[int]]:
    """What people say for the role, and against it; locked."""
    where = (workspace_id, list(nodes.values()), account_id, role, now)
    said = [row["assertion_id"] for row in await connection.fetch(_queries.standing_assertions, *where)]
    denied = [row["denial_id"] for row in await connection.fetch(_queries.standing_denials, *where)]
    return said, denied
