"""The enricher: takes people and accounts by lease, and asks providers about them until enough is known.

In that order: claim, read, ask, write, so that no connection is held while a provider is waited for. A call that costs
or is limited is granted and written down before it is made, and settled in the transaction that keeps its answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg
import structlog

from cdp.db.pool import Database
from cdp.enrichment import queue, settings, subjects
from cdp.enrichment.asking import LEASE, Asker, retrying
from cdp.enrichment.going import Going, finish
from cdp.enrichment.providers import Source, sources_of
from cdp.enrichment.queue import Held
from cdp.enrichment.waterfall import next_source
from cdp.errors import Unavailable
from cdp.hooks.manager import Plugins
from cdp.model import Subject, Workspace, WorkspaceId
from cdp.telemetry import count, described, stage
from cdp.workspaces.cache import Workspaces

log = structlog.get_logger(__name__)

CHUNK = 100
"""Subjects that are taken at once."""
WORKSPACES_AT_ONCE = 4


class Enricher:
    """Enriches what is due, in every workspace; run as many as you like.

    Args:
        database: the pool.
        workspaces: settings, and which plugins are turned off.
        plugins: who asks the providers.
        clock: the current time: what is due and what has expired. Budgets and limits go by the database's.
        poll: longest wait without looking, in seconds.
        piece: entered for each piece of work; it may put it off.
    """

    def __init__(
        self,
        database: Database,
        workspaces: Workspaces,
        plugins: Plugins,
        *,
        clock: Callable[[], datetime],
        poll: float = 1.0,
        piece: Callable[[], AbstractAsyncContextManager[object]] = nullcontext,
    ) -> None:
        self._database = database
        self._workspaces = workspaces
        self._plugins = plugins
        self._clock = clock
        self._poll = poll
        self._piece = piece
        self._running: dict[WorkspaceId, asyncio.Task[int]] = {}
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that something may be due."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Enrich until `stop` is set; then what is under way is finished."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                self._woken.clear()
                try:
                    await self._begin()
                except (Unavailable, asyncpg.PostgresError) as error:
                    log.warning("enricher_waits_for_database", **described(error))
                woken = asyncio.create_task(self._woken.wait())
                await asyncio.wait(
                    {stopping, woken, *self._running.values()},
                    timeout=self._poll,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                woken.cancel()
        finally:
            stopping.cancel()
            if self._running:
                await asyncio.wait(self._running.values())

    async def enrich_once(self, limit: int = CHUNK) -> int:
        """Enrich at most `limit` due subjects of each workspace; how many were taken, 0 when nothing is due.

        Raises:
            Unavailable: the database is away; what was taken is taken again when its lease is over.
        """
        taken = 0
        for workspace_id in await self._due():
            taken += await self._some(workspace_id, limit)
        return taken

    async def _due(self) -> list[WorkspaceId]:
        async with self._database.unbound() as connection:
            return await queue.workspaces(connection, now=self._clock())

    async def _begin(self) -> None:
        """Begin in the workspaces where something is due and nothing is under way."""
        for workspace_id, task in list(self._running.items()):
            if task.done():
                del self._running[workspace_id]
        for workspace_id in await self._due():
            if workspace_id not in self._running and len(self._running) < WORKSPACES_AT_ONCE:
                self._running[workspace_id] = asyncio.create_task(self._quietly(workspace_id))

    async def _quietly(self, workspace_id: WorkspaceId) -> int:
        try:
            async with self._piece():
                return await self._some(workspace_id, CHUNK)
        except Unavailable as error:
            log.warning("enricher_waits_for_database", error=error.message)
        except Exception as error:  # noqa: BLE001 - it is logged, and taken again when the lease is over
            count("enrich.failed")
            log.error("not_enriched", workspace=workspace_id, **described(error))  # noqa: TRY400 - see cdp.settle.worker
        return 0

    async def _some(self, workspace_id: WorkspaceId, limit: int) -> int:
        workspace = await self._workspaces.get(workspace_id)
        token = uuid4()
        now = self._clock()
        async with self._database.transaction(workspace_id) as connection:
            held = await queue.claim(
                connection, workspace_id, token, limit=limit, lease=LEASE.total_seconds(), now=now
            )
        if held:
            count("enrich.subjects", by=len(held))
            with stage("enrich", links=(), subjects=len(held)):
                await self._enrich(workspace, token, held, now)
        return len(held)

    async def _enrich(self, workspace: Workspace, token: UUID, held: list[Held], now: datetime) -> None:
        workspace_id = workspace.workspace_id
        sources = {subject: sources_of(self._plugins, workspace, subject) for subject in Subject}
        async with self._database.transaction(
            workspace_id, isolation="repeatable_read", readonly=True
        ) as connection:
            rules = await settings.read(connection, workspace_id)
            going: list[Going] = []
            for subject in Subject:
                ids = {one.subject_id: one for one in held if one.subject is subject}
                cases = await subjects.load(connection, workspace_id, subject, ids.keys(), now=now)
                going += [Going.of(case, ids[subject_id], now=now) for subject_id, case in cases.items()]
        asker = Asker(self._database, workspace, self._plugins, token, rules, clock=self._clock)
        # One turn of the waterfall after the other: whoever asks next knows what those before have found.
        while turns := _turns(going, sources, rules):
            await asyncio.gather(*(asker.ask(source, ones) for source, ones in turns))
        async for attempt in retrying():
            with attempt:
                async with self._database.transaction(workspace_id) as connection:
                    await finish(
                        connection,
                        workspace_id,
                        token,
                        held=held,
                        going=going,
                        sources=sources,
                        rules=rules,
                        now=now,
                    )


def _turns(
    going: list[Going], sources: Mapping[Subject, tuple[Source, ...]], rules: settings.EnrichmentSettings
) -> list[tuple[Source, list[Going]]]:
    """Who is asked next about whom."""
    turns: dict[str, tuple[Source, list[Going]]] = {}
    for one in going:
        if one.stopped:
            continue
        source = next_source(
            sources[one.case.subject],
            one.case.known,
            target=rules.confidence,
            wanted=rules.fields,
            done=one.done,
        )
        if source is None:
            one.stopped = True
        else:
            turns.setdefault(source.name, (source, []))[1].append(one)
    return list(turns.values())
