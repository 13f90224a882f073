"""Finding and registering plugins: what gets in, what is left out, and what the person at fault is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from cdp.errors import Misconfigured
from cdp.hooks import hookimpl, loading
from cdp.hooks.loading import first_party, guards, in_folder
from cdp.hooks.manager import Plugins
from cdp.model import IdentifierKind, RoleKind
from cdp.settings import Settings

GOOD = """
from cdp.hooks import hookimpl

@hookimpl
def resolve_roles():
    return []
"""


@pytest.fixture
async def plugins() -> AsyncIterator[Plugins]:
    plugins = Plugins()
    yield plugins
    await plugins.aclose()


def errors(plugins: Plugins) -> dict[str, str | None]:
    return {plugin.name: plugin.error for plugin in plugins.health()}


async def test_the_first_party_plugins_are_found_by_entry_point() -> None:
    """An installation without any settings has roles, enrichment and personalisation."""
    plugins = Plugins.load(Settings())
    health = {plugin.name: plugin for plugin in plugins.health()}
    assert [name for name, plugin in health.items() if plugin.error] == []
    assert {hook.hook for plugin in health.values() for hook in plugin.hooks} >= {
        "register_roles",
        "resolve_roles",
        "enrich_person",
        "choose_personalisation",
    }
    assert all(plugin.version and plugin.source.startswith("diptych") for plugin in health.values())
    await plugins.aclose()


async def test_a_folder_of_modules_and_packages_is_loaded_and_the_broken_are_named(
    plugins: Plugins, tmp_path: Path
) -> None:
    """One that cannot be imported, one that ends the process, one that is no plugin: each is listed, none stops us."""
    (tmp_path / "module.py").write_text(GOOD)
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import resolve_roles")
    (package / "inner.py").write_text(GOOD)
    (tmp_path / "_private.py").write_text("raise RuntimeError('not to be imported')")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.py").write_text("import nothing_of_that_name")
    (tmp_path / "quits.py").write_text("raise SystemExit(3)")
    (tmp_path / "typo.py").write_text("def f(:")
    (tmp_path / "idle.py").write_text("x = 1")
    with capture_logs() as logs:
        plugins.add(in_folder(tmp_path))
    assert {name for name, error in errors(plugins).items() if error is None} == {"module", "package"}
    assert plugins.left_out() == {"broken", "idle", "quits", "typo"}
    assert errors(plugins)["broken"] == "ModuleNotFoundError: No module named 'nothing_of_that_name'"
    assert errors(plugins)["idle"] == "it implements no hook; mark its functions with @hookimpl."
    assert {(log["event"], log["plugin"]) for log in logs} == {
        ("plugin_left_out", name) for name in ("broken", "idle", "quits", "typo")
    }


async def test_a_misspelt_hook_is_named_with_the_one_that_was_meant(plugins: Plugins) -> None:
    """So is an argument that the hook does not have, and a wrapper; none of them is half loaded."""
    wrong = SimpleNamespace(
        resolve_rolls=hookimpl(lambda membership: []), resolve_roles=hookimpl(lambda membership: [])
    )
    argument = SimpleNamespace(resolve_roles=hookimpl(lambda member: []))

    def wrapping(membership: object) -> object:
        yield

    wrapper = SimpleNamespace(resolve_roles=hookimpl(wrapping, wrapper=True))
    with capture_logs():
        plugins.register(wrong, name="wrong")
        plugins.register(argument, name="argument")
        plugins.register(wrapper, name="wrapper")
    assert errors(plugins)["wrong"] == "there is no hook resolve_rolls; did you mean resolve_roles?"
    assert "member" in str(errors(plugins)["argument"])
    assert errors(plugins)["wrapper"] == "its resolve_roles is a wrapper; hooks here cannot be wrapped."
    assert await plugins.resolve_roles([]) == []
    assert plugins.calls.asked("resolve_roles", None) == ()


def test_duplicates_are_errors_that_name_both_plugins(plugins: Plugins) -> None:
    """Of roles, also those of the core; of identifier kinds; of plugins themselves."""

    def registers(role: str = "", kind: str = "") -> SimpleNamespace:
        roles = [RoleKind(name=role, description="d")] if role else []
        kinds = [IdentifierKind(name=kind, priority=1, limit=1, normalise=lambda v, c: v)] if kind else []
        return SimpleNamespace(
            register_roles=hookimpl(lambda: roles), register_identifier_kinds=hookimpl(lambda: kinds)
        )

    plugins.register(registers(role="BLOCKER", kind="crm_id"), name="one", source="here")
    with pytest.raises(Misconfigured, match="'BLOCKER' is registered by one and by two"):
        plugins.register(registers(role="BLOCKER"), name="two")
    with pytest.raises(Misconfigured, match="'crm_id' is registered by one and by three"):
        plugins.register(registers(kind="crm_id"), name="three")
    with pytest.raises(Misconfigured, match="'END_USER' is registered by the core and by four"):
        plugins.register(registers(role="END_USER"), name="four")
    with pytest.raises(Misconfigured, match="Two plugins are called 'one': one from here, one from there"):
        plugins.register(registers(), name="one", source="there")


async def test_a_plugin_that_fails_to_register_is_left_out(plugins: Plugins) -> None:
    """It raises, is async, returns nonsense, or a role that cannot be one."""

    async def late() -> list[RoleKind]:
        return []

    for name, function in {
        "raises": lambda: 1 / 0,
        "async": late,
        "nonsense": lambda: ["BLOCKER"],
        "nothing": lambda: None,
        "badly named": lambda: [RoleKind(name="blocker", description="d")],
    }.items():
        with capture_logs():
            plugins.register(SimpleNamespace(register_roles=hookimpl(function)), name=name)
    assert errors(plugins) == {
        "raises": "ZeroDivisionError: division by zero",
        "async": "its register_roles is async; it must be an ordinary function.",
        "nonsense": "its register_roles returned something else than a list of RoleKind.",
        "nothing": "its register_roles returned something else than a list of RoleKind.",
        "badly named": "'blocker' cannot be a role; write it like LEGAL_AND_COMPLIANCE.",
    }
    assert "BLOCKER" not in plugins.roles()


async def test_a_guard_that_cannot_be_loaded_stops_the_start(plugins: Plugins, tmp_path: Path) -> None:
    """Events would be stored unguarded otherwise: whether it cannot be imported, or is not fit."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import guard_event\nfrom .inner import nothing")
    (package / "inner.py").write_text(
        "from cdp.hooks import hookimpl\n@hookimpl\ndef guard_event(events): ..."
    )
    with pytest.raises(Misconfigured, match="'package' guards events and cannot be loaded: ImportError"):
        plugins.add(in_folder(tmp_path))
    unfit = SimpleNamespace(guard_consent=hookimpl(lambda anything: {}))
    with pytest.raises(
        Misconfigured, match="'unfit' guards events and cannot be loaded: its guard_consent wants"
    ):
        plugins.register(unfit, name="unfit")


def test_installed_guards_are_known_without_being_imported() -> None:
    """Their code says so."""
    found = {one.name: guards(one) for one in first_party()}
    assert found["diptych_redaction"]
    assert not found["diptych_next_step"]


async def test_a_normaliser_that_raises_makes_no_identifier(plugins: Plugins) -> None:
    """It runs in the ingest path, so it must not be able to stop it; the failure is counted."""

    def normalise(value: str, country: str) -> str | None:
        if value == "7":
            return 7  # type: ignore[return-value]
        raise KeyError(value)

    kind = IdentifierKind(name="crm_id", priority=1, limit=1, normalise=normalise)
    plugins.register(SimpleNamespace(register_identifier_kinds=hookimpl(lambda: [kind])), name="crm")
    (guarded,) = plugins.identifier_kinds()
    assert guarded.normalise("x", "US") is None
    assert guarded.normalise("7", "US") is None
    assert [hook.failures for hook in plugins.health()[0].hooks] == [1]


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    """The setting is named."""
    with pytest.raises(Misconfigured, match="CDP_PLUGINS_DIR"):
        Plugins.load(Settings(plugins_dir=tmp_path / "none"))


def test_an_installed_plugin_that_cannot_be_imported_is_listed(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the distribution that it came from."""
    point = EntryPoint(name="ghost", value="no_such_module", group="cdp.plugins")
    monkeypatch.setattr(loading, "entry_points", lambda group: [point])
    with capture_logs():
        plugins.add(loading.installed())
    assert [(p.name, p.loaded, p.source) for p in plugins.health()] == [
        ("ghost", False, "unknown (no_such_module)")
    ]
