"""Limits over several processes: each counts by itself, and hears from the others what all have let pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from unittest.mock import patch

import asyncpg
import pytest

from cdp.access.key import to_principal
from cdp.access.principals import Principal, PrincipalKind
from cdp.access.rates import BURST_SECONDS, Rates
from cdp.access.sharing import Sharing, sharing
from cdp.db.pool import Database
from cdp.errors import RateLimited, Unavailable
from cdp.model import Limits, WorkspaceId

LIMITS = Limits(requests_per_second=4)
BURST = 4 * BURST_SECONDS


class Time:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def process(database: Database) -> tuple[Rates, Sharing]:
    rates = Rates(Limits(), monotonic=Time())
    return rates, Sharing(rates, database)


def later(rates: Rates, seconds: float) -> None:
    rates._monotonic.now += seconds  # type: ignore[attr-defined]


def granted(ask: Callable[[], None]) -> int:
    for number in range(1_000):
        try:
            ask()
        except RateLimited:
            return number
    raise AssertionError("there is no limit")


async def test_what_one_process_let_pass_is_missing_in_the_others(
    database: Database, workspace: WorkspaceId
) -> None:
    who = to_principal(workspace, 1, "k", "PARTNER", publishable=False)
    (one, sharing_one), (two, sharing_two) = process(database), process(database)
    assert granted(lambda: one.request(who, LIMITS)) == BURST
    await sharing_one.once()
    two.request(who, LIMITS)  # it has not heard of anything
    await sharing_two.once()
    assert granted(lambda: two.request(who, LIMITS)) <= 1, "but for what the test's own time brings"
    other = to_principal(workspace + 1, 1, "k", "PARTNER", publishable=False)
    assert granted(lambda: two.request(other, LIMITS)) == BURST


async def test_processes_that_let_pass_too_much_together_owe_it_together(
    database: Database, workspace: WorkspaceId
) -> None:
    who = to_principal(workspace, 1, "k", "PARTNER", publishable=False)
    one, two = process(database), process(database)
    for rates, shared in (one, two):
        assert granted(lambda rates=rates: rates.request(who, LIMITS)) == BURST  # type: ignore[misc]
        await shared.once()
    rates, shared = two
    later(rates, BURST_SECONDS)
    assert granted(lambda: rates.request(who, LIMITS)) == 0, "a whole burst is owed"
    rates, shared = one
    later(rates, BURST_SECONDS)
    assert granted(lambda: rates.request(who, LIMITS)) == BURST, "it has not heard of the second one"
    await shared.once()
    later(rates, BURST_SECONDS)
    assert granted(lambda: rates.request(who, LIMITS)) == 0


async def test_what_was_taken_while_others_were_told_is_not_lost(
    database: Database, workspace: WorkspaceId
) -> None:
    who = to_principal(workspace, 1, "k", "PARTNER", publishable=False)
    rates, _ = process(database)
    for _ in range(4):
        rates.request(who, LIMITS)
    (key,) = rates.untold[workspace]
    told = rates.taken(key)
    rates.request(who, LIMITS)
    rates.heard(key, told, told)
    assert (told, rates.taken(key)) == (1.0, 0.25)
    assert granted(lambda: rates.request(who, LIMITS)) == BURST - 5


async def test_a_workspace_far_from_its_limits_costs_no_statement(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    who = to_principal(workspace, 1, "k", "PARTNER", publishable=False)
    rates, shared = process(database)
    rates.request(who, Limits(requests_per_second=1_000))
    await shared.once()
    assert await superuser.fetchval("SELECT count(*) FROM rate_use") == 0
    for _ in range(99):
        rates.request(who, Limits(requests_per_second=1_000))
    await shared.once()
    assert await superuser.fetchval("SELECT count(*) FROM rate_use") == 1
    assert not rates.untold


async def test_while_the_database_is_away_nothing_is_forgotten(
    database: Database, workspace: WorkspaceId
) -> None:
    who = to_principal(workspace, 1, "k", "PARTNER", publishable=False)
    rates, shared = process(database)
    granted(lambda: rates.request(who, LIMITS))
    with (
        patch.object(Database, "connection", side_effect=Unavailable("The database is away.")),
        pytest.raises(Unavailable),
    ):
        await shared.once()
    assert rates.untold
    await shared.once()
    assert not rates.untold


async def test_visitors_and_addresses_are_counted_by_each_process_alone(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """They are as many as there are people."""
    visitor = Principal(
        workspace_id=workspace,
        kind=PrincipalKind.VISITOR,
        subject="visitor:user_id:1",
        name="",
        role="VISITOR",
        scopes=frozenset(),
        visitor=("user_id", "1"),
    )
    rates, shared = process(database)
    granted(lambda: rates.request(visitor, Limits(key_requests_per_second=1)))
    public = to_principal(workspace, 1, "k", "INGEST", publishable=True)
    granted(lambda: rates.request(public, Limits(address_requests_per_second=1), address="192.0.2.1"))
    await shared.once(worth=0.0)
    assert await superuser.fetchval("SELECT count(*) FROM rate_use") == 0


async def test_buckets_that_nobody_used_for_long_go(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    await superuser.execute("INSERT INTO rate_use VALUES ($1, 'events key:7', 5)", workspace)
    who = to_principal(workspace, 1, "k", "PARTNER", publishable=False)
    rates, shared = process(database)
    granted(lambda: rates.request(who, LIMITS))
    await shared.once()
    assert [row[0] for row in await superuser.fetch("SELECT bucket FROM rate_use")] == ["requests "]


async def test_it_goes_on_by_itself_also_after_a_failure(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    who = to_principal(workspace, 1, "k", "PARTNER", publishable=False)
    rates = Rates(Limits(), monotonic=Time())
    connect, failures = Database.connection, [Unavailable("The database is away."), RuntimeError("What?")]

    def sometimes(self: Database, workspace_id: WorkspaceId) -> object:
        if failures:
            raise failures.pop()
        return connect(self, workspace_id)

    with patch.object(Database, "connection", sometimes):
        async with sharing(rates, database), asyncio.timeout(20):
            granted(lambda: rates.request(who, LIMITS))
            while not await superuser.fetchval("SELECT count(*) FROM rate_use"):  # noqa: ASYNC110 - rows are told of by nobody
                await asyncio.sleep(0.02)
    assert not failures
