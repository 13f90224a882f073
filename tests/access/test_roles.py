"""Roles of a workspace's own; and nobody hands out what they have not got."""

from __future__ import annotations

import asyncio

import pytest

from cdp.access import SCOPES, Authenticator, KeyBearer, KeyRole, Scope, operator
from cdp.access.key import KeyState
from cdp.access.keys import get_key, list_keys, make_key
from cdp.access.roles import list_roles
from cdp.db.pool import Connection, Database
from cdp.errors import BadInput, Conflict, Forbidden, NotFound
from cdp.model import WorkspaceId
from tests.access.keyring import NOW, Clock, Keyring


async def test_a_key_has_the_scopes_of_its_own_role_and_a_change_holds_within_a_second(
    keyring: Keyring, authenticator: Authenticator, clock: Clock
) -> None:
    await keyring.define("EMEA_SALES", "profiles:read", "intent:read", "plugin:credit:read")
    made = await keyring.make("emea_sales")
    found = await authenticator.authenticate(made.token)
    assert (found.role, found.scopes) == (
        "EMEA_SALES",
        {"profiles:read", "intent:read", "plugin:credit:read"},
    )
    await keyring.define("EMEA_SALES", "profiles:read")
    clock.seconds = 1.0
    found = await authenticator.authenticate(made.token)
    assert found.scopes == {"profiles:read"}
    with pytest.raises(Forbidden, match="EMEA_SALES"):
        found.require(Scope.INTENT_READ)


async def test_an_administrator_has_what_plugins_declare_and_nobody_else_by_a_preset(
    keyring: Keyring, database: Database
) -> None:
    """Nor by a role with that preset's scopes: what it grants is what stands in it."""
    await keyring.define("DEPUTY", *SCOPES[KeyRole.ADMIN])
    bearer = KeyBearer(database, declared=frozenset({"plugin:credit:read"}))
    found = {
        role: "plugin:credit:read" in (await bearer.principal((await keyring.make(role)).token)).scopes
        for role in (*KeyRole, "DEPUTY")
    }
    assert found == {**dict.fromkeys(KeyRole, False), "ADMIN": True, "DEPUTY": False}


async def test_a_role_of_one_workspace_is_none_in_another(
    keyring: Keyring, clock: Clock, other_workspace: WorkspaceId
) -> None:
    await keyring.define("EMEA_SALES", "profiles:read")
    elsewhere = Keyring(keyring.database, operator(other_workspace), clock)
    with pytest.raises(BadInput, match="is not a role of keys"):
        await elsewhere.make("EMEA_SALES")
    async with elsewhere.transaction() as connection:
        assert all(role.preset for role in await list_roles(connection, other_workspace))


async def test_what_is_no_role_or_no_scope_is_refused(keyring: Keyring) -> None:
    for name in ("ADMIN", "INGEST", "emea", "E", "1ST", "A" * 41, "A-B", "Ä_B", "A B", ""):
        with pytest.raises(BadInput):
            await keyring.define(name, "profiles:read")
    for scope in ("visitor:read", "everything", "Profiles:read", "plugin::read", "plugin:x:write", ""):
        with pytest.raises(BadInput, match="is not a scope that a role may grant"):
            await keyring.define("OK", scope)


async def test_a_role_goes_only_when_no_key_has_it(keyring: Keyring, workspace: WorkspaceId) -> None:
    await keyring.define("TEMPORARY", "profiles:read")
    made = await keyring.make("TEMPORARY")
    with pytest.raises(Conflict, match=str(made.key.key_id)):
        await keyring.remove("TEMPORARY")
    await keyring.revoke(made.key.key_id)
    await keyring.remove("TEMPORARY")
    with pytest.raises(NotFound):
        await keyring.remove("TEMPORARY")
    with pytest.raises(NotFound):
        await keyring.remove("\0")
    with pytest.raises(BadInput, match="preset"):
        await keyring.remove("ADMIN")
    async with keyring.transaction() as connection:
        key = await get_key(connection, workspace, made.key.key_id)
    assert (key.scopes, key.state(NOW)) == (frozenset(), KeyState.REVOKED)


async def test_nobody_hands_out_a_key_of_a_role_that_is_being_removed(
    keyring: Keyring, database: Database, workspace: WorkspaceId
) -> None:
    """Whichever comes first, the other one waits, and finds how things stand."""
    await keyring.define("TEMPORARY", "profiles:read")
    async with keyring.transaction() as connection:
        await make_key(connection, keyring.granter, name="k", role="TEMPORARY", now=NOW)
        removing = asyncio.create_task(keyring.remove("TEMPORARY"))
        await _waits_for_a_lock(connection)
    with pytest.raises(Conflict):
        await removing
    assert len(await list_keys(database, workspace)) == 1


async def _waits_for_a_lock(connection: Connection) -> None:
    async with asyncio.timeout(5):
        while not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):  # noqa: ASYNC110
            await asyncio.sleep(0)  # PostgreSQL tells nobody who waits


async def test_nobody_hands_out_what_they_have_not_got(keyring: Keyring) -> None:
    """Not by a key, nor by a role, nor by the token of a key that is rotated, nor by loosening where one is good."""
    await keyring.define("BOTH", "profiles:read", "intent:read", "usage:read")
    strong = await keyring.make("BOTH")
    public = await keyring.make("INGEST")
    deputy = keyring.of("workspace:admin", "profiles:read", "intent:read")
    assert await deputy.define("DEPUTIES", "profiles:read") == {"profiles:read"}
    weak = await deputy.make("DEPUTIES")
    for refused, scope in (
        (deputy.make("BOTH"), "usage:read"),
        (deputy.make("ADMIN"), "audit:read"),
        (deputy.make("INGEST"), "events:write"),
        (deputy.rotate(strong.key.key_id), "usage:read"),
        (deputy.rotate(public.key.key_id), "events:write"),
        (deputy.update(weak.key.key_id, role="BOTH"), "usage:read"),
        (deputy.update(strong.key.key_id, networks=[]), "usage:read"),
        (deputy.define("MINE", "profiles:read", "pii:read"), "pii:read"),
        (deputy.define("DEPUTIES", "usage:read"), "usage:read"),
        (deputy.define("MINE", "plugin:credit:read"), "plugin:credit:read"),
    ):
        with pytest.raises(Forbidden, match=scope):
            await refused
    # What takes something away is nobody's gain.
    await deputy.define("BOTH", "usage:read", "profiles:read")
    await deputy.revoke(strong.key.key_id)
