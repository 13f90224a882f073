"""Changes are told to every process that has somebody who watches, in few bytes, and none is lost with a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.db.pool import Database
from cdp.errors import RateLimited
from cdp.live import hub as hubs
from cdp.live.changes import MOST_BUCKETS, bucket, decode, encode, note_settled, note_touched
from cdp.live.hub import Hub
from cdp.live.watch import Watch
from cdp.model import ProfileId, WorkspaceId

HERE = WorkspaceId(1)


@given(st.integers(1, 2**62), st.sets(st.integers(1, 2**62), max_size=MOST_BUCKETS))
def test_a_payload_names_every_profile_and_fits(workspace: int, numbers: set[int]) -> None:
    payload = encode(WorkspaceId(workspace), [ProfileId(one) for one in numbers])
    assert len(payload) < 8_000
    assert decode(payload) == (workspace, {bucket(ProfileId(one)) for one in numbers})


def test_too_many_profiles_to_name_are_any() -> None:
    assert decode(encode(HERE, [ProfileId(one) for one in range(MOST_BUCKETS + 1)])) == (HERE, None)
    assert decode("7") == (7, None)
    for strange in ("", "x", "1 %", "1 AA=="):
        with pytest.raises(ValueError, match="."):
            decode(strange)


async def test_a_watch_is_woken_by_what_it_is_about() -> None:
    watch = Watch()
    watch.follow([ProfileId(5)])
    watch.wake(frozenset({6}))
    assert not await watch.changed(within=0)
    watch.wake(frozenset({5}))
    watch.wake(frozenset({5}))
    assert await watch.changed(within=1)
    assert not await watch.changed(within=0)
    watch.follow(None)
    watch.wake(frozenset())
    assert await watch.changed(within=1)


@pytest.fixture
async def hub(database: Database) -> AsyncGenerator[Hub]:
    hub = Hub(database)
    yield hub
    await hub.aclose()


async def test_a_commit_anywhere_wakes_and_what_is_undone_does_not(
    hub: Hub, database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    async with hub.watch(workspace) as one, hub.watch(workspace) as other:
        one.follow([ProfileId(1)])
        other.follow([ProfileId(2)])
        with pytest.raises(ZeroDivisionError):
            async with database.transaction(workspace) as connection:
                await note_touched(connection, workspace, [ProfileId(2)])
                raise ZeroDivisionError
        async with database.transaction(other_workspace) as connection:
            await note_touched(connection, other_workspace, [ProfileId(2)])
        async with database.transaction(workspace) as connection:
            await note_settled(connection, workspace, [ProfileId(1)])
        assert await one.changed(within=5)
        assert not await other.changed(within=0)
    assert hub.watchers == 0


async def test_after_a_lost_connection_everybody_looks_again(
    hub: Hub,
    database: Database,
    workspace: WorkspaceId,
    superuser: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hubs, "RECONNECT_SECONDS", 0.01)
    async with hub.watch(workspace) as watch:
        watch.follow([ProfileId(1)])
        assert not await watch.changed(within=0)
        ended = await superuser.fetch(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND usename = 'diptych_app' AND query ILIKE 'LISTEN%'"""
        )
        assert len(ended) == 1
        assert await watch.changed(within=5)
        async with database.transaction(workspace) as connection:
            await note_touched(connection, workspace, [ProfileId(1)])
        assert await watch.changed(within=5)


async def test_who_reads_rests_so_that_others_get_on(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more read at once than there are lanes."""
    monkeypatch.setattr(hubs, "REST", 0.0)
    reading, most = 0, 0

    async def read() -> None:
        nonlocal reading, most
        async with hub.turn():
            reading += 1
            most = max(most, reading)
            await asyncio.sleep(0)
            reading -= 1

    await asyncio.gather(*(read() for _ in range(20)))
    assert most == hubs.LANES


async def test_a_transaction_notifies_once(live: Any, superuser: asyncpg.Connection) -> None:
    """However many people it touches, and whoever they are merged with."""
    heard: list[tuple[str, str]] = []
    for channel in ("cdp_settle", "cdp_settled"):
        await superuser.add_listener(
            channel, lambda _c, _p, channel, payload: heard.append((channel, payload))
        )
    people = range(30)
    await live.track(
        *({"type": "identify", "userId": f"u{number}", "traits": {}} for number in people),
        *({"type": "page", "anonymousId": f"a{number}"} for number in people),
        *({"userId": f"u{number}", "anonymousId": f"a{number}", "event": "Signed In"} for number in people),
    )
    await superuser.execute("SELECT 1")
    ((channel, payload),) = heard
    assert channel == "cdp_settle"
    assert len(decode(payload)[1] or ()) >= 30
    heard.clear()
    await live.settle()
    await superuser.execute("SELECT 1")
    assert {channel for channel, _ in heard} == {"cdp_settled"}


def admitted(*entering: Any) -> int:
    """How many of them find room at once."""
    with ExitStack() as stack:
        for number, one in enumerate(entering):
            try:
                stack.enter_context(one)
            except RateLimited:
                return number
        return len(entering)


async def test_streams_and_sockets_are_limited_by_key_by_workspace_and_in_all(database: Database) -> None:
    hub = Hub(database, most=8, most_of_workspace=5, most_of_one=3, most_of_address=2)
    one, two, three = (WorkspaceId(number) for number in (1, 2, 3))
    assert admitted(*(hub.guest(one, "key:1") for _ in range(9))) == 3
    keys = [hub.guest(one, f"key:{number % 4}") for number in range(9)]
    assert admitted(*keys) == 5, "that of the workspace"
    same = [hub.guest(workspace_id, "key:1") for workspace_id in (one, two, three) for _ in range(3)]
    assert admitted(*same) == 8, "names are the workspace's own, and there is an end to all"
    assert (hub._guests, hub._open) == ({}, 0)


async def test_sockets_that_do_not_say_whose_they_are_are_limited_by_address(database: Database) -> None:
    hub = Hub(database, most=8, most_of_one=5, most_of_address=2)
    assert admitted(*(hub.stranger("192.0.2.1") for _ in range(9))) == 2
    assert admitted(*(hub.stranger(f"192.0.2.{number}") for number in range(9))) == 5
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(hub.stranger("192.0.2.1"))
        assert admitted(hub.guest(WorkspaceId(1), "key:1"), hub.stranger("192.0.2.2")) == 2
    assert (hub._guests, hub._open) == ({}, 0)
