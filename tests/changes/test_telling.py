"""Plugins are told what changed: after the commit, at least once, in order, folded together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from cdp.changes.deliver import ATTEMPTS, Round
from cdp.changes.note import queries
from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.model import (
    AccountRef,
    Change,
    Event,
    EventType,
    Identifier,
    Lens,
    Measured,
    MembershipChange,
    ProfileChange,
    RoleChange,
    RoleState,
    StageChange,
    WorkspaceId,
)
from cdp.workspaces.change import change_settings
from tests.changes.parts import Clock, House, Told, event
from tests.settle.parts import NOON, claim, resolver, rows

_later = count()


def user(value: str, **traits: Any) -> Event:
    """Each later than the one before."""
    number = next(_later)
    return event(
        f"identify {number}",
        value,
        occurred_at=NOON - timedelta(hours=1) + timedelta(seconds=number),
        type=EventType.IDENTIFY,
        name="Identified",
        properties=traits,
    )


def kinds(changes: list[Change]) -> list[str]:
    return [type(change).__name__ for change in changes]


@pytest.fixture
async def told() -> Told:
    return Told()


@pytest.fixture
async def house(database: Database, workspace: WorkspaceId, told: Told) -> AsyncIterator[House]:
    plugins = Plugins(failures_to_open=10_000)
    plugins.register(told.plugin(), name="ear")
    yield House(database, workspace, plugins, Clock())
    await plugins.aclose()


async def test_a_plugin_is_told_who_came_where_as_what_and_how_far(house: House, told: Told) -> None:
    """One change each, in this order, with values before and after; what touches nothing that is told is no change."""
    role = [claim(role="CHAMPION", confidence=0.72)]
    house.plugins.register(resolver(lambda membership: role if membership.account else []), name="r")
    acme = AccountRef(group_id="acme", member=True)
    await house.take(
        event("1", "ada", type=EventType.GROUP, name="Grouped", properties={"name": "Acme"}, account=acme),
        event("2", "ada", name="Pricing Viewed"),
    )
    assert await house.tell("ear") == Round(taken=5, told=5)
    profile, membership, champion, stage, there = told.take()
    assert isinstance(profile, ProfileChange)
    assert profile.before is None
    assert profile.after is not None
    assert profile.after.identifiers == (Identifier("user_id", "ada"),)
    assert (profile.person.display_name, profile.labels) == ("ada", {"pii"})
    assert isinstance(membership, MembershipChange)
    assert (membership.account.name, membership.before, membership.labels) == ("Acme", None, frozenset())
    assert membership.after is not None
    assert membership.after.own
    assert isinstance(champion, RoleChange)
    assert champion.account == membership.account
    assert (champion.role, champion.before) == ("CHAMPION", None)
    assert champion.after == RoleState(confidence=0.7, sources=("r",))
    assert isinstance(stage, StageChange)
    assert (stage.account, stage.measured, stage.lens) == (None, Measured.STAGE, Lens.INTENT)
    assert (stage.before, stage.after, stage.labels) == (None, "PRICING", {"intent"})
    assert isinstance(there, StageChange)
    assert (there.account, there.after) == (membership.account, "PRICING")

    role.clear()
    await house.take(event("3", "ada", name="Moon Viewed"))
    assert await house.tell("ear") == Round(taken=1, told=1)
    (ended,) = told.take()
    assert isinstance(ended, RoleChange)
    assert (ended.before, ended.after) == (champion.after, None)
    await house.take(event("4", "ada", name="Moon Viewed"))
    assert await house.tell("ear") == Round()


async def test_changes_that_come_before_they_are_told_are_one(house: House, told: Told) -> None:
    """From the first before to the last after; what is undone meanwhile was never there."""
    await house.take(user("ada", plan="free"))
    await house.tell("ear")
    told.take()
    for plan in ("trial", "team"):
        await house.take(user("ada", plan=plan))
    await house.tell("ear")
    (change,) = told.take()
    assert isinstance(change, ProfileChange)
    assert change.before is not None
    assert change.after is not None
    assert (change.before.traits, change.after.traits) == ({"plan": "free"}, {"plan": "team"})
    await house.take(user("ada", plan="other"))
    await house.take(user("ada", plan="team"))
    assert await house.tell("ear") == Round()


async def test_who_was_there_before_anybody_listened_is_portrayed_in_silence(
    database: Database, workspace: WorkspaceId, told: Told
) -> None:
    """A plugin that is installed on a million people is not told of a million arrivals, but of what changes then."""
    clock = Clock()
    clock.now = datetime(2100, 1, 1, tzinfo=UTC)
    plugins = Plugins()
    plugins.register(told.plugin(), name="ear")
    house = House(database, workspace, plugins, clock)
    await house.take(user("ada", plan="free"))
    assert await house.tell("ear") == Round()
    await house.take(user("ada", plan="team"))
    await house.tell("ear")
    assert kinds(told.take()) == ["ProfileChange"]
    await plugins.aclose()


async def test_a_merge_says_who_went_into_whom_and_takes_along_what_was_known(
    house: House, told: Told
) -> None:
    """The survivor's changes are those of the person: what the other had held already has not begun anew."""
    house.plugins.register(resolver(lambda membership: [claim()]), name="r")
    await house.take(event("1", "ada"))
    await house.take(event("2", "", identifiers=(Identifier("email", "ada@acme.example"),)))
    await house.tell("ear")
    told.take()
    both = (Identifier("user_id", "ada"), Identifier("email", "ada@acme.example"))
    await house.take(event("3", "ada", identifiers=both))
    await house.tell("ear")
    gone, survivor = sorted(
        (one for one in told.take() if isinstance(one, ProfileChange)), key=lambda one: one.after is not None
    )
    assert (gone.after, gone.merged_into) == (None, survivor.person.profile_id)
    assert survivor.after is not None
    assert survivor.after.identifiers == both
    assert kinds(told.take()) == []


async def test_a_plugin_that_fails_is_told_again_and_nothing_of_the_person_overtakes(
    house: House, told: Told
) -> None:
    """The stage waits for the profile; everybody else is told. It waits 2, 4, 8, … seconds."""

    def unwilling(change: Change) -> None:
        if isinstance(change, ProfileChange) and change.person.display_name == "ada":
            raise OSError("no route to host")

    told.unwilling = unwilling
    await house.take(event("1", "ada", name="Pricing Viewed"), event("2", "bob", name="Pricing Viewed"))
    assert await house.tell("ear") == Round(taken=4, told=2, failed=1)
    assert {change.person.display_name for change in told.take()} == {"bob"}
    for seconds in (2, 4, 8):
        house.clock.advance(seconds=seconds - 0.5)
        assert await house.tell("ear") == Round()
        house.clock.advance(seconds=0.5)
        done = await house.tell("ear")
        assert (done.told, done.failed) == (0, 1)
    told.unwilling = lambda change: None
    house.clock.advance(seconds=16)
    assert (await house.tell("ear")).told == 2
    assert kinds(told.take()) == ["ProfileChange", "StageChange"]


async def test_what_fails_too_often_stays_for_a_person_and_can_be_told_again(
    house: House, told: Told
) -> None:
    """Dead, with the reason; what comes after it is told; a retry tells it, and so does the next change of it."""

    def unwilling(change: Change) -> None:
        if isinstance(change, ProfileChange):
            raise TypeError("poison")

    told.unwilling = unwilling
    await house.take(user("ada", plan="free"))
    rounds = []
    for _ in range(ATTEMPTS):
        rounds.append(await house.tell("ear"))
        house.clock.advance(hours=2)
    assert sum(one.failed for one in rounds) == ATTEMPTS
    assert sum(one.dead for one in rounds) == 1
    seen = "SELECT state, attempts, error FROM change_delivery WHERE workspace_id = $1"
    assert await rows(house.database, house.workspace_id, seen) == [("DEAD", ATTEMPTS, "TypeError: poison")]
    await house.take(event("2", "ada", name="Pricing Viewed"))
    await house.tell("ear")
    assert kinds(told.take()) == ["StageChange"]
    told.unwilling = lambda change: None
    assert await house.tell("ear") == Round()
    async with house.database.connection(house.workspace_id) as connection:
        now = house.clock()
        assert len(await connection.fetch(queries.retry, house.workspace_id, None, "ear", now)) == 1
    assert await house.tell("ear") == Round(taken=1, told=1)
    assert kinds(told.take()) == ["ProfileChange"]
    assert await rows(house.database, house.workspace_id, seen) == []


async def test_a_dead_change_lives_again_when_the_same_thing_changes(house: House, told: Told) -> None:
    """What the plugin missed is in it: the before is of what it was told last."""
    await house.take(user("ada", plan="free"))
    await house.tell("ear")
    told.take()
    await house.take(user("ada", plan="trial"))
    async with house.database.connection(house.workspace_id) as connection:
        await connection.execute(
            "UPDATE change_delivery SET state = 'DEAD', attempts = 15 WHERE workspace_id = $1",
            house.workspace_id,
        )
    await house.take(user("ada", plan="team"))
    assert await house.tell("ear") == Round(taken=1, told=1)
    (change,) = told.take()
    assert isinstance(change, ProfileChange)
    assert change.before is not None
    assert change.before.traits == {"plan": "free"}


async def test_what_changes_while_it_is_told_is_told_as_it_has_become(house: House, told: Told) -> None:
    """Nothing is lost between the two, and nothing is told twice."""
    await house.take(user("ada", plan="free"))
    await house.tell("ear")
    told.take()
    reached, opened = threading.Event(), threading.Event()

    def unwilling(change: Change) -> None:
        if not opened.is_set():
            reached.set()
            assert opened.wait(20)

    told.unwilling = unwilling
    await house.take(user("ada", plan="trial"))
    telling = asyncio.create_task(house.tell("ear"))
    await asyncio.to_thread(reached.wait, 20)
    await house.take(user("ada", plan="team"))
    assert await house.tell("ear") == Round()
    opened.set()
    assert await telling == Round(taken=1, told=1)
    assert await house.tell("ear") == Round(taken=1, told=1)
    seen = [
        (change.before and change.before.traits["plan"], change.after and change.after.traits["plan"])
        for change in told.take()
        if isinstance(change, ProfileChange)
    ]
    assert seen == [("free", "trial"), ("trial", "team")]


async def test_a_lease_that_ran_out_is_taken_by_another(house: House, told: Told) -> None:
    """The worker that had it died in the middle: it is told again, under the same delivery id, so that a receiver
    that has seen it can tell.
    """
    await house.take(event("1", "ada"))
    async with house.database.transaction(house.workspace_id) as connection:
        dead = await connection.fetch(
            queries.claim,
            house.workspace_id,
            "ear",
            NOON,
            100,
            -1.0,
            "00000000-0000-0000-0000-000000000001",
        )
    assert await house.tell("ear") == Round(taken=2, told=2)
    again = [change.delivery_id for change in told.take()]
    assert again == sorted(f"{row['delivery_id']}-{row['version']}" for row in dead)


async def test_a_plugin_is_told_what_it_listens_to_and_one_that_is_off_nothing(
    house: House, told: Told
) -> None:
    """Two plugins have two rows; where nobody listens nothing is kept."""
    other = Told()
    house.plugins.register(other.plugin("on_stage_changed"), name="eye")
    await house.take(event("1", "ada", name="Pricing Viewed"))
    await house.tell("ear")
    await house.tell("eye")
    assert kinds(told.take()) == ["ProfileChange", "StageChange"]
    assert kinds(other.take()) == ["StageChange"]
    async with house.database.transaction(house.workspace_id) as connection:
        await change_settings(
            connection, house.workspace_id, {"disabled_plugins": ("ear", "eye")}, now=house.clock()
        )
    house.workspaces.forget(house.workspace_id)
    house.worker._workspaces.forget(house.workspace_id)
    await house.take(event("2", "bob", name="Pricing Viewed"))
    counted = "SELECT count(*) FROM change_delivery WHERE workspace_id = $1"
    assert await rows(house.database, house.workspace_id, counted) == [(0,)]


async def test_a_workspace_sees_its_own_changes_alone(
    house: House, told: Told, other_workspace: WorkspaceId
) -> None:
    """A deliverer is bound to the workspace that it works for."""
    theirs = House(house.database, other_workspace, house.plugins, house.clock)
    await house.take(event("1", "ada"))
    assert await theirs.tell("ear") == Round()
    assert (await house.tell("ear")).told == 2
