"""How tests are spread over processes (`make test`, or `pytest -n 4`): by file, or by folder where much is shared."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

import pytest
from typing_extensions import override
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

WHOLE = ("acceptance", "graphql", "faults", "plan")
"""Folders whose session fixtures are dear: all their tests run in one process. The longest begin first, …"""

SLOW = ("cli", "docs", "kit", "web", "db", "telemetry", "demo", "security")
"""… then come the files of folders whose tests start processes; short ones fill the gaps in the end."""

AWAITED = "tests/acceptance/test_wheel_suites.py"
"""Its tests wait for what the folder's first test began; they come last, in the process that has it."""

MOST = 8
"""Processes, unless somebody asks for more: each has a PostgreSQL of its own."""

_FOLDERS = {name: rank for rank, name in enumerate((*WHOLE, *SLOW))}


def processes() -> int:
    """One more than this run has processors: a quarter of the time, a test waits for a server or the database."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return min(len(allowed) + 1, MOST)


def longest_first(items: list[pytest.Item]) -> None:
    """Order the tests as they are to be handed out."""
    items.sort(
        key=lambda item: (_scope(item.nodeid) == AWAITED, _FOLDERS.get(_folder(item.nodeid), len(_FOLDERS)))
    )


class Spreading(LoadScopeScheduling):
    """Hands out whole files, or whole folders, in the order of the collection."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    @override
    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid)

    @override
    def _reschedule(self, node: WorkerController) -> None:
        if list(self.workqueue) == [AWAITED] and not self._may_wait(node):
            node.shutdown()
        else:
            super()._reschedule(node)

    def _may_wait(self, node: WorkerController) -> bool:
        """Whether the process began what is awaited, or none that is left did."""
        began = [one for one, work in self.assigned_work.items() if "acceptance" in work]
        return node in began or not began


def _scope(nodeid: str) -> str:
    folder, file = _folder(nodeid), nodeid.partition("::")[0]
    return folder if folder in WHOLE and file != AWAITED else file


def _folder(nodeid: str) -> str:
    parts = PurePosixPath(nodeid.partition("::")[0]).parts
    return parts[1] if len(parts) > 2 else ""
