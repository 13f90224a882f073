"""What `cdp plugins` knows of plugins in other processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.model import MembershipFacts, RoleContribution, WorkspaceId
from cdp.settle.health import HealthNotes, PluginFigures, plugins_health
from tests.settle.parts import NOON, Clock, claim, event, ingest, make_worker, resolver


def fails(membership: MembershipFacts) -> list[RoleContribution]:
    raise ValueError("no \0 and no half \ud83d character\nbut a second line")


def answers(membership: MembershipFacts) -> list[RoleContribution]:
    return [claim()]


@pytest.fixture
async def plugins() -> AsyncIterator[Plugins]:
    plugins = Plugins(failures_to_open=2)
    plugins.register(resolver(fails), name="bad")
    plugins.register(resolver(answers), name="good")
    yield plugins
    await plugins.aclose()


async def settled(database: Database, workspace: WorkspaceId, plugins: Plugins, name: str) -> None:
    await ingest(database, workspace, [event(name, name)])
    with capture_logs():
        assert await make_worker(database, plugins, Clock()).settle_once() == 1


async def read(database: Database, clock: Clock) -> dict[str, PluginFigures]:
    async with database.unbound() as connection:
        return {one.plugin: one for one in await plugins_health(connection, now=clock())}


async def test_what_every_process_notes_is_added_up(
    database: Database, workspace: WorkspaceId, plugins: Plugins
) -> None:
    """By plugin and hook, with the last error in a form that can be stored; what has not changed is not written."""
    clock = Clock()
    notes = [HealthNotes(database, plugins, UUID(int=number), clock=clock) for number in (1, 2)]
    assert await notes[0].note() == 0
    await settled(database, workspace, plugins, "ada")
    assert [await one.note() for one in notes] == [2, 2]
    assert await notes[0].note() == 0
    await settled(database, workspace, plugins, "bob")
    assert await notes[0].note() == 2
    found = await read(database, clock)
    assert set(found) == {"bad", "good"}
    assert (found["good"].hook, found["good"].calls, found["good"].in_vain) == ("resolve_roles", 3, 0)
    bad = found["bad"]
    assert (bad.calls, bad.failures, bad.timeouts, bad.refused, bad.left_alone) == (3, 3, 0, 0, 1)
    assert bad.last_error == "ValueError: no  and no half ? character\nbut a second line"


async def test_a_process_that_is_gone_is_forgotten_after_a_day(
    database: Database, workspace: WorkspaceId, plugins: Plugins
) -> None:
    """And before that it is not said to leave anybody alone."""
    clock = Clock()
    for name in ("ada", "bob"):
        await settled(database, workspace, plugins, name)
    await HealthNotes(database, plugins, UUID(int=1), clock=clock).note()
    assert (await read(database, clock))["bad"].left_alone == 1
    clock.advance(minutes=2)
    assert (await read(database, clock))["bad"].left_alone == 0
    clock.advance(days=1)
    assert await read(database, clock) == {}
    await HealthNotes(database, plugins, UUID(int=2), clock=clock).note()
    assert (await read(database, clock))["good"].calls == 2


async def test_it_notes_until_it_is_told_to_stop_and_then_once_more(
    database: Database, workspace: WorkspaceId, plugins: Plugins
) -> None:
    """What happened just before the end is there, although the next look was far away."""
    clock = Clock()
    notes = HealthNotes(database, plugins, UUID(int=1), clock=clock, every=3600.0)
    running = asyncio.create_task(notes.run())
    await settled(database, workspace, plugins, "ada")
    notes.aclose()
    await running
    assert (await read(database, clock))["good"].calls == 1
    assert (await read(database, clock))["bad"].last_error_at is not None
    assert clock() - NOON == timedelta(0)
