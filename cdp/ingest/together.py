"""Requests that go together: what comes while others are on their way, or just before they set off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from cdp.model import Workspace

T = TypeVar("T")

LINGER = 0.002
"""Seconds that the first of a group waits for as many as went together lately, if that was company at all."""

MOST = 5_000
"""Items in one group, unless one request brings more."""


class _Group(Generic[T]):
    def __init__(self) -> None:
        self.items: list[T] = []
        self.requests = 0
        self.workspace: Workspace | None = None
        self.full = asyncio.Event()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Together(Generic[T]):
    """One workspace's requests, one group after the other.

    What each plugin costs by being called is so shared by all that wait anyway.
    """

    def __init__(self, lead: Callable[[Workspace, Sequence[T]], Awaitable[None]]) -> None:
        self._lead = lead
        self._gathering: _Group[T] | None = None
        self._under_way = asyncio.Lock()
        self._company = 1

    async def go(self, workspace: Workspace, items: Sequence[T]) -> None:
        """Go with whoever is gathering, and come back when the group does; what fails, fails for all of it."""
        group = self._gathering
        if group is not None and len(group.items) + len(items) <= MOST:
            self._join(group, workspace, items)
            await asyncio.shield(group.done)
            return
        group = self._gathering = _Group()
        self._join(group, workspace, items)
        # Not in the request's own task: a client that goes away does not take the others along.
        await asyncio.shield(asyncio.ensure_future(self._set_off(group)))

    def _join(self, group: _Group[T], workspace: Workspace, items: Sequence[T]) -> None:
        group.workspace = workspace
        group.items += items
        group.requests += 1
        if group.requests >= self._company:
            group.full.set()

    async def _set_off(self, group: _Group[T]) -> None:
        async with self._under_way:
            if not group.full.is_set():
                try:
                    async with asyncio.timeout(LINGER):
                        await group.full.wait()
                except TimeoutError:
                    pass
            if self._gathering is group:
                self._gathering = None
            self._company = group.requests
            assert group.workspace is not None
            try:
                await self._lead(group.workspace, group.items)
            except BaseException as error:
                if group.requests > 1:
                    group.done.set_exception(error)
                    group.done.exception()
                raise
            group.done.set_result(None)
