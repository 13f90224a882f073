"""People are enriched by real servers that are slow, limited, flaky, wrong or down; the books agree to the cent."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client import generate_latest

from cdp.db.pool import Database
from cdp.enrichment import Enricher
from cdp.model import WorkspaceId
from cdp.processes import settling
from tests.enrichment.bureau import Bureau, Reply, knows
from tests.enrichment.conftest import World, endpoint
from tests.mutations.conftest import NOW, TestClock
from tests.settle.parts import rows

QUEUE = "SELECT subject, due_at FROM enrichment_queue WHERE workspace_id = $1 ORDER BY subject_id"
CALLS = (
    "SELECT outcome, cost, count(*) FROM enrichment_call WHERE workspace_id = $1 GROUP BY 1, 2 ORDER BY 1, 2"
)


async def test_the_waterfall_goes_on_until_enough_is_known(world: World) -> None:
    """By priority, then by what is gained for the money; who comes after is not asked, nor paid."""
    unsure, sure, dear = [await world.open(knows(title=title)) for title in ("CTO?", "CTO", "Chief")]
    await world.provide(
        endpoint(dear, "dear", cost="0.90", confidence=0.95),
        endpoint(unsure, "unsure", cost="0.01", confidence=0.5, priority=20),
        endpoint(sure, "sure", confidence=0.9),
    )
    await world.allow("10")
    await world.meet("ada")
    assert (unsure.asked, sure.asked, dear.asked) == (["ada@gmail.com"], ["ada@gmail.com"], [])
    assert await world.traits("ada", "key value provider confidence cost currency counts") == [
        ("job_title", "CTO", "http_people.sure", 0.9, "0.1", "EUR", True),
        ("job_title", "CTO?", "http_people.unsure", 0.5, "0.01", "EUR", False),
    ]
    assert sure.headers[0]["authorization"] == "Bearer s3cret"
    await world.meet("ada")
    assert len(sure.asked) == 1
    assert await world.spent_today() == Decimal("0.11")


async def test_what_is_known_at_first_hand_is_not_asked_for(world: World) -> None:
    """It outranks providers, also where it comes after them."""
    bureau = await world.open(knows(title="CTO", level="high"))
    await world.provide(endpoint(bureau, fields={"job_title": "/title", "level": "/level"}))
    await world.allow("10")
    await world.meet("ada", job_title="Countess", level="noble")
    assert bureau.asked == []
    await world.meet("bob", job_title="Clerk")
    assert await world.traits("bob", "key value counts cost") == [
        ("job_title", "CTO", False, "0.05"),
        ("level", "high", True, "0.05"),
    ]


async def test_answers_and_misses_are_remembered_for_their_time(world: World, clock: TestClock) -> None:
    """A person is asked about again when what was found expires, and sooner or later where nothing was."""

    def answer(_bureau: Bureau, who: str) -> Reply:
        return (200, {"title": "CTO"}, {}) if who.startswith("ada") else (404, {}, {})

    bureau = await world.open(answer)
    await world.provide(endpoint(bureau, days=10, miss_days=3))
    await world.allow("10")
    await world.meet("ada", "bob")
    assert sorted(bureau.asked) == ["ada@gmail.com", "bob@gmail.com"]
    asked = list(bureau.asked)
    for days, again in (
        (2, []),
        (2, ["bob@gmail.com"]),
        (3, ["bob@gmail.com"]),
        (4, ["ada@gmail.com", "bob@gmail.com"]),
    ):
        clock.advance(days=days)
        await world.application.worker.keep_house()
        await world.meet("ada", "bob")
        assert sorted(bureau.asked[len(asked) :]) == again
        asked = list(bureau.asked)
    report = (await world.report())["http_people.people"]
    assert (report["hits"], report["misses"], report["spent"]) == (2, 4, Decimal("0.20"))
    assert report["hitRate"] == pytest.approx(1 / 3)


async def test_no_more_is_spent_than_the_day_allows(
    world: World, database: Database, workspace: WorkspaceId, clock: TestClock
) -> None:
    """To the cent; who is left over waits for tomorrow, and what costs nothing is done all the same."""
    paid, free = await world.open(knows(title="CTO")), await world.open(knows(city="Wien"))
    await world.provide(
        endpoint(paid, "paid"), endpoint(free, "free", cost="0", fields={"city": "/city"}, priority=90)
    )
    await world.meet("ada")
    assert (paid.asked, len(free.asked)) == ([], 1)  # there is no budget at all
    await world.allow("0.35")
    await world.meet(*(f"p{index}" for index in range(6)))
    assert (len(paid.asked), len(free.asked)) == (3, 7)
    assert await world.spent_today() == Decimal("0.30")
    waiting = await rows(database, workspace, QUEUE)
    assert len(waiting) == 4
    assert all(due > NOW for _, due in waiting)
    clock.advance(days=2)
    await world.settle()
    report = await world.report()
    assert (len(paid.asked), len(free.asked)) == (3, 7)
    assert (report["http_people.free"]["cached"], report["http_people.paid"]["spent"]) == (4, Decimal("0.30"))


async def test_no_more_is_spent_on_a_person_than_the_month_allows(world: World) -> None:
    """Also where the person was two until now."""
    first, second = await world.open(knows(title="CTO")), await world.open(knows(city="Wien"))
    await world.provide(
        endpoint(first, "first", cost="0.06"),
        endpoint(second, "second", cost="0.05", fields={"city": "/city"}),
    )
    await world.allow("10", "0.10")
    await world.meet("ada")
    assert len(first.asked) + len(second.asked) == 1
    assert await world.spent_today() in {Decimal("0.06"), Decimal("0.05")}


async def test_a_flaky_server_is_asked_again_and_nobody_is_filled_twice(world: World) -> None:
    """What it breaks off or answers with an error costs nothing; each person is billed once."""

    def answer(bureau: Bureau, who: str) -> Reply:
        first = bureau.asked.count(who) == 1
        return (500, {}, {}) if first else (200, {"title": f"CTO {who}"}, {})

    bureau = await world.open(answer)
    await world.provide(endpoint(bureau))
    await world.allow("10")
    names = [f"p{index}" for index in range(4)]
    await world.meet(*names)
    assert bureau.billed == {f"{name}@gmail.com": 1 for name in names}
    assert [await world.traits(name) for name in names] == [
        [("job_title", f"CTO {name}@gmail.com", "http_people.people")] for name in names
    ]
    report = (await world.report())["http_people.people"]
    assert (report["calls"], report["hits"], report["failures"], report["spent"]) == (
        8,
        4,
        4,
        Decimal("0.40"),
    )
    assert await world.spent_today() == Decimal("0.40")


async def test_a_slow_server_is_paid_for_what_it_may_have_answered_and_left_alone(
    world: World, database: Database, workspace: WorkspaceId
) -> None:
    """After five failures in a row nobody asks it any more, in any process; the next provider is asked instead."""
    slow, other = await world.open(lambda _bureau, _who: None), await world.open(knows(title="CTO"))
    await world.provide(
        endpoint(slow, "slow", latency_seconds=0.04, priority=10, at_once=1),
        endpoint(other, "other", cost="0.01"),
    )
    await world.allow("10")
    await world.meet(*(f"p{index}" for index in range(8)))
    assert len(slow.asked) == 5
    assert len(set(other.asked)) == 8
    found = await world.api.run("{ enrichmentProviders { name failuresInRow leftAloneUntil } }")
    state = {one.pop("name"): one for one in found["enrichmentProviders"]}
    assert state["http_people.slow"]["failuresInRow"] == 5
    assert state["http_people.slow"]["leftAloneUntil"] is not None
    assert await rows(database, workspace, CALLS) == [
        ("FAILED", Decimal("0.10"), 5),
        ("HIT", Decimal("0.01"), 8),
    ]
    assert await world.spent_today() == Decimal("0.58")


async def test_a_server_that_is_down_costs_nothing(world: World) -> None:
    """Nothing was sent; the person is tried again later."""
    bureau = await world.open(knows(title="CTO"))
    await world.provide(endpoint("http://127.0.0.1:9", "down"))
    await world.allow("10")
    await world.meet("ada")
    assert await world.spent_today() == Decimal("0.00")
    report = (await world.report())["http_people.down"]
    assert (report["calls"], report["failures"], report["hitRate"]) == (3, 3, None)
    await world.provide(endpoint(bureau, "down"))
    await asyncio.sleep(0)
    world.application.clock.advance(seconds=10)  # type: ignore[attr-defined]
    await world.settle()
    assert await world.traits("ada") == [("job_title", "CTO", "http_people.down")]


@pytest.mark.parametrize(
    "said",
    [b"<html>", b'{"title": ', {"title": None}, {"name": "?"}, [1, 2], b"[" * 10_000, {"title": "x" * 9_000}],
)  # fmt: skip
async def test_a_wrong_answer_is_not_kept_and_the_next_provider_is_asked(world: World, said: Any) -> None:
    """Whatever was wrong, the books hold what it may have charged, and no more."""
    wrong = await world.open(lambda _bureau, _who: (200, said, {}))
    right = await world.open(knows(title="CTO"))
    await world.provide(endpoint(wrong, "wrong", priority=10, charged="CALL"), endpoint(right, "right"))
    await world.allow("10")
    await world.meet("ada")
    assert await world.traits("ada") == [("job_title", "CTO", "http_people.right")]
    billed = wrong.billed.total() + right.billed.total()
    assert await world.spent_today() == billed * Decimal("0.10")


async def test_a_server_that_says_when_to_come_back_is_left_alone_until_then(
    world: World, database: Database, workspace: WorkspaceId
) -> None:
    """By everybody; it is waited for, since to go on would ask those who are dearer."""

    def answer(bureau: Bureau, _who: str) -> Reply:
        return (200, {"title": "CTO"}, {}) if len(bureau.asked) == 1 else (429, {}, {"Retry-After": "40"})

    bureau, dear = await world.open(answer), await world.open(knows(title="Chief"))
    await world.provide(endpoint(bureau, at_once=1), endpoint(dear, "dear", cost="0.50"))
    await world.allow("10")
    await world.meet("ada", "bob", "cyd")
    assert (len(bureau.asked), dear.asked) == (2, [])
    assert await world.spent_today() == Decimal("0.10")
    assert len(await rows(database, workspace, QUEUE)) == 2
    found = await world.api.run("{ enrichmentProviders { name failuresInRow } }")
    assert {"name": "http_people.people", "failuresInRow": 0} in found["enrichmentProviders"]


async def test_several_workers_fill_nobody_twice_and_exceed_no_limit(
    world: World, database_url: str, clock: TestClock, database: Database, workspace: WorkspaceId
) -> None:
    """Each with a pool of its own, as processes have: not the rate, not the number at once, not the budget."""
    bureau = await world.open(knows(title="CTO"))
    await world.provide(endpoint(bureau, calls=6, per_seconds=0.2, at_once=3))
    await world.allow("1.85")
    names = [f"p{index}" for index in range(24)]
    await world.api.ingest(
        *({"type": "IDENTIFY", "userId": name, "traits": {"email": f"{name}@gmail.com"}} for name in names)
    )
    application = world.application
    while await application.worker._settle_due():
        pass
    pools = [await Database.connect(database_url, max_size=3) for _ in range(3)]
    workers = [Enricher(pool, application.workspaces, application.plugins, clock=clock) for pool in pools]

    async def work(enricher: Enricher) -> None:
        while await enricher.enrich_once(limit=5):
            pass

    await asyncio.gather(*map(work, workers))
    for pool in pools:
        await pool.close()
    assert bureau.billed.total() == 18
    assert set(bureau.billed.values()) == {1}
    assert bureau.most_at_once <= 3
    assert bureau.most_within(0.2) <= 6
    assert await world.spent_today() == Decimal("1.80")
    costs = "SELECT sum(cost), count(*) FROM enrichment WHERE workspace_id = $1 AND cost > 0"
    assert await rows(database, workspace, costs) == [(Decimal("1.80"), 18)]


async def test_a_running_worker_enriches_beside_settling_and_counts_it(world: World) -> None:
    """Woken by what was settled, it needs nobody to tell it; the metrics say what was asked."""
    bureau = await world.open(knows(title="CTO"))
    await world.provide(endpoint(bureau))
    await world.allow("10")
    async with settling(world.application):
        await world.api.ingest({"type": "IDENTIFY", "userId": "ada", "traits": {"email": "ada@gmail.com"}})
        async with asyncio.timeout(30):
            while not await world.traits("ada"):  # noqa: ASYNC110 - it is another loop that does it
                await asyncio.sleep(0.05)
    page = generate_latest(world.application.metrics.registry).decode()
    assert 'cdp_enrichment_calls_total{outcome="HIT",provider="http_people.people"} 1.0' in page
    assert "cdp_enriched_subjects_total 1.0" in page
    assert "cdp_enrich_failures_total 0.0" in page or "cdp_enrich_failures_total" not in page
