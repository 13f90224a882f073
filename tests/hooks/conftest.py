"""Managers of plugins, and what hangs."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from cdp.hooks.manager import Plugins


@pytest.fixture
async def make_plugins() -> AsyncIterator[Callable[..., Plugins]]:
    """Makes managers with a deadline that only what hangs will miss, and lets go of them afterwards."""
    made: list[Plugins] = []

    def make(**arguments: object) -> Plugins:
        plugins = Plugins(**{"deadline": 10.0, **arguments})
        made.append(plugins)
        return plugins

    yield make
    for plugins in made:
        await plugins.aclose()


@pytest.fixture
def hang() -> Iterator[Callable[[], None]]:
    """Blocks its thread for 30 seconds, or until the test is over."""
    over = threading.Event()

    def block() -> None:
        over.wait(30)

    yield block
    over.set()
