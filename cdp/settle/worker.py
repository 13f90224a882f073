"""The worker: takes touched profiles by lease and settles them, and keeps the house. Run as many as you like."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import structlog

from cdp.db.pool import Connection, Database
from cdp.enrichment import Enricher
from cdp.errors import DiptychError, Unavailable
from cdp.hooks.manager import Plugins
from cdp.lenses.reclassify import reclassify_some
from cdp.model import ProfileId, Workspace, WorkspaceId
from cdp.roles.resolution import Resolution
from cdp.settle import queue, upkeep
from cdp.settle.chores import Chores
from cdp.settle.giving_way import GivingWay
from cdp.settle.queue import Held, Waiting
from cdp.settle.settling import settle
from cdp.settle.waking import listening, pause
from cdp.telemetry import count, described, stage
from cdp.workspaces.cache import Workspaces
from cdp.workspaces.plugin_catalogue import PluginCatalogue

log = structlog.get_logger(__name__)

CHANNEL = "cdp_settle"
"""Notified by whoever touches profiles, when that commits."""
POLL_SECONDS = 1.0
"""How long nothing happens at most, should a notification be lost or something become due by itself."""
LATE = timedelta(seconds=30)
"""Somebody who has waited for their roles for so long has waited for long."""
AT_ONCE = 200
"""Profiles of one workspace that are settled together, unless events keep coming."""
LEASE_SECONDS = 120.0
"""After this another worker takes over. Calls of plugins are bounded well below it."""
UPKEEP_EVERY = timedelta(hours=1)


class Worker:
    """Settles what was touched, in every workspace.

    Args:
        database: the pool; while it runs, the worker keeps one connection to listen on.
        workspaces: settings that decide what is asked of plugins.
        plugins: who is asked.
        clock: the current time.
        lease: how long a taken profile is this worker's own, in seconds.
        poll: longest wait without looking, in seconds.
        monotonic: seconds that pass whatever is done to the clock; upkeep is due by them.
        giving_way: shared with what else works in the background of this process.
    """

    def __init__(
        self,
        database: Database,
        workspaces: Workspaces,
        plugins: Plugins,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        lease: float = LEASE_SECONDS,
        poll: float = POLL_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
        giving_way: GivingWay | None = None,
    ) -> None:
        self._database = database
        self._workspaces = workspaces
        self._plugins = plugins
        self._clock = clock
        self._listening_since = clock()
        self._lease = lease
        self._poll = poll
        self._woken = asyncio.Event()
        self._stop = asyncio.Event()
        self._stopped = asyncio.Event()
        self._stopped.set()
        self._monotonic = monotonic
        self._kept_house_at: float | None = None
        self._waited = timedelta()
        self._chores = Chores(database)
        self._resolution = Resolution(database, workspaces, plugins, clock=clock)
        self._looked_at: float | None = None
        self._giving_way = giving_way or GivingWay()
        self._enricher = Enricher(
            database,
            workspaces,
            plugins,
            clock=clock,
            poll=poll,
            piece=lambda: self._giving_way.piece("enriching", self._stop),
        )
        self._catalogue = PluginCatalogue(plugins, database, workspaces)

    def wake(self, _workspace_id: WorkspaceId | None = None, _touched: Collection[ProfileId] = ()) -> None:
        """Say that something has been committed that may want settling; on the event loop's thread."""
        self._giving_way.notice()
        self._woken.set()

    async def run(self) -> None:
        """Settle and enrich until `aclose`; a database that goes away is waited for."""
        self._stopped.clear()
        # Beside settling: a provider may be slow, or want to be waited for.
        enriching = asyncio.create_task(self._enricher.run(self._stop))
        try:
            while not self._stop.is_set():
                try:
                    async with listening(self._database, CHANNEL, self.wake) as connection:
                        await self._work(connection)
                except Unavailable as error:
                    log.warning("worker_waits_for_database", error=error.message)
                    await pause(self._poll, unless=self._stop)
        finally:
            self._stop.set()
            await asyncio.wait({enriching})
            self._stopped.set()

    async def aclose(self) -> None:
        """Finish what is being settled, then stop."""
        self._stop.set()
        self._woken.set()
        await self._stopped.wait()

    async def settle_once(self, limit: int = AT_ONCE) -> int:
        """Settle at most `limit` due profiles of each workspace, and enrich all that is due; how many were settled.

        Raises:
            Unavailable: the database is away; what was taken is taken again when its lease is over.
        """
        taken = await self._settle_due(limit)
        while await self._enricher.enrich_once():
            pass
        return taken

    async def _settle_due(self, limit: int = AT_ONCE) -> int:
        now = self._clock()
        taken = 0
        waiting = await self._waiting()
        self._waited = max(
            (now - one.oldest for one in waiting if one.oldest is not None), default=timedelta()
        )
        for one in waiting:
            if one.profiles or (one.oldest is not None and one.oldest <= now):
                taken += await self._settle_some(one.workspace_id, limit)
        return taken

    async def reclassify_once(self) -> bool:
        """Classify one chunk of history anew in each workspace whose catalogue has changed; whether more is left.

        Raises:
            Unavailable: the database is away; what was not done is done later.
        """
        left = False
        for one in await self._waiting():
            if one.reclassifications > 0:
                left |= await reclassify_some(self._database, one.workspace_id, now=self._clock())
        return left

    async def keep_house(self) -> None:
        """Partitions ahead, what has expired, what is to be asked again.

        Raises:
            Unavailable: the database is away.
        """
        now = self._clock()
        await upkeep.partitions(self._database, today=now.date())
        await upkeep.message_months(self._database, today=now.date())
        # What is deleted is over by both clocks: one of them may have jumped ahead.
        over = min(now, await upkeep.their_time(self._database))
        for one in await self._waiting():
            while await upkeep.expire(self._database, one.workspace_id, now=over):
                pass
            while await upkeep.ask_again(self._database, one.workspace_id, now=now):
                pass
            while await upkeep.notice_fading(self._database, one.workspace_id, now=now):
                pass
            self._chores.due(one.workspace_id)
            await self._catalogue.renew(one.workspace_id, now)

    async def chore_once(self) -> bool:
        """Do one chunk of what has been due since the house was kept last; whether more is left.

        Raises:
            Unavailable: the database is away; what was not done is done later.
        """
        return await self._chores.do_one(self._clock)

    async def resolve_once(self) -> bool:
        """Hand over people whose roles are to be resolved without an event; whether there were any.

        Raises:
            Unavailable: the database is away; what was not done is done later.
        """
        return await self._resolution.look()

    async def _waiting(self) -> Sequence[Waiting]:
        async with self._database.unbound() as connection:
            return await queue.waiting(connection)

    async def _settle_some(self, workspace_id: WorkspaceId, limit: int) -> int:
        workspace = await self._workspaces.get(workspace_id)
        token = uuid4()
        with stage("settle.claim", links=()):
            async with self._database.connection(workspace_id) as connection:
                held = await queue.claim(
                    connection, workspace_id, token, limit=limit, lease=self._lease, now=self._clock()
                )
        if held:
            count("settle.profiles", by=len(held))
            with stage("settle", links=(), profiles=len(held)):
                await self._settle_held(workspace, token, held)
        return len(held)

    async def _settle_held(self, workspace: Workspace, token: UUID, held: Sequence[Held]) -> None:
        """Settle together; where that fails, each by itself, so that one cannot hold up the others."""
        now = self._clock()
        try:
            since = self._listening_since
            await settle(
                self._database, workspace, self._plugins, token, held, now=now, listening_since=since
            )
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - it is logged, and the profile tried again later
            if len(held) > 1:
                for one in held:
                    await self._settle_held(workspace, token, [one])
                return
            count("settle.failed")
            log.error(  # noqa: TRY400 - a traceback quotes values, and they may be personal data
                "profile_not_settled",
                workspace=workspace.workspace_id,
                profile=held[0].profile_id,
                **described(error),
            )
            async with self._database.connection(workspace.workspace_id) as connection:
                await queue.postpone(connection, workspace.workspace_id, token, held, now=now)

    async def _work(self, connection: Connection) -> None:
        while not self._stop.is_set() and not connection.is_closed():
            self._woken.clear()
            await self._keep_house_when_due()
            async with self._giving_way.piece("settling", self._stop, late=self._waited > LATE) as piece:
                settled = await self._settle_due(self._giving_way.fitting("settling", AT_ONCE))
                piece.number = settled
            if settled:
                self._enricher.wake()
            more = await self.reclassify_once() | await self.chore_once()
            if not more and not settled:
                await pause(self._poll, unless=self._woken)

    async def _keep_house_when_due(self) -> None:
        now = self._monotonic()
        if self._kept_house_at is not None and now - self._kept_house_at < UPKEEP_EVERY.total_seconds():
            return
        self._kept_house_at = now
        try:
            await self.keep_house()
        except (asyncpg.PostgresError, DiptychError) as error:
            log.warning("upkeep_failed", **described(error))
