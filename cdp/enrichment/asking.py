"""Asking one provider about some subjects: granted, called, settled; again with back-off where it could not answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import stamina
import structlog
from msgspec import Struct

from cdp.db.pool import Database
from cdp.enrichment import meter, queue
from cdp.enrichment.apply import Answer, cost_of, keep
from cdp.enrichment.going import Going
from cdp.enrichment.meter import Calls, Ended, Figures, Outcome, Wanted
from cdp.enrichment.metering import Denied, Reason
from cdp.enrichment.providers import Source
from cdp.enrichment.settings import EnrichmentSettings
from cdp.enrichment.waterfall import missing
from cdp.hooks.health import FailureKind
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Answered, Failed
from cdp.hooks.outcomes import Outcome as Said
from cdp.identity.store import RETRYABLE
from cdp.live.changes import note_settled, note_touched
from cdp.model import EnrichedTrait, ProfileId, Subject, Unanswered, Workspace
from cdp.telemetry import count, wordless

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=120)
"""How long a worker may keep a subject without saying so again; every granted call says so."""
CALL_LEASE = timedelta(seconds=60)
"""Longer than a batch of calls takes, shorter than LEASE: after it a call counts as made and paid."""
SHORTEST_CALL, LONGEST_CALL = timedelta(seconds=1), timedelta(seconds=30)
ATTEMPTS = 3
"""Times that a declared provider is asked in one pass."""
SHORT = timedelta(seconds=1)
"""A limit that is over within this is waited for on the spot."""
PATIENCE = timedelta(minutes=1)
"""One that takes longer, up to this, is waited for in the queue; beyond it the next provider is asked."""
ROUND = 30.0
"""Seconds after which whoever has not been asked yet waits for the next pass."""


class _Again(Exception):
    """Some could not be answered, and are worth another attempt."""


class _Judged(Struct, frozen=True, kw_only=True):
    """What became of one call."""

    outcome: Outcome
    cost: Decimal
    traits: tuple[EnrichedTrait, ...] = ()
    made: bool = True
    again: bool = False
    """Whether it is worth another attempt."""
    leave_alone: timedelta | None = None


def retrying() -> AsyncIterator[Any]:
    """Attempts at a transaction that PostgreSQL may undo for another one."""
    return stamina.retry_context(on=RETRYABLE, attempts=5, timeout=10.0, wait_initial=0.01)


class Asker:
    """Asks on behalf of one worker that holds subjects of one workspace."""

    def __init__(
        self,
        database: Database,
        workspace: Workspace,
        plugins: Plugins,
        token: UUID,
        rules: EnrichmentSettings,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._workspace = workspace
        self._workspace_id = workspace.workspace_id
        self._plugins = plugins
        self._token = token
        self._rules = rules
        self._clock = clock

    async def ask(self, source: Source, ones: Sequence[Going]) -> None:
        """Ask a provider about these subjects; each is then told what it said, or why it did not."""
        for one in ones:
            one.done.add(source.name)
        left = {one.case.subject_id: one for one in ones}
        go = self._metered if source.metered else self._free
        with suppress(_Again):
            async for attempt in stamina.retry_context(
                on=_Again,
                attempts=ATTEMPTS if source.provider.fields else 1,
                timeout=ROUND,
                wait_initial=0.1,
                wait_max=2.0,
                wait_jitter=0.1,
            ):
                with attempt:
                    if await go(source, left):
                        raise _Again
        for one in left.values():
            one.failed.add(source.name)

    async def _free(self, source: Source, left: dict[int, Going]) -> bool:
        """Ask about all at once; whether some are left that are worth another attempt."""
        return await self._make(source, list(left.values()), {}, left)

    async def _metered(self, source: Source, left: dict[int, Going]) -> bool:
        """Ask about as many as are granted, until all have been; whether some are left, worth another attempt."""
        to_ask = dict(left)
        again = False
        ends_at = time.monotonic() + ROUND
        while to_ask:
            calls = await self._reserve(source, list(to_ask.values()))
            for subject_id in [one for one in to_ask if one not in calls.granted]:
                denied = calls.denied.get(subject_id)
                in_time = time.monotonic() < ends_at
                if not (in_time and _waits(denied, calls.at)):
                    self._put_off(source, to_ask.pop(subject_id), denied, calls.at)
                    del left[subject_id]
            if calls.granted:
                granted = [to_ask.pop(subject_id) for subject_id in calls.granted]
                again |= await self._make(source, granted, calls.granted, left)
            elif to_ask:
                soonest = min(one.until for one in calls.denied.values()) - calls.at
                await asyncio.sleep(max(0.01, soonest.total_seconds()))
        return again

    def _put_off(self, source: Source, one: Going, denied: Denied | None, at: datetime) -> None:
        """Say why the provider is not asked about the subject now."""
        now = self._clock()
        if denied is None:
            one.lost = one.stopped = True
            return
        until = now + max(timedelta(0), denied.until - at)
        if denied.reason is Reason.LIMIT and until - now <= PATIENCE:
            # Whose turn it is has to be waited for: to go on would ask those who come after, and cost more.
            one.waiting, one.stopped = until, True
        else:
            one.later[source.name] = until

    async def _reserve(self, source: Source, ones: Sequence[Going]) -> Calls:
        subject = source.provider.subject
        async for attempt in retrying():
            with attempt:
                async with self._database.transaction(self._workspace_id) as connection:
                    await queue.renew(
                        connection, self._workspace_id, self._token, lease=LEASE.total_seconds()
                    )
                    ours = await queue.hold(
                        connection,
                        self._workspace_id,
                        self._token,
                        subject,
                        [one.case.subject_id for one in ones],
                    )
                    wanted = [
                        Wanted(
                            subject_id=one.case.subject_id,
                            family=one.case.family,
                            backfill_id=one.held.backfill_id,
                        )
                        for one in ones
                        if one.case.subject_id in ours
                    ]
                    return await meter.reserve(
                        connection, self._workspace_id, source, wanted, lease=CALL_LEASE
                    )
        raise AssertionError("stamina raises what it gives up on")

    async def _make(
        self, source: Source, ones: Sequence[Going], calls: Mapping[int, int], left: dict[int, Going]
    ) -> bool:
        """Call, and write down what came of it; whether a call is worth another attempt."""
        said = await self._call(source, ones)
        judged = [_judge(source, outcome) for outcome in said]
        await self._write(source, ones, judged, calls)
        for result in judged:
            if result.made:
                count("enrich.calls", source.name, result.outcome.value)
        again = False
        for one, result in zip(ones, judged, strict=True):
            if result.outcome is not Outcome.FAILED:
                one.case.learn(result.traits)
                del left[one.case.subject_id]
            elif result.again:
                again = True
            else:
                one.failed.add(source.name)
                del left[one.case.subject_id]
        return again

    async def _call(
        self, source: Source, ones: Sequence[Going]
    ) -> list[Said[tuple[EnrichedTrait, ...] | Unanswered]]:
        now = self._clock()
        provider = source.provider
        requests: list[Any] = [
            one.case.request(
                provider.name,
                provider.fields,
                missing(source, one.case.known, target=self._rules.confidence, wanted=self._rules.fields),
                country=self._workspace.settings.default_country,
                now=now,
            )
            for one in ones
        ]
        ask: Any = (
            self._plugins.enrich_person
            if provider.subject is Subject.PERSON
            else self._plugins.enrich_account
        )
        seconds = min(LONGEST_CALL, max(SHORTEST_CALL, 4 * provider.latency)).total_seconds()
        said = await ask(
            requests,
            wanted=lambda plugin, _index: plugin == source.plugin,
            workspace=self._workspace,
            deadline=seconds if provider.fields else None,
        )
        turned_off = Failed(FailureKind.SKIPPED, "the plugin was turned off")
        return [one.get(source.plugin, turned_off) for one in said]

    async def _write(
        self,
        source: Source,
        ones: Sequence[Going],
        judged: Sequence[_Judged],
        calls: Mapping[int, int],
    ) -> None:
        pairs = list(zip(ones, judged, strict=True))
        answers = [
            Answer(case=one.case, traits=result.traits, cost=result.cost)
            for one, result in pairs
            if result.outcome is not Outcome.FAILED
        ]
        now = self._clock()
        async for attempt in retrying():
            with attempt:
                async with self._database.transaction(self._workspace_id) as connection:
                    # What has been paid for is kept even where another worker has taken the subject over.
                    await keep(connection, self._workspace_id, source, answers, now=now)
                    if calls:
                        await self._settle(connection, source, pairs, calls)
                    else:
                        await self._count(connection, source, judged, now)
                    changed = [one.case.subject_id for one in answers]
                    if changed and source.provider.subject is Subject.PERSON:
                        await note_settled(
                            connection, self._workspace_id, [ProfileId(one) for one in changed]
                        )
                    elif changed:
                        await note_touched(connection, self._workspace_id, ())

    async def _settle(
        self,
        connection: Any,
        source: Source,
        pairs: Sequence[tuple[Going, _Judged]],
        calls: Mapping[int, int],
    ) -> None:
        waits = [result.leave_alone for _, result in pairs if result.leave_alone is not None]
        await meter.settle(
            connection,
            self._workspace_id,
            source,
            [
                Ended(
                    call_id=calls[one.case.subject_id],
                    outcome=result.outcome,
                    cost=result.cost,
                    throttled=result.leave_alone is not None,
                )
                for one, result in pairs
                if result.made
            ],
            withdrawn=[calls[one.case.subject_id] for one, result in pairs if not result.made],
            leave_alone=max(waits, default=None),
        )

    async def _count(self, connection: Any, source: Source, judged: Sequence[_Judged], now: datetime) -> None:
        figures = Figures()
        for one in judged:
            if one.made:
                figures.add(one.outcome, one.cost)
        if figures.calls:
            name = (source.name, source.provider.currency)
            await meter.tally(connection, self._workspace_id, {name: figures}, now.date())


def _waits(denied: Denied | None, at: datetime) -> bool:
    """Whether a subject waits for its call on the spot."""
    return denied is not None and denied.reason is Reason.LIMIT and denied.until - at <= SHORT


def _judge(source: Source, said: Said[tuple[EnrichedTrait, ...] | Unanswered]) -> _Judged:
    """What a call came to, and what it costs: where that is not known, all that was reserved."""
    most = source.provider.cost
    match said:
        case Answered(value=Unanswered() as why):
            log.info("provider_did_not_answer", provider=source.name, reason=wordless(why.reason[:200]))
            return _Judged(
                outcome=Outcome.FAILED,
                cost=min(most, why.cost),
                again=True,
                leave_alone=why.retry_after,
            )
        case Answered(value=traits):
            assert not isinstance(traits, Unanswered)
            cost = cost_of(source, traits)
            if cost > most:
                log.warning(
                    "provider_costs_too_much", provider=source.name, cost=str(cost), declared=str(most)
                )
                return _Judged(outcome=Outcome.FAILED, cost=most)
            return _Judged(outcome=Outcome.HIT if traits else Outcome.MISS, cost=cost, traits=traits)
        case Failed(kind=FailureKind.SKIPPED):
            return _Judged(outcome=Outcome.FAILED, cost=Decimal(0), made=False)
        case Failed(kind=FailureKind.RAISED):
            return _Judged(outcome=Outcome.FAILED, cost=Decimal(0), again=True)
        case Failed(kind=kind):
            # It may well have been answered, and charged.
            return _Judged(outcome=Outcome.FAILED, cost=most, again=kind is FailureKind.TIMED_OUT)
