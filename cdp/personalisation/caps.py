"""Frequency caps: what people were shown is looked up where a candidate has a cap, as far back as it counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from cdp.db.pool import Connection
from cdp.model import Workspace
from cdp.personalisation.decide import Considered, capped
from cdp.personalisation.gather import Reader, Task
from cdp.personalisation.store import impressions

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Connection]]
"""Opens a connection bound to the workspace."""


async def within_caps(
    connect: Connect,
    workspace: Workspace,
    tasks: Sequence[Task],
    considered: Sequence[tuple[Considered, ...]],
    reader: Reader,
) -> list[tuple[Considered, ...]]:
    """For each task its candidates, those that are eligible and whose cap is reached no longer eligible."""
    bounded = [
        (task, one.candidate.cap)
        for task, listed in zip(tasks, considered, strict=True)
        for one in listed
        if one.eligible and one.candidate.cap is not None
    ]
    if not bounded:
        return list(considered)
    async with connect() as connection:
        shown = await impressions(
            connection,
            workspace.workspace_id,
            {task.profile_id for task, _ in bounded},
            {task.slot.name for task, _ in bounded},
            since=reader.as_of - max(cap.within for _, cap in bounded),
        )
    return [
        tuple(capped(one, shown.get((*task.key, one.candidate.variant), ()), reader.as_of) for one in listed)
        for task, listed in zip(tasks, considered, strict=True)
    ]
