"""Keys: what they look like, what they may do, how long they live, and who may ask the database about them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from cdp.access import SCOPES, Authenticator, KeyBearer, KeyRole, Scope, create_key, list_keys, revoke_key
from cdp.access.tokens_of_keys import make_token
from cdp.db.pool import Connection, Database
from cdp.errors import BadInput, Forbidden, NotFound, Unauthenticated, Unavailable
from cdp.model import WorkspaceId

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Clock:
    """Seconds and a date that move only when told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


class CountingDatabase:
    """The real database behind a counter, and behind a gate that can be closed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.asked = 0
        self.at_once = 0
        self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()

    @asynccontextmanager
    async def unbound(self) -> AsyncIterator[Connection]:
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
            async with self._database.unbound() as connection:
                yield connection
        finally:
            self.at_once -= 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counting(database: Database) -> CountingDatabase:
    return CountingDatabase(database)


@pytest.fixture
def bearer(counting: CountingDatabase, clock: Clock) -> KeyBearer:
    return KeyBearer(
        counting, clock=clock.now, monotonic=clock.monotonic, remembered=5, strangers=2, waiting=10
    )


@pytest.fixture
def authenticator(bearer: KeyBearer) -> Authenticator:
    return Authenticator([bearer])


async def test_a_key_has_the_scopes_of_its_role(
    database: Database, workspace: WorkspaceId, authenticator: Authenticator
) -> None:
    """A key of each role is recognised with its workspace and exactly its scopes."""
    expected = {
        "ADMIN": set(Scope) - {Scope.VISITOR_READ},
        "SALES": {"profiles:read", "pii:read", "intent:read"},
        "SUPPORT": {"profiles:read", "pii:read", "usage:read"},
        "MARKETING": {"profiles:read", "intent:read", "usage:read"},
        "INGEST": {"events:write"},
        "PARTNER": {"events:write", "profiles:read"},
    }
    found = {}
    for role in expected:
        token = await create_key(database, workspace, role.lower(), "tests")
        principal = await authenticator.authenticate(token)
        assert (principal.workspace_id, principal.name, principal.role) == (workspace, "tests", KeyRole(role))
        assert principal.publishable == (role == "INGEST") == token.startswith("cdp_pub_")
        found[role] = principal.scopes
    assert found == expected == {role.value: scopes for role, scopes in SCOPES.items()}


async def test_only_the_hash_and_a_prefix_are_stored(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """Whoever reads the table learns nothing that authenticates."""
    token = await create_key(database, workspace, "SALES", "crm")
    row = await superuser.fetchrow("SELECT * FROM api_key")
    assert bytes(row["hash"]) == hashlib.sha256(token.encode()).digest()
    assert token.startswith(row["prefix"])
    assert len(row["prefix"]) == 12
    assert token not in str(dict(row))


def test_keys_are_long_and_random() -> None:
    """43 digits of base 62 after the prefix, never the same twice."""
    tokens = {make_token(publishable=False) for _ in range(200)}
    assert len(tokens) == 200
    assert {len(token) for token in tokens} == {len("cdp_sec_") + 43}


async def test_an_unknown_role_or_an_empty_name_is_refused(
    database: Database, workspace: WorkspaceId
) -> None:
    """The message says what would be right."""
    with pytest.raises(BadInput, match="choose one of ADMIN, SALES, SUPPORT, MARKETING, INGEST, PARTNER"):
        await create_key(database, workspace, "KING", "x")
    with pytest.raises(BadInput, match="Name the key"):
        await create_key(database, workspace, "SALES", " \n ")


async def test_what_cannot_be_a_key_never_reaches_the_database(
    authenticator: Authenticator, counting: CountingDatabase
) -> None:
    """Shape is checked first."""
    sec = "cdp_sec_"
    for token in (
        None,
        "",
        "x",
        sec,
        sec + "é" * 43,
        sec + "a" * 42 + "\0",
        sec + "a" * 43 + "\n",
        sec + "a" * 4000,
    ):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(token)
    assert counting.asked == 0


async def test_a_revoked_key_is_dead_within_a_second(
    database: Database, workspace: WorkspaceId, authenticator: Authenticator, clock: Clock
) -> None:
    """A good answer is remembered for less than a second."""
    token = await create_key(database, workspace, "SALES", "crm")
    await authenticator.authenticate(token)
    (key,) = await list_keys(database, workspace)
    await revoke_key(database, workspace, key.key_id, now=NOW)
    clock.seconds += 1.0
    with pytest.raises(Unauthenticated, match="revoked"):
        await authenticator.authenticate(token)
    await revoke_key(database, workspace, key.key_id, now=NOW + timedelta(days=1))
    assert [key.revoked_at for key in await list_keys(database, workspace)] == [NOW]


async def test_a_key_expires_on_time_even_while_remembered(
    database: Database, workspace: WorkspaceId, authenticator: Authenticator, clock: Clock
) -> None:
    """Expiry is compared at every use, not at every look-up."""
    token = await create_key(
        database, workspace, "SALES", "crm", expires_at=NOW + timedelta(seconds=0.5), now=NOW
    )
    await authenticator.authenticate(token)
    clock.seconds += 0.5
    with pytest.raises(Unauthenticated, match="expired"):
        await authenticator.authenticate(token)


async def test_a_key_cannot_be_listed_or_revoked_from_another_workspace(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """To another workspace the key does not exist."""
    await create_key(database, workspace, "SALES", "crm")
    (key,) = await list_keys(database, workspace)
    assert await list_keys(database, other_workspace) == []
    with pytest.raises(NotFound):
        await revoke_key(database, other_workspace, key.key_id, now=NOW)


async def test_a_burst_with_one_key_asks_once(
    database: Database, workspace: WorkspaceId, authenticator: Authenticator, counting: CountingDatabase
) -> None:
    """Requests that come while the answer is on its way share it; later ones remember it."""
    token = await create_key(database, workspace, "INGEST", "web")
    counting.gate.clear()
    burst = [asyncio.create_task(authenticator.authenticate(token)) for _ in range(50)]
    await asyncio.sleep(0)
    counting.gate.set()
    assert len({principal.key_id for principal in await asyncio.gather(*burst)}) == 1
    await authenticator.authenticate(token)
    assert counting.asked == 1


async def test_who_comes_all_the_time_never_waits_for_the_answer(
    database: Database,
    workspace: WorkspaceId,
    bearer: KeyBearer,
    counting: CountingDatabase,
    clock: Clock,
) -> None:
    """It is asked for again while the last one still stands."""
    authenticator = Authenticator([bearer])
    token = await create_key(database, workspace, "INGEST", "web")
    await authenticator.authenticate(token)
    counting.gate.clear()
    clock.seconds = 0.6
    for _ in range(3):
        assert (await authenticator.authenticate(token)).workspace_id == workspace
        await asyncio.sleep(0)
    assert counting.asked == 2
    counting.gate.set()
    await asyncio.gather(*bearer.memory.asking.values())
    clock.seconds = 1.1
    assert (await authenticator.authenticate(token)).workspace_id == workspace
    assert counting.asked == 2


async def test_one_wrong_key_repeated_asks_once_a_second(
    authenticator: Authenticator, counting: CountingDatabase, clock: Clock
) -> None:
    """Bad answers are remembered as well."""
    token = make_token(publishable=False)
    for _ in range(100):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(token)
    assert counting.asked == 1
    clock.seconds += 1.0
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(token)
    assert counting.asked == 2


async def test_a_flood_of_unknown_keys_neither_hammers_the_database_nor_delays_a_known_key(
    database: Database,
    workspace: WorkspaceId,
    bearer: KeyBearer,
    counting: CountingDatabase,
    clock: Clock,
) -> None:
    """Two strangers at the door, ten in line, the rest are told to come back; a familiar key walks past."""
    authenticator = Authenticator([bearer])
    familiar = await create_key(database, workspace, "INGEST", "web")
    await authenticator.authenticate(familiar)
    clock.seconds += 1.0
    counting.most_at_once = 0
    counting.gate.clear()
    flood = [
        asyncio.create_task(authenticator.authenticate(make_token(publishable=True))) for _ in range(100)
    ]
    for _ in range(5):
        await asyncio.sleep(0)
    assert counting.most_at_once == 2
    passing = asyncio.create_task(authenticator.authenticate(familiar))
    for _ in range(5):
        await asyncio.sleep(0)
    assert counting.most_at_once == 3
    counting.gate.set()
    assert (await passing).workspace_id == workspace
    errors = await asyncio.gather(*flood, return_exceptions=True)
    kinds = [type(error) for error in errors]
    assert (kinds.count(Unauthenticated), kinds.count(Unavailable)) == (10, 90)
    assert len(bearer.memory.bad) <= 5


async def test_a_principal_names_the_scope_that_it_lacks(
    database: Database, workspace: WorkspaceId, authenticator: Authenticator
) -> None:
    """Sales may read intent and not usage."""
    principal = await authenticator.authenticate(await create_key(database, workspace, "SALES", "crm"))
    principal.require(Scope.INTENT_READ)
    with pytest.raises(Forbidden, match="usage:read"):
        principal.require(Scope.USAGE_READ)
