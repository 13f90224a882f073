"""Requests that come at about the same time pass the plugins together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from cdp.errors import Unavailable
from cdp.ingest.together import MOST, Together
from cdp.model import Workspace, WorkspaceId, WorkspaceSettings

WORKSPACE = Workspace(
    workspace_id=WorkspaceId(1),
    name="acme",
    version=1,
    epoch=datetime(2026, 1, 1, tzinfo=UTC),
    settings=WorkspaceSettings(),
    entries=(),
    features=(),
)


class Leader:
    """Leads groups when it is told to, one at a time."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, _workspace: Workspace, items: Sequence[str]) -> None:
        self.groups.append(list(items))
        self.begun.set()
        await self.go.wait()
        if "bad" in items:
            raise Unavailable("The database is away.")


async def test_those_who_come_while_others_are_on_their_way_go_together_next() -> None:
    """In the order in which they came, and no two groups at once."""
    leader = Leader()
    together: Together[str] = Together(leader)
    first = asyncio.create_task(together.go(WORKSPACE, ["a"]))
    await leader.begun.wait()
    others = [asyncio.create_task(together.go(WORKSPACE, [name])) for name in "bcd"]
    await asyncio.sleep(0)
    assert leader.groups == [["a"]]
    leader.go.set()
    await asyncio.gather(first, *others)
    assert leader.groups == [["a"], ["b", "c", "d"]]


async def test_what_fails_fails_for_the_whole_group_and_not_for_the_next() -> None:
    """Each of them hears why."""
    leader = Leader()
    together: Together[str] = Together(leader)
    first = asyncio.create_task(together.go(WORKSPACE, ["a"]))
    await leader.begun.wait()
    others = [asyncio.create_task(together.go(WORKSPACE, [name])) for name in ("b", "bad")]
    await asyncio.sleep(0)
    leader.go.set()
    await first
    answers = await asyncio.gather(*others, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    await together.go(WORKSPACE, ["d"])
    assert leader.groups[-1] == ["d"]


async def test_a_client_that_goes_away_does_not_take_the_others_along() -> None:
    """Not even the one that came first."""
    leader = Leader()
    together: Together[str] = Together(leader)
    before = asyncio.create_task(together.go(WORKSPACE, ["before"]))
    await leader.begun.wait()
    first, second = (asyncio.create_task(together.go(WORKSPACE, [name])) for name in "ab")
    await asyncio.sleep(0)
    first.cancel()
    leader.go.set()
    with pytest.raises(asyncio.CancelledError):
        await first
    await asyncio.gather(before, second)
    assert leader.groups == [["before"], ["a", "b"]]


async def test_a_group_is_bounded() -> None:
    """Who does not fit goes with the next one."""
    leader = Leader()
    leader.go.set()
    together: Together[str] = Together(leader)
    large = ["x"] * (MOST - 1)
    await asyncio.gather(together.go(WORKSPACE, large), together.go(WORKSPACE, ["y", "z"]))
    assert [len(group) for group in leader.groups] == [MOST - 1, 2]
