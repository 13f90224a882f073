"""The ledger of calls: granted before they are made, settled after, exact across processes.

All of this goes by the database's clock, whatever the processes' own say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.enrichment.metering import (
    BLOCKED_FOR,
    FAILURES_TO_BLOCK,
    SOON,
    Denied,
    Reason,
    Standing,
    grant,
    month_of,
)
from cdp.enrichment.providers import Source
from cdp.model import WorkspaceId

_QUERIES = load_queries("cdp.enrichment", "meter.sql")

KEEP_CALLS = timedelta(days=70)
"""Longer than any rate limit or budget looks back; what reports need is in the tallies."""
_NEVER = timedelta(seconds=1)
"""The span of a provider without a rate limit: nothing is made of what is counted."""


class Outcome(StrEnum):
    """How a call ended."""

    HIT = "HIT"
    MISS = "MISS"
    FAILED = "FAILED"


class Wanted(Struct, frozen=True, kw_only=True):
    """A subject that a provider is to be asked about."""

    subject_id: int
    family: tuple[int, ...]
    """Its id, and those of what went into it."""
    backfill_id: int | None = None


class Ended(Struct, frozen=True, kw_only=True):
    """How one call went."""

    call_id: int
    outcome: Outcome
    cost: Decimal
    throttled: bool = False
    """It failed because the provider wants to be left alone, which is not to be out of order."""


class Calls(Struct, frozen=True, kw_only=True):
    """Calls of one provider that may be made, and those that may not yet."""

    granted: dict[int, int]
    """The id of the call, by subject."""
    denied: dict[int, Denied]
    at: datetime


async def reserve(
    connection: Connection,
    workspace_id: WorkspaceId,
    source: Source,
    wanted: Sequence[Wanted],
    *,
    lease: timedelta,
    at: datetime | None = None,
) -> Calls:
    """Grant what limits and budgets allow, and write it down; in a transaction of its own.

    Args:
        connection: in a transaction.
        workspace_id: whose money it is.
        source: who is asked.
        wanted: about whom, in this order.
        lease: after this a call that has not been settled counts as made and paid.
        at: the time; None: what the database's clock says once the locks are held.
    """
    provider = source.provider
    row = await connection.fetchrow(_QUERIES.lock_provider, workspace_id, source.name)
    per_day: Decimal | None = None
    per_subject: Decimal | None = None
    if provider.cost > 0:
        budget = await connection.fetchrow(_QUERIES.lock_budget, workspace_id, provider.currency)
        if budget is not None:
            per_day, per_subject = budget["per_day"], budget["per_subject"]
    if at is None:
        at = await connection.fetchval(_QUERIES.clock)
    assert at is not None
    await connection.execute(_QUERIES.lose, workspace_id, source.name, at)
    span = provider.rate_limit.per if provider.rate_limit is not None else _NEVER
    calls = await connection.fetchrow(_QUERIES.standing, workspace_id, source.name, at - span)
    standing = Standing(
        at=at,
        under_way=calls["under_way"],
        recent=calls["recent"],
        oldest_end=calls["oldest_end"],
        failures_in_row=row["failures_in_row"],
        blocked_until=row["blocked_until"],
        per_day=per_day,
        per_subject=per_subject,
        spent=await _spent(connection, workspace_id, source, at) if per_day is not None else Decimal(0),
        spent_on=await _spent_on(connection, workspace_id, source, wanted, at)
        if per_subject is not None
        else {},
    )
    decided = grant(provider, standing, [one.subject_id for one in wanted])
    backfills = {one.subject_id: one.backfill_id for one in wanted}
    if not decided.granted:
        return Calls(granted={}, denied=decided.denied, at=at)
    rows = await connection.fetch(
        _QUERIES.reserve,
        workspace_id,
        source.name,
        provider.subject.value,
        provider.currency,
        provider.cost,
        at,
        at + lease,
        list(decided.granted),
        [backfills[subject_id] for subject_id in decided.granted],
    )
    if provider.cost > 0 and rows:
        amount = provider.cost * len(rows)
        await connection.execute(_QUERIES.spend, workspace_id, provider.currency, at.date(), amount)
    granted = {row["subject_id"]: row["call_id"] for row in rows}
    under_way = Denied(reason=Reason.LIMIT, until=at + SOON)
    return Calls(
        granted=granted,
        denied=decided.denied | {one: under_way for one in decided.granted if one not in granted},
        at=at,
    )


async def settle(
    connection: Connection,
    workspace_id: WorkspaceId,
    source: Source,
    ended: Sequence[Ended],
    *,
    withdrawn: Sequence[int] = (),
    leave_alone: timedelta | None = None,
    at: datetime | None = None,
) -> None:
    """Write down how calls went; in the transaction that keeps what they gave.

    Args:
        connection: in a transaction.
        workspace_id: whose money it is.
        source: who was asked.
        ended: calls that were made, with what they cost, at most what was reserved.
        withdrawn: calls that were not made after all.
        leave_alone: how long the provider wants to be.
        at: the time; None: what the database's clock says.
    """
    row = await connection.fetchrow(_QUERIES.lock_provider, workspace_id, source.name)
    assert row is not None
    if at is None:
        at = await connection.fetchval(_QUERIES.clock)
    assert at is not None
    rows = await connection.fetch(
        _QUERIES.end,
        workspace_id,
        at,
        [one.call_id for one in ended],
        [one.outcome.value for one in ended],
        [one.cost for one in ended],
    )
    gone = await connection.fetch(_QUERIES.withdraw, workspace_id, list(withdrawn)) if withdrawn else []
    spare: dict[tuple[str, datetime], Decimal] = {}
    for one in rows:
        key = (one["currency"], one["on_day"])
        spare[key] = spare.get(key, Decimal(0)) + one["reserved"] - one["cost"]
    for one in gone:
        key = (one["currency"], one["on_day"])
        spare[key] = spare.get(key, Decimal(0)) + one["reserved"]
    back = sorted((key, amount) for key, amount in spare.items() if amount > 0)
    if back:
        await connection.execute(
            _QUERIES.give_back,
            workspace_id,
            [currency for (currency, _), _ in back],
            [day for (_, day), _ in back],
            [amount for _, amount in back],
        )
    failed = sum(one.outcome is Outcome.FAILED and not one.throttled for one in ended)
    if ended:
        await connection.execute(
            _QUERIES.note_provider,
            workspace_id,
            source.name,
            any(one.outcome is not Outcome.FAILED for one in ended),
            failed,
            FAILURES_TO_BLOCK,
            at + BLOCKED_FOR,
            None if leave_alone is None else at + leave_alone,
        )
    # As they were written down: one that was lost meanwhile has been counted.
    for day in sorted({one["on_day"] for one in rows}):
        figures = Figures()
        for one in rows:
            if one["on_day"] == day:
                figures.add(Outcome(one["outcome"]), one["cost"])
        await tally(connection, workspace_id, {(source.name, source.provider.currency): figures}, day)


class Figures(Struct):
    """What the report adds up."""

    calls: int = 0
    hits: int = 0
    misses: int = 0
    failures: int = 0
    cached: int = 0
    cost: Decimal = Decimal(0)

    def add(self, outcome: Outcome, cost: Decimal) -> None:
        """Count one call."""
        self.calls += 1
        self.hits += outcome is Outcome.HIT
        self.misses += outcome is Outcome.MISS
        self.failures += outcome is Outcome.FAILED
        self.cost += cost


async def tally(
    connection: Connection, workspace_id: WorkspaceId, figures: Mapping[tuple[str, str], Figures], day: object
) -> None:
    """Add figures, by provider and currency, to those of a day."""
    items = sorted(figures.items(), key=lambda item: item[0])
    await connection.execute(
        _QUERIES.tally,
        workspace_id,
        day,
        [provider for (provider, _), _ in items],
        [currency for (_, currency), _ in items],
        *([getattr(one, name) for _, one in items] for name in Figures.__struct_fields__),
    )


async def forget_calls(
    connection: Connection, workspace_id: WorkspaceId, *, now: datetime, limit: int = 1_000
) -> int:
    """Delete calls that nothing looks back to any more; how many, at most `limit`."""
    status = await connection.execute(_QUERIES.forget_calls, workspace_id, now - KEEP_CALLS, limit)
    return int(status.rpartition(" ")[2])


async def _spent(connection: Connection, workspace_id: WorkspaceId, source: Source, at: datetime) -> Decimal:
    amount = await connection.fetchval(_QUERIES.spent, workspace_id, source.provider.currency, at.date())
    return Decimal(0) if amount is None else amount


async def _spent_on(
    connection: Connection,
    workspace_id: WorkspaceId,
    source: Source,
    wanted: Sequence[Wanted],
    at: datetime,
) -> dict[int, Decimal]:
    pairs = [(one.subject_id, member) for one in wanted for member in one.family]
    rows = await connection.fetch(
        _QUERIES.spent_on,
        workspace_id,
        source.provider.subject.value,
        source.provider.currency,
        month_of(at),
        [subject_id for subject_id, _ in pairs],
        [member for _, member in pairs],
    )
    return {row["subject_id"]: row["amount"] for row in rows}
