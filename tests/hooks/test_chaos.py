"""Plugins that do what no plugin should: the process goes on, the others are heard, and the culprit is named."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import gc
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from cdp.hooks import hookimpl
from cdp.hooks.busy import Busy
from cdp.hooks.health import CircuitState, FailureKind
from cdp.hooks.loading import in_folder
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Answered, Failed, Outcome
from cdp.hooks.threads import attempt
from cdp.model import (
    Evidence,
    IntentFacts,
    MembershipFacts,
    ProfileFacts,
    ProfileId,
    RoleContribution,
    UsageFacts,
)

Make = Callable[..., Plugins]

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TINY = 0.4
MEGABYTE = 1024 * 1024


def membership(profile_id: int = 1) -> MembershipFacts:
    intent, usage = IntentFacts(), UsageFacts()
    profile = ProfileFacts(
        profile_id=ProfileId(profile_id),
        display_name="Ada",
        identifiers=(),
        traits={"tags": ["a"]},
        intent=intent,
        usage=usage,
        as_of=NOW,
    )
    return MembershipFacts(
        profile=profile, account=None, own=True, intent=intent, usage=usage, since=None, until=None, as_of=NOW
    )


def claims(membership: MembershipFacts) -> list[RoleContribution]:
    """What a plugin says that does as it should."""
    return [RoleContribution(role="END_USER", confidence=0.5, evidence=(Evidence(reason="told so"),))]


@pytest.fixture
async def make_plugins() -> AsyncIterator[Make]:
    made: list[Plugins] = []

    def make(**arguments: object) -> Plugins:
        plugins = Plugins(**{"deadline": 10.0, **arguments})
        made.append(plugins)
        return plugins

    yield make
    for plugins in made:
        await plugins.aclose()


def add(plugins: Plugins, name: str, resolve_roles: Callable[..., object]) -> None:
    plugins.register(SimpleNamespace(resolve_roles=hookimpl(resolve_roles)), name=name)
    assert name not in plugins.left_out()


async def warm(plugins: Plugins) -> None:
    """Call often enough for quick plugins to be known as such."""
    for _ in range(4):
        await plugins.resolve_roles([membership()])


def kinds(answer: dict[str, Outcome[object]]) -> dict[str, FailureKind | None]:
    return {name: one.kind if isinstance(one, Failed) else None for name, one in answer.items()}


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
        assert {**membership.profile.traits, "more": 1} == {"tags": ["a"], "more": 1}
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


COMPUTES = """
import os, time
from cdp.hooks import hookimpl
from cdp.model import Evidence, PluginInfo, RoleContribution
from msgspec import Struct

class Settings(Struct, frozen=True, kw_only=True):
    word: str = "elsewhere"

@hookimpl
def register_plugin():
    return PluginInfo(summary="Computes.", run="process")

@hookimpl
def register_settings():
    return Settings

@hookimpl
def resolve_roles(membership, settings):
    number = membership.profile.profile_id
    if number == 2:
        time.sleep(60)
    if number == 3:
        os._exit(1)
    if number == 4:
        raise ValueError("four")
    if number == 5:
        return bytearray(2_000_000_000)
    assert not [name for name in os.environ if name.startswith(("CDP_", "DATABASE_URL"))]
    why = Evidence(reason=f"{settings.word} {os.getpid() != %d}")
    return [RoleContribution(role="END_USER", confidence=0.5, evidence=(why,))]
"""


async def test_a_plugin_may_compute_in_processes_of_its_own(
    make_plugins: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hangs, ends, raises or takes too much is replaced, and its neighbours in the batch are answered."""
    (tmp_path / "computes.py").write_text(COMPUTES % os.getpid())
    monkeypatch.setenv("CDP_LOG_LEVEL", "info")
    plugins = make_plugins(deadline=TINY * 5, threads=4, failures_to_open=10, memory=1024 * MEGABYTE)
    plugins.add(in_folder(tmp_path))
    add(plugins, "works", claims)
    assert plugins.left_out() == frozenset()
    with capture_logs():
        answers = await plugins.resolve_roles([membership(number) for number in range(1, 7)])
    said = [answer["computes"] for answer in answers]
    assert [kinds(answer)["computes"] for answer in answers] == [
        None,
        FailureKind.TIMED_OUT,
        FailureKind.RAISED,
        FailureKind.RAISED,
        FailureKind.RAISED,
        None,
    ]
    assert isinstance(said[3], Failed)
    assert said[3].error == "ValueError: four"
    assert isinstance(said[4], Failed)
    assert said[4].error.startswith("MemoryError")
    assert isinstance(said[5], Answered)
    assert said[5].value[0].evidence[0].reason == "elsewhere True"
    assert {kinds(answer)["works"] for answer in answers} == {None}


async def test_only_what_another_process_finds_may_run_there(make_plugins: Make, tmp_path: Path) -> None:
    """And what is offered there is its settings alone."""
    plugins = make_plugins()
    (tmp_path / "wants.py").write_text(
        "from cdp.hooks import hookimpl\n"
        "from cdp.model import PluginInfo\n"
        "register_plugin = hookimpl(lambda: PluginInfo(run='process'), specname='register_plugin')\n"
        "@hookimpl\n"
        "def resolve_roles(membership, http):\n"
        "    return []\n"
    )
    from cdp.model import PluginInfo

    with capture_logs():
        plugins.add(in_folder(tmp_path))
        plugins.register(
            SimpleNamespace(register_plugin=hookimpl(lambda: PluginInfo(run="process"))), name="inline"
        )
    assert {one.name: one.error for one in plugins.health()} == {
        "wants": "its resolve_roles wants 'http', which cannot be offered in a process of its own.",
        "inline": "it wants processes of its own, but is neither installed nor in a folder.",
    }


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


SPINS = """
import os
from cdp.hooks import hookimpl
from cdp.model import Evidence, RoleContribution

@hookimpl
def resolve_roles(membership):
    while os.getpid() == %d:
        pass
    return [RoleContribution(role="END_USER", confidence=0.5, evidence=(Evidence(reason="elsewhere"),))]
"""


async def test_who_computes_for_long_again_has_to_do_it_elsewhere(make_plugins: Make, tmp_path: Path) -> None:
    """Where its hooks allow it: from the second time on, without anybody saying so."""
    seconds = [0.0]
    (tmp_path / "spins.py").write_text(SPINS % os.getpid())
    plugins = make_plugins(deadline=20.0, open_seconds=30.0, monotonic=lambda: seconds[0])
    plugins.add(in_folder(tmp_path))
    with capture_logs():
        for now in (0.0, 30.0):
            seconds[0] = now
            (answer,) = await plugins.resolve_roles([membership()])
            assert kinds(answer) == {"spins": FailureKind.RAISED}
        seconds[0] = 90.0
        (answer,) = await plugins.resolve_roles([membership()])
    assert kinds(answer) == {"spins": None}


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - threads that are being ended set no event
            await asyncio.sleep(0.02)
