"""One who waits for changes: woken, however often, at most once until it has looked."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from cdp.live.changes import bucket
from cdp.model import ProfileId


class Watch:
    """A flag that changes raise. What happens while nobody looks comes together: there is nothing to pile up."""

    def __init__(self) -> None:
        self._buckets: frozenset[int] | None = None
        self._woken = asyncio.Event()

    def follow(self, profile_ids: Collection[ProfileId] | None) -> None:
        """Be woken by changes of these profiles only; None: by any change in the workspace."""
        self._buckets = None if profile_ids is None else frozenset(map(bucket, profile_ids))

    def wake(self, touched: frozenset[int] | None = None) -> None:
        """These buckets were touched; None: whatever it watches may have been."""
        if touched is None or self._buckets is None or not self._buckets.isdisjoint(touched):
            self._woken.set()

    def lower(self) -> None:
        """Forget what has been: who watches is about to look."""
        self._woken.clear()

    async def changed(self, within: float) -> bool:
        """Wait until woken, for at most so many seconds; whether it was. The flag is lowered."""
        try:
            async with asyncio.timeout(within):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True
