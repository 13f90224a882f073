"""Plugins that raise, hang or block: they lose their own contribution, and are left alone for a while."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from cdp.hooks.health import CircuitState, FailureKind
from cdp.hooks.outcomes import Answered, Failed
from cdp.model import (
    RoleContribution,
)
from tests.hooks.parts import (
    TINY,
    Make,
    claim,
    failures,
    membership,
    plugin,
)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_plugin_that_raises_loses_its_own_contribution_and_is_named(
    make_plugins: Make, asynchronous: bool
) -> None:
    """Its neighbour's claims stand; logs say who, where and what kind of error, health its words, too."""

    def fall(membership: object) -> list[RoleContribution]:
        raise SystemExit("I quit")

    async def fall_async(membership: object) -> list[RoleContribution]:
        raise ZeroDivisionError("by zero")

    plugins = make_plugins()
    plugins.register(plugin(resolve_roles=fall_async if asynchronous else fall), name="culprit")
    plugins.register(plugin(resolve_roles=lambda: [claim("END_USER")]), name="neighbour")
    with capture_logs() as logs:
        (answer,) = await plugins.resolve_roles([membership()])
    error = "ZeroDivisionError: by zero" if asynchronous else "SystemExit: I quit"
    assert answer == {
        "neighbour": Answered((claim("END_USER"),)),
        "culprit": Failed(FailureKind.RAISED, error),
    }
    assert [(log["plugin"], log["hook"], log["kind"], log["error"]) for log in logs] == [
        ("culprit", "resolve_roles", "RAISED", error.partition(":")[0])
    ]
    hook = next(one for one in plugins.health() if one.name == "culprit").hooks[0]
    assert (hook.calls, hook.failures, hook.last_error) == (1, 1, error)


async def test_a_plugin_that_hangs_is_left_at_the_deadline(
    make_plugins: Make, hang: Callable[[], None]
) -> None:
    """For 30 seconds, in a thread, in a coroutine, in a coroutine that resists, or blocking its event loop."""

    async def sleeps(membership: object) -> None:
        await asyncio.sleep(30)

    async def resists(membership: object) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                resisted.set()
                if over.is_set():
                    raise

    async def blocks(membership: object) -> None:
        hang()

    over, resisted = threading.Event(), threading.Event()
    plugins = make_plugins(deadline=TINY)
    plugins.register(plugin(resolve_roles=lambda membership: hang()), name="hangs")
    plugins.register(plugin(resolve_roles=sleeps), name="sleeps")
    plugins.register(plugin(resolve_roles=resists), name="resists")
    plugins.register(plugin(resolve_roles=blocks), name="blocks")
    plugins.register(plugin(resolve_roles=lambda: [claim("END_USER")]), name="neighbour")
    began = time.monotonic()
    (answer,) = await plugins.resolve_roles([membership()])
    took = time.monotonic() - began
    late = FailureKind.TIMED_OUT
    assert failures(answer) == {
        "neighbour": None,
        "blocks": late,
        "resists": late,
        "sleeps": late,
        "hangs": late,
    }
    assert took < 5
    assert resisted.wait(5)
    over.set()


async def test_a_batch_goes_on_after_a_call_that_hangs(make_plugins: Make, hang: Callable[[], None]) -> None:
    """One person on whom a plugin hangs costs the others nothing but that person's deadline."""

    def resolve_roles(membership: object) -> list[RoleContribution]:
        if membership.profile.profile_id == 2:  # type: ignore[attr-defined]
            hang()
        return [claim("END_USER")]

    plugins = make_plugins(deadline=TINY)
    plugins.register(plugin(resolve_roles=resolve_roles), name="moody")
    answers = await plugins.resolve_roles([membership(number) for number in (1, 2, 3, 4)])
    assert [failures(answer)["moody"] for answer in answers] == [None, FailureKind.TIMED_OUT, None, None]


async def test_a_plugin_whose_threads_all_hang_is_not_called_any_more(
    make_plugins: Make, hang: Callable[[], None]
) -> None:
    """Threads are few; who has used them up gets no more, and nobody waits for them."""
    plugins = make_plugins(deadline=TINY, threads=2, failures_to_open=100)
    plugins.register(plugin(resolve_roles=lambda membership: hang()), name="hangs")
    answers = await plugins.resolve_roles([membership(number) for number in range(50)])
    kinds = [failures(answer)["hangs"] for answer in answers]
    assert kinds == [FailureKind.TIMED_OUT] * 2 + [FailureKind.SKIPPED] * 48
    assert answers[-1]["hangs"] == Failed(FailureKind.SKIPPED, "every thread of the plugin hangs")
    assert [hook.skipped for hook in plugins.health()[0].hooks] == [48]


async def test_a_blocked_event_loop_is_replaced(make_plugins: Make, hang: Callable[[], None]) -> None:
    """The plugin's next call runs on a fresh loop."""
    block = [True]

    async def resolve_roles(membership: object) -> list[RoleContribution]:
        if block.pop() if block else False:
            hang()
        return [claim("END_USER")]

    plugins = make_plugins(deadline=TINY)
    plugins.register(plugin(resolve_roles=resolve_roles), name="moody")
    (first,) = await plugins.resolve_roles([membership()])
    (second,) = await plugins.resolve_roles([membership()])
    assert failures(first) == {"moody": FailureKind.TIMED_OUT}
    assert failures(second) == {"moody": None}


async def test_the_circuit_opens_after_failures_in_a_row_and_tries_one_call_later(make_plugins: Make) -> None:
    """Three failures: left alone; after a while one call decides; a success closes it."""
    seconds = [0.0]
    broken = [True]
    called: list[int] = []

    def resolve_roles(membership: object) -> list[RoleContribution]:
        called.append(membership.profile.profile_id)  # type: ignore[attr-defined]
        if broken[0]:
            raise RuntimeError("away")
        return []

    plugins = make_plugins(failures_to_open=3, open_seconds=30, monotonic=lambda: seconds[0])
    plugins.register(plugin(resolve_roles=resolve_roles), name="service")

    def circuit() -> CircuitState:
        return plugins.health()[0].hooks[0].circuit

    people = [membership(number) for number in range(1, 6)]
    await plugins.resolve_roles(people)
    assert (called, circuit()) == ([1, 2, 3], CircuitState.OPEN)
    seconds[0] = 30
    assert circuit() == CircuitState.HALF_OPEN
    await plugins.resolve_roles(people)
    assert (called, circuit()) == ([1, 2, 3, 1], CircuitState.OPEN)
    seconds[0] = 60
    broken[0] = False
    await plugins.resolve_roles(people)
    assert (called[4:], circuit()) == ([1, 2, 3, 4, 5], CircuitState.CLOSED)


async def test_who_stops_waiting_leaves_a_plugin_as_it_was(
    make_plugins: Make, hang: Callable[[], None]
) -> None:
    """A reader that goes away in the middle of a call does not wedge the next one."""
    began = threading.Event()

    def resolve_roles(membership: object) -> list[RoleContribution]:
        if not began.is_set():
            began.set()
            hang()
        return [claim("END_USER")]

    plugins = make_plugins(threads=2)
    plugins.register(plugin(resolve_roles=resolve_roles), name="slow")
    asking = asyncio.create_task(plugins.resolve_roles([membership()]))
    assert await asyncio.to_thread(began.wait, 5)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await plugins.resolve_roles([membership()]) == [{"slow": Answered((claim("END_USER"),))}]


async def test_what_was_asked_about_goes_without_a_search_for_garbage(make_plugins: Make) -> None:
    """What events are made of is much; looking for it in circles is what ingest has no time for."""

    class Value:
        """What can be seen to go."""

    plugins = make_plugins()
    plugins.register(plugin(resolve_roles=lambda membership: []), name="quick")
    for _ in range(5):  # until it is known to be quick
        await plugins.resolve_roles([membership()])
    value = Value()
    gone = weakref.ref(value)
    gc.disable()
    try:
        asked = membership()
        asked.profile.traits["of"] = value
        del value
        await plugins.resolve_roles([asked])
        del asked
        for _ in range(100):  # a thread keeps its last batch until there is another
            if gone() is None:
                return
            await plugins.resolve_roles([membership()])
    finally:
        gc.enable()
    pytest.fail("It is held by a circle.")
