"""What a worker does beside settling: tells plugins of changes, runs their jobs, starts what their schedules say.

Each plugin has a task of its own for its changes and one for its jobs, so that one that hangs holds up nobody else's,
nor settling.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import structlog
from msgspec import Struct

from cdp import changes, jobs
from cdp.changes.deliver import LEASE_SECONDS
from cdp.changes.note import queries as change_queries
from cdp.db.pool import Database
from cdp.errors import DiptychError, Unavailable
from cdp.hooks.manager import Plugins
from cdp.jobs.store import queries as job_queries
from cdp.model import WorkspaceId
from cdp.settle.giving_way import GivingWay
from cdp.settle.waking import listening, pause
from cdp.telemetry import described
from cdp.workspaces import store
from cdp.workspaces.cache import Workspaces

log = structlog.get_logger(__name__)

CHANNEL = "cdp_background"
"""Notified by whoever notes changes or starts jobs, when that commits."""
POLL_SECONDS = 1.0
REST = 4.0
"""It rests so many times as long as it has just looked: where much waits, looking takes a while."""
SCHEDULES_EVERY = timedelta(minutes=1)
"""How late a workspace that is new learns when schedules tick."""


class Lag(Struct, frozen=True, kw_only=True):
    """What waits for one plugin, over all workspaces."""

    plugin: str
    changes: int = 0
    dead: int = 0
    oldest_change: datetime | None = None
    jobs: int = 0
    oldest_job: datetime | None = None


class Background:
    """Does what waits in every workspace, until it is closed.

    Args:
        database: the pool; while it runs, one connection of it listens.
        workspaces: settings, which say what plugins are off.
        plugins: who is told, and whose jobs are run.
        clock: the current time.
        poll: longest wait without looking, in seconds.
        lease: how long a change that was taken is this process's own, in seconds.
        giving_way: shared with what else works in the background of this process.
    """

    def __init__(
        self,
        database: Database,
        workspaces: Workspaces,
        plugins: Plugins,
        *,
        clock: Callable[[], datetime],
        poll: float = POLL_SECONDS,
        lease: float = LEASE_SECONDS,
        giving_way: GivingWay | None = None,
    ) -> None:
        self._database = database
        self._workspaces = workspaces
        self._plugins = plugins
        self._clock = clock
        self._poll = poll
        self._lease = lease
        self._giving_way = giving_way or GivingWay()
        self.runner = jobs.Runner(database, plugins, clock=clock)
        self._woken = asyncio.Event()
        self._stop = asyncio.Event()
        self._stopped = asyncio.Event()
        self._stopped.set()
        self._busy: dict[tuple[str, str], asyncio.Task[int]] = {}
        self._schedules_at: datetime | None = None
        self._scheduled: set[WorkspaceId] = set()
        self._lag: dict[str, Lag] = {}

    def lag(self) -> list[Lag]:
        """What waited when it was looked last, by plugin."""
        return list(self._lag.values())

    async def run(self) -> None:
        """Work until `aclose`; a database that goes away is waited for."""
        self._stopped.clear()
        try:
            while not self._stop.is_set():
                try:
                    async with listening(self._database, CHANNEL, self._woken.set) as connection:
                        while not self._stop.is_set() and not connection.is_closed():
                            self._woken.clear()
                            began = time.monotonic()
                            await self.look()
                            took = time.monotonic() - began
                            await pause(self._poll, self._woken)
                            await pause(min(self._poll, REST * took), self._stop)
                except Unavailable as error:
                    log.warning("background_waits_for_database", error=error.message)
                    await pause(self._poll, self._stop)
        finally:
            self.runner.stop()
            if self._busy:
                await asyncio.wait(self._busy.values())
            await self.runner.wait()
            self._stopped.set()

    async def aclose(self) -> None:
        """Finish what is being told, hand back what jobs are running, then stop."""
        self._stop.set()
        self._woken.set()
        self.runner.stop()
        await self._stopped.wait()

    async def look(self) -> None:
        """Begin whatever is due and not under way.

        Raises:
            Unavailable: the database is away.
        """
        now = self._clock()
        await self._tick(now)
        async with self._database.unbound() as connection:
            told = await connection.fetch(change_queries.waiting)
            to_run = await connection.fetch(job_queries.waiting)
        self._note_lag(told, to_run)
        listeners = {one.plugin for hook in changes.HOOKS for one in self._plugins.calls.asked(hook, None)}
        workers = {plugin for plugin, _ in self._plugins.registered("register_jobs")}
        for plugin, workspace_ids in _due(told, listeners, now).items():
            self._begin("changes", plugin, workspace_ids, self._deliver)
        for plugin, workspace_ids in _due(to_run, workers, now).items():
            if self.runner.room(plugin) > 0:
                self._begin("jobs", plugin, workspace_ids, self._begin_jobs)

    async def work_off(self) -> None:
        """Do what is due, and what comes due by it; for those who drive it by hand."""
        done = 1
        while done:
            await self.look()
            done = sum(await asyncio.gather(*self._busy.values()))
            await self.runner.wait()

    def _begin(
        self,
        kind: str,
        plugin: str,
        workspace_ids: list[WorkspaceId],
        do: Callable[[str, WorkspaceId], Awaitable[int]],
    ) -> None:
        if (key := (kind, plugin)) not in self._busy:
            task = asyncio.create_task(self._guarded(do, plugin, workspace_ids))
            self._busy[key] = task
            task.add_done_callback(lambda task: self._over(key, task))

    def _over(self, key: tuple[str, str], task: asyncio.Task[int]) -> None:
        del self._busy[key]
        if not task.cancelled() and task.exception() is None and task.result():
            self._woken.set()

    async def _guarded(
        self,
        do: Callable[[str, WorkspaceId], Awaitable[int]],
        plugin: str,
        workspace_ids: list[WorkspaceId],
    ) -> int:
        """Workspaces one after the other, a round each; what fails is logged, and comes again with the next look."""
        done = 0
        for workspace_id in workspace_ids:
            if self._stop.is_set():
                break
            try:
                done += await do(plugin, workspace_id)
            except Unavailable as error:
                log.warning("background_waits_for_database", error=error.message)
                break
            except Exception as error:  # noqa: BLE001 - logged; its lease runs out, and it is tried again
                log.error(  # noqa: TRY400 - a traceback quotes values, and they may be personal data
                    "background_failed", plugin=plugin, workspace=workspace_id, **described(error)
                )
        return done

    async def _deliver(self, plugin: str, workspace_id: WorkspaceId) -> int:
        workspace = await self._workspaces.get(workspace_id)
        if self._plugins.calls.is_off(plugin, workspace):
            return 0
        async with self._giving_way.piece("telling", self._stop):
            done = await changes.deliver_some(
                self._database, self._plugins, workspace, plugin, clock=self._clock, lease=self._lease
            )
        return done.taken

    async def _begin_jobs(self, plugin: str, workspace_id: WorkspaceId) -> int:
        return await self.runner.begin_some(await self._workspaces.get(workspace_id), plugin)

    async def _tick(self, now: datetime) -> None:
        if not self._plugins.registered("register_schedules"):
            return
        if self._schedules_at is None or not timedelta(0) <= now - self._schedules_at < SCHEDULES_EVERY:
            self._schedules_at = now
            for workspace_id, _ in await store.list_all(self._database):
                if (
                    workspace_id not in self._scheduled
                ):  # what plugins declare is the same while a process lives
                    await jobs.keep_schedules(self._database, workspace_id, self._plugins, now=now)
                    self._scheduled.add(workspace_id)
        async with self._database.unbound() as connection:
            due = await connection.fetch(job_queries.due_schedules, now)
        for row in due:
            workspace = await self._workspaces.get(WorkspaceId(row["workspace_id"]))
            try:
                await jobs.tick(
                    self._database,
                    workspace,
                    self._plugins,
                    row["plugin"],
                    row["name"],
                    clock=self._clock,
                )
            except (asyncpg.PostgresError, DiptychError) as error:
                log.error(  # noqa: TRY400 - see above
                    "schedule_failed", plugin=row["plugin"], schedule=row["name"], **described(error)
                )

    def _note_lag(self, told: list[Mapping[str, Any]], to_run: list[Mapping[str, Any]]) -> None:
        plugins = {row["plugin"] for row in (*told, *to_run)} | self._lag.keys()
        self._lag = {
            plugin: Lag(
                plugin=plugin,
                changes=sum(row["waiting"] for row in told if row["plugin"] == plugin),
                dead=sum(row["dead"] for row in told if row["plugin"] == plugin),
                oldest_change=min(
                    (row["oldest"] for row in told if row["plugin"] == plugin and row["oldest"]), default=None
                ),
                jobs=sum(row["unfinished"] for row in to_run if row["plugin"] == plugin),
                oldest_job=min((row["oldest"] for row in to_run if row["plugin"] == plugin), default=None),
            )
            for plugin in plugins
        }


def _due(
    rows: Iterable[Mapping[str, Any]], plugins: Collection[str], now: datetime
) -> dict[str, list[WorkspaceId]]:
    """Where something is due, by plugin, of those that are loaded here.

    What was never put off is due since -infinity, which asyncpg reads as a moment without a zone.
    """
    found: dict[str, list[WorkspaceId]] = {}
    for row in rows:
        due_at = row["next_due"]
        if row["plugin"] in plugins and due_at is not None and (due_at.tzinfo is None or due_at <= now):
            found.setdefault(row["plugin"], []).append(WorkspaceId(row["workspace_id"]))
    return found
