"""A whole application, as in tests/mutations, and a worker that is driven by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from cdp.app import Application
from tests.mutations.conftest import api, application, asking, client, clock

__all__ = ["api", "application", "asking", "client", "clock"]

Settle = Callable[[], Awaitable[None]]


@pytest.fixture
def settle(application: Application) -> Settle:
    """Do all that is due, resolving without an event too, until nothing is left."""

    async def settle() -> None:
        while await application.worker.settle_once() or await application.worker.resolve_once():
            pass

    return settle
