"""The loops beside settling: who hangs holds up nobody else, and a process that is killed loses nothing."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any

import pytest

from cdp import jobs
from cdp.db.pool import Database
from cdp.hooks import hookimpl
from cdp.hooks.manager import Plugins
from cdp.jobs.store import forget_some
from cdp.model import Change, Job, Schedule, WorkspaceId
from cdp.settle.background import Background, Lag
from cdp.workspaces.cache import Workspaces
from tests.changes.parts import Clock, House, Told, event
from tests.settle.parts import ingest, rows

PLUGIN = """
import urllib.request

from cdp.hooks import hookimpl


@hookimpl
def on_profile_changed(change):
    urllib.request.urlopen("{url}/" + change.delivery_id, timeout=20).read()
"""


class Receiver:
    """A server that takes what a plugin sends; the first request it leaves without an answer."""

    def __init__(self) -> None:
        self.asked: Queue[str] = Queue()
        self.released = threading.Event()
        self._first = True
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                receiver.asked.put(self.path)
                first, receiver._first = receiver._first, False
                if first:
                    receiver.released.wait(30)
                    return
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quietly."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    async def next(self) -> str:
        return await asyncio.to_thread(self.asked.get, timeout=30)

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


async def test_a_worker_that_is_killed_while_it_tells_is_succeeded_by_another(
    database: Database, database_url: str, workspace: WorkspaceId, receiver: Receiver, tmp_path: Path
) -> None:
    """SIGKILL in the middle of the request: the next worker makes it again, under the same delivery id."""
    (tmp_path / "sender.py").write_text(PLUGIN.format(url=receiver.url))
    told = Told()
    plugins = Plugins()
    plugins.register(told.plugin("on_profile_changed"), name="sender")
    house = House(database, workspace, plugins, Clock())
    await house.take(event("1", "ada"))

    async def start() -> asyncio.subprocess.Process:
        program = str(Path(__file__).with_name("deliverer.py"))
        return await asyncio.create_subprocess_exec(
            sys.executable, program, database_url, str(tmp_path), "1", cwd=Path(__file__).parents[2]
        )

    first = await start()
    second = None
    try:
        request = await receiver.next()
        first.kill()
        await first.wait()
        left = "SELECT state, attempts FROM change_delivery WHERE workspace_id = $1"
        assert await rows(database, workspace, left) == [("WAITING", 0)]
        second = await start()
        assert await receiver.next() == request
        async with asyncio.timeout(20):
            while await rows(database, workspace, left):
                pass
    finally:
        for process in (first, second):
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()
    await plugins.aclose()


class Room:
    """A background with its plugins, running."""

    def __init__(self, database: Database, workspace_id: WorkspaceId) -> None:
        self.plugins = Plugins(deadline=5.0)
        self.clock = Clock()
        self.background = Background(
            database, Workspaces(database), self.plugins, clock=self.clock, poll=0.02
        )


@pytest.fixture
async def room(database: Database, workspace: WorkspaceId) -> AsyncIterator[Room]:
    found = Room(database, workspace)
    yield found
    await found.plugins.aclose()


async def test_a_plugin_that_hangs_delays_neither_others_nor_settling(
    room: Room, database: Database, workspace: WorkspaceId
) -> None:
    """While it is waited for, another plugin is told, jobs are run and people are settled."""
    loop = asyncio.get_running_loop()
    reached, opened, heard, worked = threading.Event(), threading.Event(), asyncio.Event(), asyncio.Event()

    def hang(change: Change) -> None:
        reached.set()
        assert opened.wait(20)

    def hear(change: Change) -> None:
        loop.call_soon_threadsafe(heard.set)

    def work() -> None:
        loop.call_soon_threadsafe(worked.set)

    stuck, ear = Told(hang), Told(hear)
    room.plugins.register(stuck.plugin("on_profile_changed"), name="stuck")
    room.plugins.register(ear.plugin("on_profile_changed"), name="ear")
    job = Job(name="work", description="Works.", run=work)
    room.plugins.register(
        SimpleNamespace(register_jobs=hookimpl(lambda: [job], specname="register_jobs")), name="worker"
    )
    house = House(database, workspace, room.plugins, room.clock)
    running = asyncio.create_task(room.background.run())
    try:
        async with asyncio.timeout(30):
            await house.take(event("1", "ada"))
            await asyncio.to_thread(reached.wait, 20)
            await heard.wait()
            heard.clear()
            await house.take(event("2", "bob"))
            await heard.wait()
            async with database.transaction(workspace) as connection:
                await jobs.start(connection, workspace, room.plugins, "work", by="a test", now=room.clock())
            await worked.wait()
        assert not stuck.changes
    finally:
        opened.set()
        await room.background.aclose()
        await running
    assert len(ear.changes) == 2


async def test_what_waits_is_told_to_who_watches(
    room: Room, database: Database, workspace: WorkspaceId
) -> None:
    """How much, and since when, by plugin; also of plugins that are not here."""
    told = Told()
    room.plugins.register(told.plugin("on_profile_changed"), name="ear")
    house = House(database, workspace, room.plugins, room.clock)
    await house.take(event("1", "ada"), event("2", "bob"))
    noted = room.clock.now
    room.clock.advance(seconds=10)
    await room.background.work_off()
    assert room.background.lag() == [Lag(plugin="ear")]
    assert len(told.changes) == 2
    await house.take(event("3", "cyd"))
    elsewhere = Background(database, Workspaces(database), Plugins(), clock=room.clock)
    await elsewhere.work_off()
    assert elsewhere.lag() == [Lag(plugin="ear", changes=1, oldest_change=room.clock.now)]
    assert noted < room.clock.now


async def test_schedules_tick_in_every_workspace_and_their_jobs_are_done(
    room: Room, database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """Without anybody doing anything; a job that is over goes after a month."""
    done: list[int] = []
    job = Job(name="work", description="Works.", run=lambda job: done.append(job.workspace_id))
    hourly = Schedule(name="hourly", job="work", cron="0 * * * *")
    room.plugins.register(
        SimpleNamespace(
            register_jobs=hookimpl(lambda: [job], specname="register_jobs"),
            register_schedules=hookimpl(lambda: [hourly], specname="register_schedules"),
        ),
        name="p",
    )
    await room.background.work_off()
    assert done == []
    room.clock.advance(hours=1)
    for _ in range(3):
        await room.background.work_off()
    assert sorted(done) == [workspace, other_workspace]
    kept = "SELECT state FROM job WHERE workspace_id = $1"
    assert await rows(database, workspace, kept) == [("DONE",)]
    room.clock.advance(days=29)
    await forget_some(database, workspace, now=room.clock())
    assert await rows(database, workspace, kept) == [("DONE",)]
    room.clock.advance(days=2)
    await forget_some(database, workspace, now=room.clock())
    assert await rows(database, workspace, kept) == []


async def test_the_loss_of_the_database_is_survived(
    room: Room, database: Database, workspace: WorkspaceId, superuser: Any
) -> None:
    """It listens again on another connection, and tells what came meanwhile."""
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    told = Told(lambda change: loop.call_soon_threadsafe(heard.set))  # type: ignore[arg-type, return-value]
    room.plugins.register(told.plugin("on_profile_changed"), name="ear")
    house = House(database, workspace, room.plugins, room.clock)
    running = asyncio.create_task(room.background.run())
    async with asyncio.timeout(30):
        await house.take(event("1", "ada"))
        await heard.wait()
        heard.clear()
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        while not heard.is_set():
            try:
                await ingest(database, workspace, [event("2", "bob")])
                await house.settle()
                await asyncio.wait_for(heard.wait(), 1)
            except Exception:  # noqa: BLE001 - connections are found to be dead one by one
                continue
    await room.background.aclose()
    await running
