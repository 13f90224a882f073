"""Keys rotate with an overlap, and what has ended has ended everywhere."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from cdp.access import Authenticator, KeyBearer, operator
from cdp.access.keys import list_keys
from cdp.access.last_used import LastUsed
from cdp.db.pool import Connection, Database
from cdp.errors import BadInput, Conflict, NotFound, Unauthenticated, Unavailable
from cdp.model import WorkspaceId
from tests.access.keyring import ANYWHERE, DAY, NOW, Clock, Keyring


async def test_a_rotated_key_is_good_in_both_forms_until_the_overlap_ends(
    keyring: Keyring, authenticator: Authenticator, clock: Clock
) -> None:
    made = await keyring.make("SALES")
    rotated = await keyring.rotate(made.key.key_id, DAY)
    assert made.token != rotated.token
    before, after = [await authenticator.authenticate(one) for one in (made.token, rotated.token)]
    assert before == after
    clock.seconds = DAY.total_seconds()
    with pytest.raises(Unauthenticated, match="expired"):
        await authenticator.authenticate(made.token)
    assert await authenticator.authenticate(rotated.token) == after
    assert (rotated.key.prefix, rotated.key.previous_prefix) == (rotated.token[:12], made.token[:12])


async def test_an_overlap_ends_on_time_even_while_the_key_is_remembered(
    keyring: Keyring, authenticator: Authenticator, clock: Clock
) -> None:
    made = await keyring.make("SALES")
    await keyring.rotate(made.key.key_id, timedelta(seconds=0.5))
    await authenticator.authenticate(made.token)
    clock.seconds = 0.5
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(made.token)


async def test_no_more_than_two_forms_of_a_key_are_good(
    keyring: Keyring, authenticator: Authenticator
) -> None:
    """What leaked may be two rotations old: the one before the last ends at once, whatever its overlap was."""
    first = await keyring.make("SALES")
    second = await keyring.rotate(first.key.key_id)
    third = await keyring.rotate(first.key.key_id)
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(first.token)
    for token in (second.token, third.token):
        assert (await authenticator.authenticate(token)).key_id == first.key.key_id


async def test_a_key_that_leaked_is_rotated_without_an_overlap(
    keyring: Keyring, authenticator: Authenticator, clock: Clock
) -> None:
    made = await keyring.make("SALES")
    await authenticator.authenticate(made.token)
    rotated = await keyring.rotate(made.key.key_id, timedelta(0))
    clock.seconds = 1.0
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(made.token)
    await authenticator.authenticate(rotated.token)


async def test_the_overlap_does_not_outlive_the_key(
    keyring: Keyring, authenticator: Authenticator, clock: Clock
) -> None:
    """Expiry and revocation end both forms."""
    made = await keyring.make("SALES", expires_at=NOW + timedelta(hours=1))
    rotated = await keyring.rotate(made.key.key_id)
    clock.seconds = 3600
    for token in (made.token, rotated.token):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(token)
    other = await keyring.make("SALES")
    again = await keyring.rotate(other.key.key_id)
    await keyring.revoke(other.key.key_id)
    for token in (other.token, again.token):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(token)


async def test_what_has_ended_is_neither_rotated_nor_found_elsewhere(
    keyring: Keyring, clock: Clock, other_workspace: WorkspaceId
) -> None:
    made = await keyring.make("SALES", expires_at=NOW + timedelta(hours=1))
    for overlap in (timedelta(seconds=-1), timedelta(days=31)):
        with pytest.raises(BadInput, match="0 to 30 days"):
            await keyring.rotate(made.key.key_id, overlap)
    elsewhere = Keyring(keyring.database, operator(other_workspace), clock)
    for attempt in (elsewhere.rotate, elsewhere.revoke, elsewhere.update):
        with pytest.raises(NotFound):
            await attempt(made.key.key_id)
    clock.seconds = 3600
    with pytest.raises(Conflict, match="expired"):
        await keyring.rotate(made.key.key_id)
    await keyring.revoke(made.key.key_id)
    with pytest.raises(Conflict, match="revoked"):
        await keyring.rotate(made.key.key_id)
    with pytest.raises(Conflict, match="revoked"):
        await keyring.update(made.key.key_id, name="x")


# ── when a key was used last ─────────────────────────────────────────────────────────────────────────────────────────


async def test_when_a_key_was_used_last_is_written_behind_the_requests(
    keyring: Keyring, database: Database, workspace: WorkspaceId, clock: Clock
) -> None:
    """The latest use of any process stands; a refused one is none."""
    used, refused = await keyring.make("SALES"), await keyring.make("SALES", networks=["192.0.2.1"])
    last_used = LastUsed(database, clock=clock.now)
    authenticator = Authenticator([KeyBearer(database, clock=clock.now)], used=last_used.note)
    clock.seconds = 5.0
    await authenticator.authenticate(used.token)
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(refused.token, ANYWHERE)
    assert [key.last_used_at for key in await list_keys(database, workspace)] == [None, None]
    await last_used.aclose()
    behind = LastUsed(database, clock=lambda: NOW)
    behind.note(await authenticator.authenticate(used.token))
    await behind.aclose()
    assert [key.last_used_at for key in await list_keys(database, workspace)] == [
        NOW + timedelta(seconds=5),
        None,
    ]


async def test_uses_of_keys_are_written_soon_and_again_if_the_database_was_away(
    keyring: Keyring, database: Database, workspace: WorkspaceId, clock: Clock
) -> None:
    made = await keyring.make("SALES")

    class Away:
        failed = asyncio.Event()
        written = asyncio.Event()

        @asynccontextmanager
        async def connection(self, workspace_id: WorkspaceId) -> AsyncIterator[Connection]:
            if not self.failed.is_set():
                self.failed.set()
                raise Unavailable("away")
            async with database.connection(workspace_id) as connection:
                yield connection
            self.written.set()

    away = Away()
    last_used = LastUsed(away, clock=clock.now, seconds=0.0)
    principal = await Authenticator([KeyBearer(database, clock=clock.now)]).authenticate(made.token)
    last_used.note(principal)
    async with asyncio.timeout(5):
        await away.failed.wait()
        await away.written.wait()
    await last_used.aclose()
    (key,) = await list_keys(database, workspace)
    assert key.last_used_at == NOW


# ── across processes ─────────────────────────────────────────────────────────────────────────────────────────────────

ELSEWHERE = """
import asyncio, sys
from cdp.access import Authenticator, KeyBearer
from cdp.db.pool import Database
from cdp.errors import Unauthenticated

async def main(url):
    database = await Database.connect(url, max_size=2)
    authenticator = Authenticator([KeyBearer(database)])
    for line in sys.stdin:
        try:
            print((await authenticator.authenticate(line.strip())).role, flush=True)
        except Unauthenticated:
            print("REFUSED", flush=True)
    await database.close()

asyncio.run(main(sys.argv[1]))
"""


async def test_a_revoked_key_is_dead_within_a_second_in_another_process(
    keyring: Keyring, database_url: str
) -> None:
    """Another process has just let it in; a second after the revocation it does not any more, nor the other form."""
    made = await keyring.make("SALES")
    rotated = await keyring.rotate(made.key.key_id)
    other = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        ELSEWHERE,
        database_url,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert other.stdin is not None
    assert other.stdout is not None

    async def asked(token: str) -> str:
        other.stdin.write(f"{token}\n".encode())
        return (await other.stdout.readline()).decode().strip()

    try:
        async with asyncio.timeout(30):
            assert [await asked(made.token), await asked(rotated.token)] == ["SALES", "SALES"]
            await keyring.revoke(made.key.key_id)
            revoked = time.monotonic()
            for token in (made.token, rotated.token):
                began = time.monotonic()
                while (found := await asked(token)) != "REFUSED":
                    assert (found, began - revoked < 1.0) == ("SALES", True)
                    began = time.monotonic()
    finally:
        other.stdin.close()
        await other.wait()


async def test_a_server_of_the_version_before_finds_no_key_whose_limits_it_does_not_know(
    keyring: Keyring, database: Database
) -> None:
    await keyring.define("EMEA_SALES", "profiles:read")
    found = {}
    for name, role, given in (
        ("plain", "SALES", {}),
        ("placed", "SALES", {"networks": ["192.0.2.1"]}),
        ("paged", "INGEST", {"origins": ["https://shop.example.com"]}),
        ("own", "EMEA_SALES", {}),
    ):
        made = await keyring.make(role, name=name, **given)
        async with database.unbound() as connection:
            found[name] = await connection.fetchval(
                "SELECT role FROM cdp.find_api_key(sha256($1::bytea))", made.token.encode()
            )
    assert found == {"plain": "SALES", "placed": None, "paged": None, "own": None}
