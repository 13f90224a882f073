"""Running jobs: taken by lease, held while they run, tried again when they fail."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

import msgspec
import structlog
from msgspec import Struct

from cdp.db.pool import Database
from cdp.errors import BadInput, NotFound, Unavailable
from cdp.hooks.health import FailureKind
from cdp.hooks.manager import Plugins
from cdp.hooks.offers import OFFERED, NotOffered
from cdp.jobs.attempt import Attempt, End, Handle, Progress, Stopped, Succeeded, Unsuccessful
from cdp.jobs.store import check_input, find, queries
from cdp.model import Job, Workspace, WorkspaceId
from cdp.telemetry import count, described, wordless

log = structlog.get_logger(__name__)

LEASE_SECONDS = 60.0
"""A job whose worker has not said for so long that it goes on is taken by another."""
BEAT_SECONDS = 3.0
PATIENCE = 10.0
"""Seconds that a job that is to stop gets to do so; then it is abandoned in its thread."""
_FAREWELL = 2.0
"""The same when the process ends: what a job does after that may overlap with its next attempt."""
AT_ONCE = 2
"""Jobs of one plugin that one process runs at once, abandoned ones included."""
_LONGEST_WAIT = timedelta(hours=1)


_STATES: Mapping[type[End], str] = MappingProxyType(
    {Succeeded: "DONE", Unsuccessful: "FAILED", Stopped: "CANCELLED"}
)


class _Taken(Struct, frozen=True, kw_only=True):
    job_id: int
    workspace_id: WorkspaceId
    token: UUID
    attempts: int


class Runner:
    """Runs the jobs of the plugins of one process.

    Args:
        database: where they are kept.
        plugins: who offers them.
        clock: the current time.
        lease: seconds for which a job is this process's own, unless it says that it goes on.
        beat: seconds between two such words; so old is what administrators see of progress.
        patience: seconds that a job gets to stop.
    """

    def __init__(
        self,
        database: Database,
        plugins: Plugins,
        *,
        clock: Callable[[], datetime],
        lease: float = LEASE_SECONDS,
        beat: float = BEAT_SECONDS,
        patience: float = PATIENCE,
    ) -> None:
        self._database = database
        self._plugins = plugins
        self._clock = clock
        self._lease = lease
        self._beat = beat
        self._patience = patience
        self._attempts: dict[str, list[Attempt]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    def room(self, plugin: str) -> int:
        """How many more jobs of a plugin may run here."""
        running = [one for one in self._attempts.get(plugin, []) if one.is_running]
        self._attempts[plugin] = running
        return 0 if self._stopping.is_set() else AT_ONCE - len(running)

    def stop(self) -> None:
        """Have every job stop, to be done by another worker."""
        self._stopping.set()

    async def begin_some(self, workspace: Workspace, plugin: str) -> int:
        """Begin jobs of one plugin in one workspace that are due, as far as there is room; how many.

        Raises:
            Unavailable: the database is away.
        """
        room = self.room(plugin)
        if room <= 0 or self._plugins.calls.is_off(plugin, workspace):
            return 0
        token = uuid4()
        async with self._database.transaction(workspace.workspace_id) as connection:
            rows = await connection.fetch(
                queries.claim, workspace.workspace_id, plugin, self._clock(), room, self._lease, token
            )
        for row in rows:
            task = asyncio.create_task(self._guarded(workspace, plugin, token, row))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(rows)

    async def wait(self) -> None:
        """Until nothing runs any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _guarded(self, workspace: Workspace, plugin: str, token: UUID, row: Mapping[str, Any]) -> None:
        try:
            await self._run(workspace, plugin, token, row)
        except Exception as error:  # noqa: BLE001 - logged; its lease runs out, and it is tried again
            log.error(  # noqa: TRY400 - a traceback quotes values, and they may be personal data
                "job_lost", plugin=plugin, workspace=workspace.workspace_id, **described(error)
            )

    async def _run(self, workspace: Workspace, plugin: str, token: UUID, row: Mapping[str, Any]) -> None:
        taken = _Taken(
            job_id=row["job_id"],
            workspace_id=workspace.workspace_id,
            token=token,
            attempts=row["attempts"],
        )
        handle = Handle(row["job_id"], workspace.workspace_id, row["attempts"], row["due_at"])
        try:
            _, job = find(self._plugins, row["name"])
            if row["cancel_asked"]:
                await self._over(taken, Stopped(), Progress(), None)
                return
            if row["attempts"] > job.attempts:
                died = Unsuccessful(error="the worker that ran it ended before the job did")
                await self._over(taken, died, Progress(), None)
                return
            given = check_input(job, msgspec.json.decode(row["input"]))
            function = self._bound(job, plugin, workspace, handle, given)
        except (NotFound, BadInput, NotOffered) as error:
            await self._over(taken, Unsuccessful(error=str(error)), Progress(), None)
            return
        attempt = Attempt(f"{plugin}.{job.name}", function, handle)
        self._attempts.setdefault(plugin, []).append(attempt)
        attempt.start()
        end = await self._hold(taken, attempt, handle, job)
        if isinstance(end, Unsuccessful):
            self._plugins.calls.count_failure(
                plugin, "register_jobs", FailureKind.RAISED, f"{job.name}: {end.error}"
            )
            log.warning(
                "job_failed", plugin=plugin, job=job.name, attempt=taken.attempts, error=wordless(end.error)
            )
        if end is not None:
            count("jobs.ended", plugin, type(end).__name__.lower())
            await self._over(taken, end, handle.seen, job)

    def _bound(
        self, job: Job, plugin: str, workspace: Workspace, handle: Handle, given: object
    ) -> Callable[[], Any]:
        """The job's function with the arguments that it names."""
        names = inspect.signature(job.run).parameters
        own = {"job": handle, "input": given}
        offered = self._plugins.offers.make([one for one in names if one in OFFERED], plugin, workspace)
        arguments = {name: {**own, **offered}[name] for name in names}
        return lambda: job.run(**arguments)

    async def _hold(self, taken: _Taken, attempt: Attempt, handle: Handle, job: Job) -> End | None:
        """Wait until it ends, saying meanwhile that it goes on; None: another worker has it, or will."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + job.timeout
        lost = False
        while not attempt.ended.done():
            left = ends_at - loop.time()
            await self._wait(attempt, min(self._beat, max(0.0, left)))
            if attempt.ended.done():
                break
            if self._stopping.is_set():
                attempt.cancel()
                await asyncio.wait({attempt.ended}, timeout=min(self._patience, _FAREWELL))
                await self._hand_back(taken)
                return None
            if left <= self._beat and loop.time() >= ends_at:
                attempt.cancel()
                await self._wait(attempt, self._patience)
                return Unsuccessful(error=f"it took longer than {job.timeout:g} seconds")
            wanted = await self._say(taken, handle.seen)
            if wanted is None:
                lost = True
            if lost or wanted:
                attempt.cancel()
                await self._wait(attempt, self._patience)
                return None if lost else self._stopped(attempt)
        return attempt.ended.result()

    def _stopped(self, attempt: Attempt) -> End:
        return attempt.ended.result() if attempt.ended.done() else Stopped()

    async def _wait(self, attempt: Attempt, seconds: float) -> None:
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            waited_for: set[asyncio.Future[Any]] = {attempt.ended, stopping}
            await asyncio.wait(waited_for, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()

    async def _say(self, taken: _Taken, seen: Progress) -> bool | None:
        """Whether it is to stop; None: it is not ours any more. Where the database is away, it goes on."""
        try:
            async with self._database.connection(taken.workspace_id) as connection:
                wanted: bool | None = await connection.fetchval(
                    queries.beat,
                    taken.workspace_id,
                    taken.job_id,
                    taken.token,
                    self._lease,
                    seen.done,
                    seen.total,
                    seen.message,
                )
        except Unavailable as error:
            log.warning("job_goes_on_unseen", job=taken.job_id, error=error.message)
            return False
        return wanted

    async def _hand_back(self, taken: _Taken) -> None:
        async with self._database.connection(taken.workspace_id) as connection:
            await connection.execute(queries.hand_back, taken.workspace_id, taken.job_id, taken.token)

    async def _over(self, taken: _Taken, end: End, seen: Progress, job: Job | None) -> None:
        now = self._clock()
        async with self._database.connection(taken.workspace_id) as connection:
            if isinstance(end, Unsuccessful) and job is not None and taken.attempts < job.attempts:
                wait = min(_LONGEST_WAIT, timedelta(seconds=10 * 2 ** (taken.attempts - 1)))
                await connection.execute(
                    queries.try_again, taken.workspace_id, taken.job_id, taken.token, now + wait, end.error
                )
                return
            state = _STATES[type(end)]
            await connection.execute(
                queries.finish,
                taken.workspace_id,
                taken.job_id,
                taken.token,
                state,
                now,
                end.result if isinstance(end, Succeeded) else None,
                end.error if isinstance(end, Unsuccessful) else None,
                seen.done,
                seen.total,
                seen.message,
            )
