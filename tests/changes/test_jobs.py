"""Jobs: started, watched, tried again, cancelled; a worker that dies loses none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import Struct

from cdp import jobs
from cdp.db.pool import Database
from cdp.errors import BadInput, Conflict, NotFound
from cdp.hooks import hookimpl
from cdp.hooks.manager import Plugins
from cdp.jobs.offered import PluginJobs
from cdp.jobs.store import latest, queries
from cdp.model import Job, JobRun, WorkspaceId
from cdp.workspaces.cache import Workspaces
from tests.settle.parts import Clock, rows


class Wanted(Struct, frozen=True, kw_only=True):
    """Input of a job."""

    pages: int = 1


class Office:
    """A workspace with one job, whose function the test gives."""

    def __init__(
        self, database: Database, workspace_id: WorkspaceId, function: Callable[..., Any], **job: Any
    ) -> None:
        self.database = database
        self.workspace_id = workspace_id
        self.clock = Clock()
        self.plugins = Plugins()
        kind = Job(name="work", description="Works.", run=function, **job)
        self.plugins.register(
            SimpleNamespace(register_jobs=hookimpl(lambda: [kind], specname="register_jobs")), name="p"
        )
        assert self.plugins.left_out() == frozenset()
        self.runner = self.make_runner()

    def make_runner(self, **changes: Any) -> jobs.Runner:
        given = {"clock": self.clock, "beat": 0.02, "patience": 5.0} | changes
        return jobs.Runner(self.database, self.plugins, **given)

    async def start(self, **given: Any) -> int:
        async with self.database.transaction(self.workspace_id) as connection:
            return await jobs.start(
                connection, self.workspace_id, self.plugins, "work", by="a test", now=self.clock(), **given
            )

    async def begin(self, runner: jobs.Runner | None = None) -> int:
        workspace = await Workspaces(self.database).get(self.workspace_id)
        return await (runner or self.runner).begin_some(workspace, "p")

    async def run(self) -> int:
        begun = await self.begin()
        await self.runner.wait()
        return begun

    async def seen(self) -> jobs.JobRow:
        async with self.database.connection(self.workspace_id) as connection:
            row, *_ = await latest(connection, self.workspace_id)
        return row


Open = Callable[..., Office]


@pytest.fixture
async def office(database: Database, workspace: WorkspaceId) -> AsyncIterator[Open]:
    opened: list[Office] = []

    def open_(function: Callable[..., Any], **job: Any) -> Office:
        opened.append(Office(database, workspace, function, **job))
        return opened[-1]

    yield open_
    for one in opened:
        one.runner.stop()
        await one.runner.wait()
        await one.plugins.aclose()


async def test_a_job_is_done_with_its_input_and_its_result_is_kept(office: Open) -> None:
    """Of ordinary functions and of coroutines; how far it came stands beside."""

    def work(job: JobRun, input: Wanted) -> dict[str, int]:  # noqa: A002
        job.progress(input.pages, 7, "reading")
        return {"read": input.pages}

    async def later(job: JobRun, input: Wanted) -> dict[str, int]:  # noqa: A002
        await asyncio.sleep(0)
        return work(job, input)

    for function in (work, later):
        one = office(function, input=Wanted)
        await one.start(input={"pages": 5})
        assert await one.run() == 1
        row = await one.seen()
        assert (row.state, row.attempts, row.done, row.total, row.message) == ("DONE", 1, 5, 7, "reading")
        found = await rows(
            one.database,
            one.workspace_id,
            "SELECT result::text FROM job WHERE workspace_id = $1 ORDER BY job_id",
        )
        assert found[-1] == ('{"read": 5}',)


async def test_a_job_that_fails_is_tried_again_and_then_left_to_a_person(office: Open) -> None:
    """After 10 and 20 seconds; then it stays FAILED, with the reason, until somebody retries it."""
    willing = threading.Event()

    def work() -> None:
        if not willing.is_set():
            raise OSError("no route to host")

    one = office(work)
    job_id = await one.start()
    for seconds in (10, 20):
        assert await one.run() == 1
        assert (await one.seen()).state == "WAITING"
        one.clock.advance(seconds=seconds - 1)
        assert await one.run() == 0
        one.clock.advance(seconds=1)
    assert await one.run() == 1
    row = await one.seen()
    assert (row.state, row.attempts, row.error) == ("FAILED", 3, "OSError: no route to host")
    assert one.plugins.health()[0].hooks[0].failures == 3
    willing.set()
    async with one.database.connection(one.workspace_id) as connection:
        await jobs.retry(connection, one.workspace_id, job_id, now=one.clock())
        assert await one.run() == 1
        with pytest.raises(Conflict, match="is DONE"):
            await jobs.retry(connection, one.workspace_id, job_id, now=one.clock())
        with pytest.raises(NotFound):
            await jobs.retry(connection, one.workspace_id, 12345, now=one.clock())
    assert (await one.seen()).state == "DONE"


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_job_that_runs_stops_when_somebody_wants_it_to(office: Open, *, is_async: bool) -> None:
    """A function when it says how far it is, a coroutine where it waits."""
    reached = threading.Event()

    def work(job: JobRun) -> None:
        reached.set()
        while True:
            job.progress(1)
            threading.Event().wait(0.005)

    async def later() -> None:
        reached.set()
        await asyncio.Event().wait()

    one = office(later if is_async else work)
    job_id = await one.start()
    await one.begin()
    await asyncio.to_thread(reached.wait, 20)
    async with one.database.connection(one.workspace_id) as connection:
        await jobs.cancel(connection, one.workspace_id, job_id, now=one.clock())
    await one.runner.wait()
    assert (await one.seen()).state == "CANCELLED"


async def test_a_job_that_waits_is_cancelled_at_once(office: Open) -> None:
    """Nobody has to run for that."""
    one = office(lambda: None)
    job_id = await one.start()
    async with one.database.connection(one.workspace_id) as connection:
        await jobs.cancel(connection, one.workspace_id, job_id, now=one.clock())
        assert (await one.seen()).state == "CANCELLED"
        with pytest.raises(Conflict):
            await jobs.cancel(connection, one.workspace_id, job_id, now=one.clock())
    assert await one.run() == 0


async def test_a_job_that_hangs_is_abandoned_and_takes_up_its_plugin_s_room_alone(office: Open) -> None:
    """It failed, by the clock; its thread counts until it returns."""
    opened = threading.Event()
    one = office(lambda: opened.wait(20), timeout=0.05, attempts=1)
    runner = one.make_runner(patience=0.01)
    for _ in range(2):
        await one.start()
    await one.begin(runner)
    await runner.wait()
    assert runner.room("p") == 0
    states = await rows(
        one.database, one.workspace_id, "SELECT state, error FROM job WHERE workspace_id = $1"
    )
    assert states == [("FAILED", "it took longer than 0.05 seconds")] * 2
    opened.set()
    for attempt in runner._attempts["p"]:
        await asyncio.to_thread(attempt._thread.join, 20)
    assert runner.room("p") == 2


async def test_a_job_whose_worker_died_is_taken_by_another_when_its_lease_is_over(office: Open) -> None:
    """And one that kills every worker is given up."""
    one = office(lambda: None, attempts=2)
    await one.start()

    async def die() -> None:
        async with one.database.connection(one.workspace_id) as connection:
            token = "00000000-0000-0000-0000-000000000001"
            await connection.fetch(queries.claim, one.workspace_id, "p", one.clock(), 5, -1.0, token)

    await die()
    assert await one.run() == 1
    assert ((await one.seen()).state, (await one.seen()).attempts) == ("DONE", 2)
    await one.start()
    for _ in range(2):
        await die()
    assert await one.run() == 1
    row = await one.seen()
    assert (row.state, row.error) == ("FAILED", "the worker that ran it ended before the job did")


async def test_a_process_that_stops_hands_its_jobs_back(office: Open) -> None:
    """Another one begins them at once, and the attempt does not count."""
    reached = threading.Event()

    async def work() -> None:
        reached.set()
        await asyncio.Event().wait()

    one = office(work)
    await one.start()
    await one.begin()
    await asyncio.to_thread(reached.wait, 20)
    one.runner.stop()
    await one.runner.wait()
    row = await one.seen()
    assert (row.state, row.attempts) == ("WAITING", 0)
    assert await one.begin() == 0


async def test_a_job_goes_on_for_longer_than_its_lease(office: Open) -> None:
    """As long as its worker says so, nobody else takes it."""
    reached, opened = threading.Event(), threading.Event()

    def work(job: JobRun) -> None:
        job.progress(1)
        reached.set()
        assert opened.wait(20)

    one = office(work)
    runner, other = one.make_runner(lease=0.3, beat=0.02), one.make_runner()
    await one.start()
    await one.begin(runner)
    await asyncio.to_thread(reached.wait, 20)
    claimed = "SELECT claimed_until > $2 FROM job WHERE workspace_id = $1"
    async with one.database.connection(one.workspace_id) as connection:
        first = await connection.fetchval(
            "SELECT claimed_until FROM job WHERE workspace_id = $1", one.workspace_id
        )
        async with asyncio.timeout(20):
            while not await connection.fetchval(claimed, one.workspace_id, first):
                pass
            while not await connection.fetchval("SELECT now() > $1", first):
                pass
    assert await one.begin(other) == 0
    opened.set()
    await runner.wait()
    assert ((await one.seen()).state, (await one.seen()).attempts) == ("DONE", 1)


async def test_of_two_unfinished_jobs_of_one_key_there_is_the_first(office: Open) -> None:
    """Once it is over there may be another."""
    one = office(lambda: None)
    first = await one.start(key="k")
    assert await one.start(key="k") == first
    await one.run()
    assert await one.start(key="k") != first


async def test_what_cannot_be_started_is_said_at_once(office: Open) -> None:
    """A job that nobody has, an input that does not fit, another plugin's job."""
    one = office(lambda: None, input=Wanted)
    with pytest.raises(BadInput, match="does not fit the job work"):
        await one.start(input={"pages": "many"})
    async with one.database.connection(one.workspace_id) as connection:
        with pytest.raises(NotFound, match="there are: work"):
            await jobs.start(connection, one.workspace_id, one.plugins, "rest", by="a test", now=one.clock())
    other = PluginJobs(one.database, one.plugins, "q", one.workspace_id, one.clock)
    with pytest.raises(NotFound, match="another plugin's"):
        await other.start("work")
    own = PluginJobs(one.database, one.plugins, "p", one.workspace_id, one.clock)
    assert await own.start("work", input={"pages": 2}, key="k") == await own.start("work", key="k")


async def test_a_result_that_cannot_be_kept_is_a_failure(office: Open) -> None:
    """Rather than a job that is done with nothing to show."""
    one = office(object, attempts=1)
    await one.start()
    await one.run()
    row = await one.seen()
    assert row.state == "FAILED"
    assert row.error is not None
    assert row.error.startswith("its result cannot be kept")
