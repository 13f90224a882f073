"""A connection that goes from workspace to workspace takes nothing along, whatever befell it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.app import Application, create_asgi
from cdp.db.pool import Connection, Database
from cdp.model import WorkspaceId
from tests.conftest import DatabaseUrls
from tests.security.conftest import Side, track

Mishap = Callable[[Connection], Awaitable[None]]


async def nothing(_connection: Connection) -> None:
    """It goes well."""


async def raises(_connection: Connection) -> None:
    raise ZeroDivisionError


async def fails(connection: Connection) -> None:
    await connection.execute("SELECT 1 / 0")


async def goes_on_after_a_failure(connection: Connection) -> None:
    for _ in range(2):
        try:
            await connection.execute("SELECT 1 / 0")
        except asyncpg.PostgresError:
            continue


async def is_too_slow(connection: Connection) -> None:
    await connection.execute("SELECT pg_sleep(30)", timeout=0.01)


async def is_cancelled(connection: Connection) -> None:
    asyncio.get_running_loop().call_later(0.005, current().cancel)
    await connection.execute("SELECT pg_sleep(30)")


async def is_cancelled_between(_connection: Connection) -> None:
    current().cancel()
    await asyncio.sleep(0)


async def is_cut(connection: Connection) -> None:
    await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


async def leaves_a_cursor(connection: Connection) -> None:
    cursor = await connection.cursor("SELECT generate_series(1, 100)")
    await cursor.fetch(1)


async def fails_within(connection: Connection) -> None:
    async with connection.transaction():
        await connection.execute("SELECT 1 / 0")


async def leaves_settings(connection: Connection) -> None:
    await connection.execute("SET LOCAL row_security = off; SET LOCAL search_path = pg_temp")
    raise ZeroDivisionError


def current() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None
    return task


MISHAPS: list[Mishap] = [
    nothing,
    raises,
    fails,
    goes_on_after_a_failure,
    is_too_slow,
    is_cancelled,
    is_cancelled_between,
    is_cut,
    leaves_a_cursor,
    fails_within,
    leaves_settings,
]
LOST = (
    ZeroDivisionError,
    TimeoutError,
    asyncio.CancelledError,
    asyncpg.PostgresError,
    OSError,
)


async def use(database: Database, whose: WorkspaceId, mishap: Mishap, number: int) -> bool:
    """Write a row, and meet with a mishap; whether the row is there for good."""
    try:
        async with database.transaction(whose) as connection:
            assert await connection.fetch("SELECT workspace_id FROM workspace") == [(whose,)]
            await connection.execute(
                "INSERT INTO feature (workspace_id, key, name) VALUES ($1, $2, '')", whose, str(number)
            )
            await mishap(connection)
    except Exception as error:
        if isinstance(error, LOST) or type(error).__name__ == "Unavailable":
            return False
        raise
    # PostgreSQL undoes what is committed after a failure, without a word.
    return mishap is not goes_on_after_a_failure


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 1), st.sampled_from(MISHAPS)), min_size=1, max_size=10))
def test_whatever_befalls_a_connection_the_next_workspace_sees_its_own(
    database_urls: DatabaseUrls, steps: list[tuple[int, Mishap]]
) -> None:
    """One connection, workspaces in any order, and after each mishap another use of it at once."""

    async def scenario() -> None:
        owner = await asyncpg.connect(database_urls.superuser)
        await owner.execute("DELETE FROM feature")
        database = await Database.connect(database_urls.app, max_size=1)
        try:
            sides = [await side(database, name) for name in ("Acme", "Globex")]
            kept: list[tuple[int, str]] = []
            for number, (which, mishap) in enumerate(steps):
                task = asyncio.create_task(use(database, sides[which], mishap, number))
                (done,) = await asyncio.gather(task, return_exceptions=True)
                if isinstance(done, BaseException) and not isinstance(done, asyncio.CancelledError):
                    raise done
                if done is True:
                    kept.append((sides[which], str(number)))
                await check(database, sides)
            stored = await owner.fetch("SELECT workspace_id, key FROM feature ORDER BY key::int")
            assert [tuple(one) for one in stored] == kept
        finally:
            await database.close()
            await owner.close()

    asyncio.run(scenario())


async def side(database: Database, name: str) -> WorkspaceId:
    async with database.unbound() as connection:
        found = {
            row["name"]: row["workspace_id"]
            for row in await connection.fetch("SELECT * FROM cdp.list_workspaces()")
        }
        if name not in found:
            found[name] = await connection.fetchval("SELECT cdp.create_workspace($1)", name)
    return WorkspaceId(found[name])


async def check(database: Database, sides: list[WorkspaceId]) -> None:
    """Each sees itself alone, and nobody sees anything."""
    async with database.unbound() as connection:
        assert await connection.fetch("SELECT * FROM workspace") == []
        assert await connection.fetch("SELECT * FROM feature") == []
    for whose in sides:
        async with database.connection(whose) as connection:
            assert await connection.fetch("SELECT workspace_id FROM workspace") == [(whose,)]
            assert {row["workspace_id"] for row in await connection.fetch("SELECT * FROM feature")} <= {whose}
            assert await connection.fetchval("SHOW row_security") == "on"


async def test_a_connection_that_was_given_back_is_of_no_use(
    database: Database, workspace: WorkspaceId
) -> None:
    """Who keeps it cannot read through it what another asks for."""
    async with database.connection(workspace) as kept:
        assert await kept.fetchval("SELECT count(*) FROM workspace") == 1
    with pytest.raises(asyncpg.InterfaceError, match="released back to the pool"):
        await kept.fetchval("SELECT count(*) FROM workspace")


@pytest.fixture
async def address(application: Application) -> AsyncIterator[tuple[str, int]]:
    """The application, served at a real socket."""
    server = uvicorn.Server(uvicorn.Config(create_asgi(application), lifespan="off", log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield listener.getsockname()[:2]
        server.should_exit = True
        await serving


def request(side: Side, document: str, accept: str) -> bytes:
    body = json.dumps({"query": document}).encode()
    return (
        f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: {accept}\r\n"
        f"Authorization: Bearer {side.keys['ADMIN']}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def test_clients_that_go_away_leave_nothing_of_theirs(
    address: tuple[str, int], ours: Side, theirs: Side
) -> None:
    """Requests and streams are cut at any moment, of both workspaces, beside others that are answered."""
    await ours.tell(*(track(f"a{number}", "Signed In") for number in range(7)))
    await theirs.tell(*(track(f"b{number}", "Signed In") for number in range(11)))
    listing = "{ profiles(first: 50) { totalCount nodes { identifiers { value } } } }"
    following = "subscription { profilesChanged(first: 50) { totalCount nodes { identifiers { value } } } }"

    async def cut(side: Side, number: int) -> None:
        reader, writer = await asyncio.open_connection(*address)
        stream = number % 2 == 0
        writer.write(
            request(side, following, "text/event-stream")
            if stream
            else request(side, listing, "application/json")
        )
        await writer.drain()
        for _ in range(number % 5):
            await asyncio.sleep(0.002)
        if number % 3 == 0:
            await reader.read(100)
        writer.transport.abort()

    async def ask(client: httpx.AsyncClient, side: Side, letter: str, count: int) -> None:
        answer = await client.post(
            "/graphql", json={"query": listing}, headers={"Authorization": f"Bearer {side.keys['ADMIN']}"}
        )
        found = answer.json()["data"]["profiles"]
        values = [one["identifiers"][0]["value"] for one in found["nodes"]]
        assert (found["totalCount"], {value[0] for value in values}) == (count, {letter})

    both = ((ours, "a", 7), (theirs, "b", 11))
    async with httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}") as client:
        for round_ in range(5):
            await asyncio.gather(
                *(cut(side, round_ + number) for number in range(6) for side, _, _ in both),
                *(ask(client, *one) for _ in range(4) for one in both),
            )
        await asyncio.gather(*(ask(client, *one) for one in both))
