"""Backfills over a filter, accounts, and the commands: estimated dry, followed, cancelled, accounted for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cdp.cli.commands import cdp
from cdp.db.pool import Database
from cdp.model import WorkspaceId
from tests.conftest import DatabaseUrls
from tests.enrichment.bureau import Bureau, Reply, knows
from tests.enrichment.conftest import World, endpoint
from tests.mutations.conftest import Asking, TestClock
from tests.settle.parts import rows

ESTIMATE = "estimate { subjects estimatedFrom providers { provider calls mostCalls cost mostCost currency } }"
BACKFILL = "backfill { id subject total done costs { currency amount } finishedAt cancelledAt }"
ERRORS = "userErrors { field message }"
GOLD = {"traits": [{"path": "plan", "eq": "gold"}]}


async def start(world: World, **given: Any) -> dict[str, Any]:
    return await world.api.mutate("enrichmentBackfillStart", f"{ESTIMATE} {BACKFILL} {ERRORS}", given)


async def gold_and_others(world: World) -> None:
    """Four people on the plan, two who are not, before there is any provider."""
    await world.meet("g0", "g1", "g2", "g3", plan="gold")
    await world.meet("o0", "o1", plan="free")


async def test_a_backfill_enriches_who_meets_the_filter_and_costs_no_more_than_was_estimated(
    world: World,
) -> None:
    """The estimate says what it costs where the first who is asked knows, and where nobody does."""
    await gold_and_others(world)

    def answer(_bureau: Bureau, who: str) -> Reply:
        return (200, {"title": "CTO"}, {}) if who < "g2" else (404, {}, {})

    first, second = await world.open(answer), await world.open(knows(title="Chief"))
    await world.provide(endpoint(first, "first", priority=10), endpoint(second, "second", cost="0.25"))
    await world.allow("10")
    dry = await start(world, subject="PERSON", people=GOLD, dryRun=True)
    names = ("provider", "calls", "mostCalls", "cost", "mostCost")
    assert dry["backfill"] is None
    assert dry["estimate"]["subjects"] == dry["estimate"]["estimatedFrom"] == 4
    assert [tuple(one[name] for name in names) for one in dry["estimate"]["providers"]] == [
        ("http_people.first", 4, 4, "0.4", "0.4"),
        ("http_people.second", 0, 4, "0", "1"),
    ]
    assert first.asked == second.asked == []
    begun = (await start(world, subject="PERSON", people=GOLD))["backfill"]
    assert (begun["total"], begun["done"], begun["finishedAt"]) == (4, 0, None)
    await world.settle()
    document = f"query ($id: ID!) {{ enrichmentBackfill(id: $id) {{ {BACKFILL[10:-1]} }} }}"
    done = (await world.api.run(document, id=begun["id"]))["enrichmentBackfill"]
    assert (done["total"], done["done"]) == (4, 4)
    assert done["finishedAt"] is not None
    assert done["costs"] == [{"currency": "EUR", "amount": "0.7"}]
    assert sorted(first.asked) == [f"g{index}@gmail.com" for index in range(4)]
    assert sorted(second.asked) == ["g2@gmail.com", "g3@gmail.com"]
    assert await world.spent_today() == Decimal("0.70")


async def test_a_backfill_that_is_cancelled_asks_nobody_else(
    world: World, database: Database, workspace: WorkspaceId
) -> None:
    """What was found stays; a second time there is nothing to cancel."""
    await gold_and_others(world)
    bureau = await world.open(knows(title="CTO"))
    await world.provide(endpoint(bureau))
    await world.allow("10")
    begun = (await start(world, subject="PERSON"))["backfill"]
    assert begun["total"] == 6
    for expected in (None, "There is no such backfill that could be cancelled."):
        payload = await world.api.mutate(
            "enrichmentBackfillCancel", f"{BACKFILL} {ERRORS}", {"id": begun["id"]}
        )
        assert [one["message"] for one in payload["userErrors"]] == ([expected] if expected else [])
    await world.settle()
    assert bureau.asked == []
    assert await rows(database, workspace, "SELECT 1 FROM enrichment_queue WHERE workspace_id = $1") == []


async def test_who_was_just_touched_goes_before_a_backfill(world: World) -> None:
    """However many wait in it."""
    await gold_and_others(world)
    bureau = await world.open(knows(title="CTO"))
    await world.provide(endpoint(bureau, at_once=1))
    await world.allow("10")
    await start(world, subject="PERSON")
    await world.api.ingest({"type": "IDENTIFY", "userId": "new", "traits": {"email": "new@gmail.com"}})
    worker = world.application.worker
    await worker._settle_due()
    assert await worker._enricher.enrich_once(limit=1) == 1
    assert bureau.asked == ["new@gmail.com"]


async def test_a_filter_of_the_other_subject_and_one_that_is_forbidden_start_nothing(
    world: World, asking: Asking
) -> None:
    """Administrators alone start one."""
    payload = await start(world, subject="ACCOUNT", people=GOLD)
    assert [one["field"] for one in payload["userErrors"]] == [["input", "people"]]
    sales = await asking("SALES")
    answer = await sales.ask(
        "mutation { enrichmentBackfillStart(input: {subject: PERSON}) { backfill { id } } }"
    )
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_accounts_are_enriched_by_their_domain_and_keep_it_through_a_merge(
    world: World, clock: TestClock
) -> None:
    """Free knowledge first; the account's own traits outrank it, and a second member costs nothing."""
    bureau = await world.open(knows(size=50, country="AT"))
    fields = {"employees": "/size", "country": "/country"}
    about = {"subject": "ACCOUNT", "url": f"{bureau.url}/c?of={{domain}}", "fields": fields}
    await world.provide(endpoint(bureau, "companies", **about))
    await world.allow("10")
    for name in ("ada", "bob"):
        await world.api.ingest(
            {"type": "IDENTIFY", "userId": name, "traits": {"email": f"{name}@acme.co.uk"}},
            {"type": "GROUP", "userId": name, "groupId": "acme", "traits": {"domain": "acme.co.uk"}},
        )
        await world.settle()
    assert bureau.asked == ["acme.co.uk"]
    document = '{ account(domain: "acme.co.uk") { traits enrichment { key value provider cost counts } } }'
    account = (await world.api.run(document))["account"]
    assert [tuple(one.values()) for one in account["enrichment"]] == [
        ("country", "AT", "http_accounts.companies", "0.05", True),
        ("country", "GB", "account_domain", "0", False),
        ("employees", 50, "http_accounts.companies", "0.05", True),
    ]
    clock.advance(days=31)
    await world.application.worker.keep_house()
    await world.settle()
    assert bureau.asked == ["acme.co.uk", "acme.co.uk"]


async def test_commands_say_and_do_the_same(
    world: World, clock: TestClock, database_urls: DatabaseUrls, logs_as_before: None
) -> None:
    """Budget, dry run, start, progress, report and cancel."""
    await gold_and_others(world)
    bureau = await world.open(knows(title="CTO"))
    await world.provide(endpoint(bureau))
    place = ["--workspace", "Acme", "--database-url", database_urls.app]

    async def run(*arguments: str, status: int = 0) -> str:
        result: Result = await asyncio.to_thread(
            CliRunner().invoke, cdp, ["enrich", *arguments, *place], catch_exceptions=False
        )
        assert result.exit_code == status, result.output
        return result.output

    assert await run("budget") == "No money may be spent: there is no budget.\n"
    budget = await run("budget", "--currency", "EUR", "--per-day", "10", "--per-subject", "0.5")
    assert budget == "EUR  10 a day, 0.5 on each subject a month; 0 spent today\n"
    people = ["--people", '{"traits": [{"path": "plan", "eq": "gold"}]}']
    dry = await run("start", *people, "--dry-run")
    assert dry.splitlines()[0] == "4 match."
    assert "http_people.people  4 to 4 calls, 0.4 to 0.4 EUR" in dry
    assert dry.endswith("together  0.4 to 0.4 EUR\n")
    assert "0 of 4 people, nothing spent, going on" in await run("start", *people)
    clock.now = datetime.now(UTC) + timedelta(minutes=1)  # the command went by the real one
    await world.settle()
    assert "4 of 4 people, 0.4 EUR, finished" in await run("progress")
    report = await run("report", "--until", "2100-01-01", "--since", "2020-01-01")
    assert (
        "http_people.people  4 calls, 4 hits, 0 misses, 0 failures, 0 cached, hit rate 100%, 0.4 EUR"
        in report
    )
    begun = (await run("start", "--people", "{}")).split()[0]
    assert "0 of 6 people, nothing spent, cancelled" in await run("cancel", begun)
    await run("start", "--people", "{}", "--accounts", "{}", status=2)
    with pytest.raises(Exception, match="no JSON"):
        await run("start", "--people", "{")


async def test_a_report_may_be_asked_of_the_first_and_of_the_last_day_of_the_calendar(world: World) -> None:
    for day in ("0001-01-01", "9999-12-31"):
        answer = await world.api.run(f'{{ enrichmentReport(until: "{day}") {{ provider }} }}')
        assert answer == {"enrichmentReport": []}
