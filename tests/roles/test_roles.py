"""Roles in the database: inferred beside asserted, ended and begun again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from msgspec import structs

from cdp import roles
from cdp.db.pool import Database
from cdp.errors import BadInput, Conflict, NotFound
from cdp.hooks.core_roles import CORE_ROLES
from cdp.hooks.outcomes import Answered
from cdp.identity.kinds import make_kinds
from cdp.model import AccountId, Identifier, ProfileId, RoleContribution, WorkspaceId
from cdp.roles import Assertion, Changes, assert_role, current_roles, role_names
from tests.settle.parts import CLAIMS, NOON, claim, event, ingest, rows

ALONE = AccountId(0)
HOUR = timedelta(hours=1)


@pytest.fixture
async def ada(database: Database, workspace: WorkspaceId) -> ProfileId:
    """A person with two identifiers and no account."""
    identifiers = (Identifier("user_id", "ada"), Identifier("email", "ada@gmail.com"))
    (profile_id,) = await ingest(database, workspace, [event("1", "ada", identifiers=identifiers)])
    return profile_id


async def settle(
    database: Database, workspace: WorkspaceId, ada: ProfileId, now: datetime, *claims: RoleContribution
) -> Changes:
    async with database.transaction(workspace) as connection:
        answers = {(ada, ALONE): {"p": Answered(claims)}}
        return await roles.apply(connection, workspace, [ada], answers, kept=(), now=now)


async def say(database: Database, workspace: WorkspaceId, assertion: Assertion, now: datetime = NOON) -> None:
    async with database.transaction(workspace) as connection:
        await assert_role(
            connection, workspace, assertion, known=list(CORE_ROLES), kinds=make_kinds(), now=now
        )


async def held(
    database: Database, workspace: WorkspaceId, ada: ProfileId, as_of: datetime
) -> list[tuple[str, float, str, str]]:
    async with database.connection(workspace) as connection:
        found = await current_roles(connection, workspace, [(ada, ALONE)], as_of=as_of)
    return [
        (one.role, one.confidence, one.source, one.evidence[0].reason) for one in found.get((ada, ALONE), ())
    ]


async def test_roles_end_and_begin_again_and_history_stays(
    database: Database, workspace: WorkspaceId, ada: ProfileId
) -> None:
    """A claim that comes back is a new one, from when the old one ended at the earliest."""
    user, champion = claim("END_USER", 0.5), claim("CHAMPION", 0.7)
    assert await settle(database, workspace, ada, NOON, user, champion) == Changes(begun=2)
    assert await settle(database, workspace, ada, NOON + HOUR, user) == Changes(ended=1)
    back = structs.replace(champion, since=NOON - HOUR, confidence=0.8)
    assert await settle(database, workspace, ada, NOON + 2 * HOUR, claim("END_USER", 0.9), back) == Changes(
        begun=1, revised=1
    )
    assert await rows(database, workspace, CLAIMS) == [
        ("ada", "CHAMPION", "p", 0.7, NOON, NOON + HOUR),
        ("ada", "END_USER", "p", 0.9, NOON, None),
        ("ada", "CHAMPION", "p", 0.8, NOON + HOUR, None),
    ]


async def test_what_a_person_asserts_outranks_what_is_inferred(
    database: Database, workspace: WorkspaceId, ada: ProfileId
) -> None:
    """Both stand, each with its source; the assertion first, whatever the inferred confidence."""
    await settle(database, workspace, ada, NOON, claim("END_USER", 0.99), claim("ADVOCATE", 0.4))
    assertion = Assertion(
        profile_id=ada, account_id=ALONE, role="ADVOCATE", asserted_by="crm", note="met at the fair"
    )
    await say(database, workspace, assertion)
    assert await held(database, workspace, ada, NOON) == [
        ("ADVOCATE", 1.0, "human:crm", "crm says so: met at the fair"),
        ("END_USER", 0.99, "p", "told so"),
        ("ADVOCATE", 0.4, "p", "told so"),
    ]
    async with database.connection(workspace) as connection:
        found = await current_roles(connection, workspace, [(ada, ALONE)], as_of=NOON)
    assert role_names(found[ada, ALONE]) == ("ADVOCATE", "END_USER")


async def test_an_assertion_hangs_on_the_strongest_identifier_and_ends_when_it_is_said(
    database: Database, workspace: WorkspaceId, ada: ProfileId
) -> None:
    """Saying it twice is saying it once; a later end replaces none; a past end ends it now."""
    assertion = Assertion(profile_id=ada, account_id=ALONE, role="ADVOCATE", asserted_by="crm")
    await say(database, workspace, assertion)
    await say(database, workspace, assertion, NOON + HOUR)
    await say(database, workspace, structs.replace(assertion, until=NOON + 3 * HOUR), NOON + HOUR)
    stored = """
        SELECT n.kind, a.role, a.since, a.until FROM role_assertion a
        JOIN node n ON n.workspace_id = $1 AND n.node_id = a.node_id WHERE a.workspace_id = $1
    """
    assert await rows(database, workspace, stored) == [("user_id", "ADVOCATE", NOON, NOON + 3 * HOUR)]
    assert len(await held(database, workspace, ada, NOON + 2 * HOUR)) == 1
    assert await held(database, workspace, ada, NOON + 3 * HOUR) == []
    await say(database, workspace, structs.replace(assertion, until=NOON + HOUR), NOON + 2 * HOUR)
    assert await held(database, workspace, ada, NOON + 2 * HOUR) == []


async def test_an_assertion_that_cannot_be_made_says_why(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId, ada: ProfileId
) -> None:
    """An unknown role, no such membership, nothing to end, somebody else's workspace."""
    good = Assertion(profile_id=ada, account_id=ALONE, role="ADVOCATE", asserted_by="crm")
    with pytest.raises(BadInput, match="'KING' is not a role; known are ECONOMIC_BUYER, END_USER"):
        await say(database, workspace, structs.replace(good, role="KING"))
    with pytest.raises(NotFound, match="not in that account"):
        await say(database, workspace, structs.replace(good, account_id=AccountId(9)))
    with pytest.raises(Conflict, match="nothing to end"):
        await say(database, workspace, structs.replace(good, until=NOON))
    with pytest.raises(NotFound):
        await say(database, other_workspace, good)
    assert await held(database, workspace, ada, NOON) == []
