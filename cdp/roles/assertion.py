"""What a person says about somebody's role."""

from __future__ import annotations

from collections.abc import Collection
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
    rows = await connection.fetch(
        _queries.membership_nodes, workspace_id, assertion.profile_id, assertion.account_id
    )
    if not rows:
        raise NotFound("This person is not in that account; make the membership first.")
    nodes = {Identifier(row["kind"], row["value"]): row["node_id"] for row in rows}
    where = (workspace_id, list(nodes.values()), assertion.account_id, assertion.role, now)
    said = [row["assertion_id"] for row in await connection.fetch(_queries.standing_assertions, *where)]
    denied = [row["denial_id"] for row in await connection.fetch(_queries.standing_denials, *where)]
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
