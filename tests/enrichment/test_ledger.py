"""The ledger: whatever several processes do at once, and whenever they die, no budget and no limit is exceeded."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.db.pool import Database
from cdp.enrichment import meter
from cdp.enrichment import settings as rules
from cdp.enrichment.meter import Calls, Ended, Outcome, Wanted
from cdp.enrichment.metering import Reason
from cdp.enrichment.providers import Source
from cdp.enrichment.settings import Budget
from cdp.model import Provider, RateLimit, Subject, WorkspaceId
from tests.conftest import make_workspace
from tests.settle.parts import rows

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
SPAN = timedelta(seconds=10)
LEASE = timedelta(seconds=7)
DAY, PERSON = Decimal("1.00"), Decimal("0.15")
_names = count()


def source(cost: str, calls: int, at_once: int, name: str = "bureau") -> Source:
    provider = Provider(
        name=name,
        subject=Subject.PERSON,
        fields=("a",),
        cost=Decimal(cost),
        currency="EUR",
        rate_limit=RateLimit(calls=calls, per=SPAN),
        at_once=at_once,
    )
    return Source(provider=provider, plugin="p", place=0)


def wanted(*people: int) -> list[Wanted]:
    return [Wanted(subject_id=one, family=(one,)) for one in people]


async def make(database: Database) -> WorkspaceId:
    workspace_id = await make_workspace(database, f"w{next(_names)}")
    async with database.transaction(workspace_id) as connection:
        budgets = [Budget(currency="EUR", per_day=DAY, per_subject=PERSON)]
        await rules.change(connection, workspace_id, confidence=0.7, fields=None, budgets=budgets)
    return workspace_id


async def reserve(
    database: Database, workspace: WorkspaceId, of: Source, *people: int, at: datetime
) -> Calls:
    async with database.transaction(workspace) as connection:
        return await meter.reserve(connection, workspace, of, wanted(*people), lease=LEASE, at=at)


async def settle(
    database: Database, workspace: WorkspaceId, of: Source, at: datetime, ended: list[Ended], *withdrawn: int
) -> None:
    async with database.transaction(workspace) as connection:
        await meter.settle(connection, workspace, of, ended, withdrawn=withdrawn, at=at)


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("reserve"), st.integers(0, 1), st.lists(st.integers(1, 5), min_size=1, unique=True)
        ),
        st.tuples(st.just("settle"), st.sampled_from(list(Outcome)), st.integers(0, 100)),
        st.tuples(st.just("withdraw"), st.none(), st.none()),
        st.tuples(st.just("wait"), st.none(), st.integers(1, 30)),
    ),
    max_size=25,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_no_order_of_events_exceeds_a_budget_or_a_limit(
    database: Database, steps: list[tuple[str, Any, Any]]
) -> None:
    """Calls that are granted, end, are withdrawn, or never come back; the sum of the books is what was spent."""
    workspace = await make(database)
    bureaus = [source("0.11", calls=4, at_once=3), source("0.07", calls=2, at_once=2, name="other")]
    now = NOON
    open_: list[tuple[int, int, datetime]] = []
    for step, first, second in steps:
        match step:
            case "wait":
                now += timedelta(seconds=second)
            case "reserve":
                calls = await reserve(database, workspace, bureaus[first], *second, at=now)
                open_ += [(first, call_id, now) for call_id in calls.granted.values()]
            case "settle" if open_:
                which, call_id, _ = open_.pop(0)
                cost = (bureaus[which].provider.cost * second / 100).quantize(Decimal("0.0001"))
                ended = [Ended(call_id=call_id, outcome=first, cost=cost)]
                await settle(database, workspace, bureaus[which], now, ended)
            case "withdraw" if open_:
                which, call_id, _ = open_.pop()
                await settle(database, workspace, bureaus[which], now, [], call_id)
        await check(database, workspace, bureaus)


LEDGER = """
SELECT provider, subject_id, coalesce(cost, reserved), started_at, coalesce(ended_at, lease_until), ended_at IS NULL
FROM enrichment_call WHERE workspace_id = $1 ORDER BY call_id
"""


async def check(database: Database, workspace: WorkspaceId, bureaus: list[Source]) -> None:
    ledger = await rows(database, workspace, LEDGER)
    spent = sum((cost for _, _, cost, _, _, _ in ledger), Decimal(0))
    noted = await rows(
        database, workspace, "SELECT sum(amount) FROM enrichment_spend WHERE workspace_id = $1"
    )
    assert spent == (noted[0][0] or 0)
    assert spent <= DAY
    for person in {one[1] for one in ledger}:
        assert sum(one[2] for one in ledger if one[1] == person) <= PERSON
    for bureau in bureaus:
        own = [one for one in ledger if one[0] == bureau.name]
        limit, at_once = bureau.provider.rate_limit, bureau.provider.at_once
        assert limit is not None
        assert at_once is not None
        for _, _, _, start, _, _ in own:
            # When a call reached the provider is not known: at any time from its start to its end.
            assert sum(one[3] <= start < one[4] + SPAN for one in own) <= limit.calls
            assert sum(one[3] <= start < one[4] for one in own) <= at_once
        lost = "SELECT sum(cost) FROM enrichment_tally WHERE workspace_id = $1"
    tallied = (await rows(database, workspace, lost))[0][0] or 0
    assert tallied == sum((one[2] for one in ledger if not one[5]), Decimal(0))


async def test_processes_that_reserve_at_once_do_not_spend_the_same_cent(database: Database) -> None:
    """Nine calls fit into the budget, whichever providers they are of."""
    workspace = await make(database)
    bureaus = [source("0.11", calls=1_000, at_once=1_000, name=f"bureau_{one}") for one in range(8)]
    found = await asyncio.gather(
        *(
            reserve(database, workspace, bureau, 10 * at, 10 * at + 1, at=NOON)
            for at, bureau in enumerate(bureaus)
        )
    )
    assert sum(len(calls.granted) for calls in found) == 9
    assert {denied.reason for calls in found for denied in calls.denied.values()} == {Reason.BUDGET}


async def test_a_call_whose_process_died_counts_as_made_and_paid(
    database: Database, workspace: WorkspaceId
) -> None:
    """Once its lease is over; whoever comes back later cannot settle it any more."""
    bureau = source("0.11", calls=2, at_once=1)
    async with database.transaction(workspace) as connection:
        budgets = [Budget(currency="EUR", per_day=DAY)]
        await rules.change(connection, workspace, confidence=0.7, fields=None, budgets=budgets)
    (call_id,) = (await reserve(database, workspace, bureau, 1, at=NOON)).granted.values()
    assert (await reserve(database, workspace, bureau, 2, at=NOON)).granted == {}
    later = NOON + LEASE + timedelta(seconds=1)
    assert len((await reserve(database, workspace, bureau, 1, at=later)).granted) == 1
    await settle(
        database, workspace, bureau, later, [Ended(call_id=call_id, outcome=Outcome.MISS, cost=Decimal(0))]
    )
    outcomes = "SELECT outcome, cost FROM enrichment_call WHERE workspace_id = $1 ORDER BY call_id"
    assert await rows(database, workspace, outcomes) == [("LOST", Decimal("0.11")), (None, None)]
    assert (
        await rows(database, workspace, "SELECT amount FROM enrichment_spend WHERE workspace_id = $1")
    ) == [(Decimal("0.22"),)]


async def test_one_person_is_not_asked_about_twice_at_once(
    database: Database, workspace: WorkspaceId
) -> None:
    """By one provider, whatever process wants to; another provider may be asked meanwhile."""
    free = source("0", calls=100, at_once=100)
    assert len((await reserve(database, workspace, free, 1, at=NOON)).granted) == 1
    second = await reserve(database, workspace, free, 1, 2, at=NOON)
    assert list(second.granted) == [2]
    assert second.denied[1].reason is Reason.LIMIT
    other = source("0", calls=100, at_once=100, name="other")
    assert len((await reserve(database, workspace, other, 1, at=NOON)).granted) == 1


async def test_what_was_spent_on_those_who_went_into_a_person_counts(database: Database) -> None:
    """A merge does not give the money of the month again."""
    workspace = await make(database)
    bureau = source("0.11", calls=100, at_once=100)
    for person in (1, 2):
        (call_id,) = (await reserve(database, workspace, bureau, person, at=NOON)).granted.values()
        ended = [Ended(call_id=call_id, outcome=Outcome.HIT, cost=Decimal("0.11"))]
        await settle(database, workspace, bureau, NOON, ended)
    async with database.transaction(workspace) as connection:
        both = [Wanted(subject_id=1, family=(1, 2))]
        calls = await meter.reserve(connection, workspace, bureau, both, lease=LEASE, at=NOON)
    assert calls.denied[1].reason is Reason.SUBJECT_BUDGET
    assert len((await reserve(database, workspace, bureau, 3, at=NOON)).granted) == 1


async def test_old_calls_are_forgotten_and_the_report_keeps_their_figures(
    database: Database, workspace: WorkspaceId
) -> None:
    """After seventy days, when no limit and no budget looks back to them."""
    free = source("0", calls=100, at_once=100)
    (call_id,) = (await reserve(database, workspace, free, 1, at=NOON)).granted.values()
    await settle(
        database, workspace, free, NOON, [Ended(call_id=call_id, outcome=Outcome.MISS, cost=Decimal(0))]
    )
    async with database.transaction(workspace) as connection:
        early, late = NOON + timedelta(days=69), NOON + timedelta(days=71)
        assert await meter.forget_calls(connection, workspace, now=early) == 0
        assert await meter.forget_calls(connection, workspace, now=late) == 1
    assert await rows(
        database, workspace, "SELECT calls, misses FROM enrichment_tally WHERE workspace_id = $1"
    ) == [(1, 1)]
