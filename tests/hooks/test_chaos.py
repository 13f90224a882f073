"""Plugins that do what no plugin should: the process goes on, the others are heard, and the culprit is named."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import gc
import threading
import time
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from cdp.hooks import hookimpl
from cdp.hooks.busy import Busy
from cdp.hooks.health import CircuitState, FailureKind
from cdp.hooks.outcomes import Answered, Failed
from cdp.hooks.threads import attempt
from cdp.model import (
    Evidence,
    MembershipFacts,
    RoleContribution,
)
from tests.hooks.parts import MEGABYTE, TINY, Make, add, claims, kinds, membership, until, warm


async def test_quick_plugins_share_one_thread_and_keep_their_order(make_plugins: Make) -> None:
    """Ten of them cost one way there and back."""
    plugins = make_plugins()
    threads: list[str] = []

    def resolve(membership: MembershipFacts) -> list[RoleContribution]:
        threads.append(threading.current_thread().name)
        return claims(membership)

    for number in range(10):
        add(plugins, f"plugin_{number}", resolve)
    await warm(plugins)
    threads.clear()
    (answer,) = await plugins.resolve_roles([membership()])
    assert list(answer) == [f"plugin_{number}" for number in reversed(range(10))]
    assert set(kinds(answer).values()) == {None}
    assert threads == ["plugins"] * 10


async def test_one_that_was_quick_and_hangs_holds_up_the_others_for_a_deadline_once(
    make_plugins: Make,
) -> None:
    """Those after it are asked all the same; from then on it has threads of its own, until its circuit opens."""
    plugins = make_plugins(deadline=TINY, failures_to_open=3)
    hangs = threading.Event()
    over = threading.Event()

    def moody(membership: MembershipFacts) -> list[RoleContribution]:
        if hangs.is_set():
            over.wait(30)
        return claims(membership)

    add(plugins, "before", claims)
    add(plugins, "moody", moody)
    add(plugins, "after", claims)
    await warm(plugins)
    hangs.set()
    with capture_logs():
        answers = await plugins.resolve_roles([membership(1), membership(2), membership(3)])
        assert [kinds(one)["moody"] for one in answers] == [FailureKind.TIMED_OUT] * 3
        assert [kinds(one)["before"] for one in answers] == [None] * 3
        assert [kinds(one)["after"] for one in answers] == [None] * 3
        (again,) = await plugins.resolve_roles([membership()])
    assert kinds(again) == {"before": None, "moody": FailureKind.SKIPPED, "after": None}
    (moody_health,) = (one for one in plugins.health() if one.name == "moody")
    assert moody_health.hooks[0].circuit is CircuitState.OPEN
    assert moody_health.hooks[0].timeouts == 3
    over.set()


async def test_a_plugin_that_goes_on_for_ever_is_interrupted_at_its_deadline(make_plugins: Make) -> None:
    """Its thread ends: it does not take the processor from everybody until the process ends."""
    plugins = make_plugins(deadline=TINY, failures_to_open=1)

    def go_on(membership: MembershipFacts) -> list[RoleContribution]:
        while True:
            time.sleep(0.001)

    add(plugins, "spins", go_on)
    with capture_logs():
        (answer,) = await plugins.resolve_roles([membership()])
    assert kinds(answer) == {"spins": FailureKind.TIMED_OUT}
    await until(lambda: plugins.runner.busy.now() == [])
    assert not [one for one in threading.enumerate() if one.name == "plugin spins"]


async def test_a_plugin_that_blocks_its_event_loop_is_named_with_the_time(make_plugins: Make) -> None:
    """Others go on; the figures say for how long."""
    plugins = make_plugins(deadline=3.0)

    async def block(membership: MembershipFacts) -> list[RoleContribution]:
        time.sleep(0.8)  # noqa: ASYNC251 - that is the point
        return claims(membership)

    add(plugins, "blocks", block)
    add(plugins, "works", claims)
    with capture_logs() as logs:
        (answer,) = await plugins.resolve_roles([membership()])
        await until(
            lambda: any(one.blocked_seconds > 0.3 for one in plugins.health() if one.name == "blocks")
        )
    assert kinds(answer) == {"works": None, "blocks": None}
    assert [one.blocked_seconds for one in plugins.health() if one.name == "works"] == [0.0]
    blocked = [one for one in logs if one["event"] == "plugin_blocked"]
    assert {(one["plugin"], one["hook"], one["what"]) for one in blocked} == {
        ("blocks", "resolve_roles", "event loop")
    }


async def test_a_plugin_that_holds_the_interpreter_is_named(make_plugins: Make) -> None:
    """Nothing at all runs meanwhile, not even who looks; afterwards it is known who had the processor."""
    plugins = make_plugins(deadline=20.0)

    def hold(membership: MembershipFacts) -> list[RoleContribution]:
        sum(range(60_000_000))  # one call in C, which lets nobody else run
        return claims(membership)

    add(plugins, "holds", hold)
    add(plugins, "works", claims)
    with capture_logs() as logs:
        await plugins.resolve_roles([membership()])
        await until(lambda: any(one["event"] == "plugin_blocked" for one in logs))
    named = {(one["plugin"], one["what"]) for one in logs if one["event"] == "plugin_blocked"}
    assert named == {("holds", "process")}


async def test_a_plugin_that_allocates_without_end_is_interrupted_and_named(make_plugins: Make) -> None:
    """Long before the machine is out of memory."""
    plugins = make_plugins(deadline=20.0, memory=128 * MEGABYTE)

    def hoard(membership: MembershipFacts) -> list[RoleContribution]:
        held = []
        while True:
            held.append(b"x" * MEGABYTE)
            time.sleep(0.000_5)

    add(plugins, "hoards", hoard)
    add(plugins, "works", claims)
    with capture_logs() as logs:
        (answer,) = await plugins.resolve_roles([membership()])
    assert kinds(answer) == {"works": None, "hoards": FailureKind.RAISED}
    assert [one["plugin"] for one in logs if one["event"] == "plugin_grew"] == ["hoards"]
    (health,) = (one for one in plugins.health() if one.name == "hoards")
    assert health.memory_bytes > 128 * MEGABYTE
    assert "too much memory" in str(health.hooks[0].last_error)


async def test_what_plugins_are_given_cannot_be_changed(make_plugins: Make) -> None:
    """They all look at the same; who tries is told to make a copy, and copies can be changed."""
    plugins = make_plugins()
    facts = membership()

    def change(membership: MembershipFacts) -> list[RoleContribution]:
        copied = copy.deepcopy(membership.profile.traits)
        copied["tags"].append("mine")
        assert {**membership.profile.traits, "more": 1} == {**facts.profile.traits, "more": 1}
        membership.profile.traits["tags"].append("mine")
        return claims(membership)

    add(plugins, "changes", change)
    add(plugins, "works", claims)
    with capture_logs():
        (answer,) = await plugins.resolve_roles([facts])
    assert kinds(answer) == {"works": None, "changes": FailureKind.RAISED}
    assert isinstance(failed := answer["changes"], Failed)
    assert "this list cannot be changed" in failed.error
    assert facts == membership()


@pytest.mark.parametrize(
    "answer",
    [
        ["END_USER"] * 1_000_000,
        "END_USER",
        {"END_USER": 1.0},
        None,
        [None],
        iter([]),
        [RoleContribution(role="END_USER", confidence=float("nan"), evidence=(Evidence(reason="x"),))],
        [RoleContribution(role="END_USER", confidence=0.5, evidence=(Evidence(reason="x" * 1_000_000),))],
    ],
    ids=[
        "a million",
        "text",
        "object",
        "nothing",
        "list of nothing",
        "iterator",
        "not a number",
        "a megabyte",
    ],
)
async def test_what_is_no_answer_is_refused(make_plugins: Make, answer: object) -> None:
    """Whatever it is, and without looking at all of it."""
    plugins = make_plugins()
    add(plugins, "nonsense", lambda membership: answer)
    add(plugins, "works", claims)
    with capture_logs():
        (said,) = await plugins.resolve_roles([membership()])
    assert kinds(said) == {"works": None, "nonsense": FailureKind.REFUSED}


async def test_who_computes_for_long_is_interrupted_at_once_and_left_alone_in_all_hooks(
    make_plugins: Make,
) -> None:
    """Not after its deadline, and not after five times in each hook; and longer each time that it does so again."""
    seconds = [0.0]
    plugins = make_plugins(deadline=20.0, open_seconds=30.0, monotonic=lambda: seconds[0])
    well = threading.Event()

    def spin(membership: MembershipFacts) -> list[RoleContribution]:
        while not well.is_set():
            pass
        return claims(membership)

    plugins.register(
        SimpleNamespace(
            resolve_roles=hookimpl(spin),
            choose_personalisation=hookimpl(lambda request: None, specname="choose_personalisation"),
        ),
        name="spins",
    )
    add(plugins, "works", claims)

    def circuits() -> set[CircuitState]:
        return {one.circuit for health in plugins.health() if health.name == "spins" for one in health.hooks}

    with capture_logs() as logs:
        answers = await plugins.resolve_roles([membership(1), membership(2)])
        assert [kinds(one)["spins"] for one in answers] == [FailureKind.RAISED, FailureKind.SKIPPED]
        assert [kinds(one)["works"] for one in answers] == [None, None]
        assert circuits() == {CircuitState.OPEN}
        seconds[0] = 30.0
        assert circuits() == {CircuitState.HALF_OPEN}
        await plugins.resolve_roles([membership()])
        seconds[0] = 89.0
        assert circuits() == {CircuitState.OPEN}
        seconds[0] = 90.0
        well.set()
        (answer,) = await plugins.resolve_roles([membership()])
    assert kinds(answer) == {"works": None, "spins": None}
    assert circuits() == {CircuitState.CLOSED}
    alone = [(one["plugin"], one["seconds"]) for one in logs if one["event"] == "plugin_left_alone"]
    assert alone == [("spins", 30.0), ("spins", 60.0)]
    assert {one.name for one in plugins.health() if one.blocked_seconds} == {"spins"}


async def test_a_thread_is_called_again_after_its_call_was_interrupted(make_plugins: Make) -> None:
    """What interrupts a call never hits the next one, nor the thread itself."""
    busy = Busy()
    with busy.working("plugin", "hook") as work:
        for _ in range(200):
            interrupted = threading.Thread(target=lambda: work.interrupt("test", where=work.calls))
            outcome = attempt(interrupted.start, work)
            interrupted.join()
            assert isinstance(outcome, Answered | Failed)
            assert isinstance(attempt(lambda: sum(range(100)), work), Answered)
        assert not work.interrupt("test", where=work.calls)


async def test_who_keeps_its_loop_from_running_is_left_alone(make_plugins: Make) -> None:
    """Its own loop alone, but for a second at a time."""
    plugins = make_plugins(deadline=5.0)

    async def block(membership: MembershipFacts) -> list[RoleContribution]:
        time.sleep(1.5)  # noqa: ASYNC251 - that is the point
        return claims(membership)

    add(plugins, "blocks", block)
    with capture_logs():
        first, second = await plugins.resolve_roles([membership(1), membership(2)])
        (third,) = await plugins.resolve_roles([membership(3)])
    assert [kinds(one)["blocks"] for one in (first, second, third)] == [
        None,
        FailureKind.SKIPPED,
        FailureKind.SKIPPED,
    ]


async def test_loops_of_plugins_that_resist_are_closed_without_a_word(
    make_plugins: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """A coroutine that goes on whatever happens to it is dropped with its loop."""
    plugins = make_plugins(deadline=TINY, failures_to_open=1)

    async def resist(membership: MembershipFacts) -> list[RoleContribution]:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    add(plugins, "resists", resist)
    with capture_logs():
        (answer,) = await plugins.resolve_roles([membership()])
    assert kinds(answer) == {"resists": FailureKind.TIMED_OUT}
    await plugins.aclose()
    await until(lambda: not [one for one in threading.enumerate() if one.name == "plugin resists"])
    gc.collect()
    assert "pending" not in caplog.text
