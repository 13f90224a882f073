"""Plugins that compute in processes of their own, by their own wish or because of what they did to others."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from cdp.hooks import hookimpl
from cdp.hooks.health import FailureKind
from cdp.hooks.loading import in_folder
from cdp.hooks.outcomes import Answered, Failed
from tests.hooks.parts import MEGABYTE, TINY, Make, add, claims, kinds, membership

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
