"""Fixtures for the tests of plugins: a running core on a real PostgreSQL, fresh for each test that asks for it.

Name them in `conftest.py`, and install pytest (`pip install 'diptych[testing]'`):

    pytest_plugins = ["cdp.testing"]

A test is an ordinary function, that names what it uses:

    def test_the_first_use_activates(ingest, settle, query):
        ingest({"type": "track", "userId": "ada", "event": "Feature Used"})
        settle()
        found = query('{ profile(identifier: {kind: "user_id", value: "ada"}) { usage { phase } } }')
        assert found == {"profile": {"usage": {"phase": "ACTIVATED"}}}

The core has all installed plugins, and those that the fixture `cdp_plugins` names. The first test of a run waits a
second or two for the server, each test a quarter of a second for its own database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from cdp.kit.asgi import Answer
from cdp.kit.clock import BEGINNING, Clock
from cdp.kit.core import Core, Failed, running
from cdp.kit.databases import Databases, databases
from cdp.kit.recording import HookCall, HookCalls
from cdp.settings import Settings, read_settings

__all__ = ["BEGINNING", "Answer", "Clock", "Core", "Failed", "HookCall", "HookCalls"]


@pytest.fixture(scope="session")
def cdp_databases() -> Iterator[Databases]:
    """The PostgreSQL of this run, and its migrated template."""
    with databases() as made:
        yield made


@pytest.fixture
def cdp_plugins() -> Mapping[str, object]:
    """Plugins to load besides the installed ones, by name: modules, or objects. Override it to name some."""
    return {}


@pytest.fixture
def cdp_settings() -> Mapping[str, Any]:
    """Settings of the process, by the names of the fields of `cdp.settings.Settings`. Override it; nothing is set."""
    return {}


@pytest.fixture
def clock() -> Clock:
    """What the core goes by: it stands at noon of 15 January 2026 until `clock.advance(days=3)`."""
    return Clock()


@pytest.fixture
def core(
    cdp_databases: Databases,
    cdp_plugins: Mapping[str, object],
    cdp_settings: Mapping[str, Any],
    clock: Clock,
) -> Iterator[Core]:
    """A running core with one workspace; `ingest`, `query`, `settle` and `calls` are parts of it."""
    settings: Settings = read_settings({}, **cdp_settings)
    with (
        cdp_databases.copy() as urls,
        running(urls, plugins=cdp_plugins, settings=settings, clock=clock) as core,
    ):
        yield core


@pytest.fixture
def ingest(core: Core) -> Callable[..., None]:
    """`ingest({"type": "track", "userId": "ada", "event": "Signed In"}, …)`: send events as a tracking SDK does."""
    return core.ingest


@pytest.fixture
def settle(core: Core) -> Callable[[], None]:
    """`settle()`: have roles resolved, people enriched, plugins told of changes, and jobs run."""
    return core.settle


@pytest.fixture
def query(core: Core) -> Callable[..., Any]:
    """`query("{ … }", role="ADMIN", **variables)`: the data that GraphQL answers."""
    return core.query


@pytest.fixture
def calls(core: Core) -> HookCalls:
    """What plugins were asked and answered: `calls("resolve_roles", plugin="night_owls")`."""
    return core.calls
