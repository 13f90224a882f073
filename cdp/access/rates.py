"""How much a workspace, and one key of it, may ask and send per second.

Each limit is a token bucket, written as its theoretical arrival time (GCRA, ITU-T I.371): one number a bucket, nothing
that runs in the background. What is counted is counted by this process alone: with `--workers N`, or several servers,
each of them grants as much.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from cdp.access.keys import Principal
from cdp.errors import RateLimited
from cdp.model import Limits

BURST_SECONDS = 5.0
"""What was not used lasts so long: clients send in bursts."""

LONGEST_RETRY = 10
"""Seconds that a client is asked to wait at most; some lose a batch if it is longer than their own patience."""

_REMEMBERED = 20_000
"""Buckets; beyond it those that were used longest ago count as full again."""


class Rates:
    """The buckets of one process.

    Args:
        defaults: of workspaces that have no limits of their own; None in it means none.
        monotonic: seconds.
    """

    def __init__(self, defaults: Limits, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._defaults = defaults
        self._monotonic = monotonic
        self._full_at: OrderedDict[tuple[str, int], float] = OrderedDict()

    def request(self, principal: Principal, limits: Limits) -> None:
        """Count a request.

        Raises:
            RateLimited: it is one too many; nothing was counted.
        """
        self._count("requests", principal, 1, self._of(limits, "requests"), self._of(limits, "key_requests"))

    def events(self, principal: Principal, limits: Limits, number: int) -> None:
        """Count events that came together.

        Raises:
            RateLimited: they are too many; none was counted.
        """
        self._count("events", principal, number, self._of(limits, "events"), self._of(limits, "key_events"))

    def _of(self, limits: Limits, name: str) -> float:
        given: float | None = getattr(limits, f"{name}_per_second")
        return (getattr(self._defaults, f"{name}_per_second") or 0.0) if given is None else given

    def _count(
        self, what: str, principal: Principal, number: int, per_workspace: float, per_key: float
    ) -> None:
        if not per_workspace and not per_key:
            return
        now = self._monotonic()
        taken: list[tuple[tuple[str, int], float]] = []
        for whose, rate, bucket in (
            ("this workspace", per_workspace, (f"workspace {what}", int(principal.workspace_id))),
            ("this key", per_key, (f"key {what}", principal.key_id)),
        ):
            if not rate:
                continue
            burst = max(1.0, rate * BURST_SECONDS)
            full_at = max(self._full_at.get(bucket, now), now) + number / rate
            # A batch larger than all that a full bucket holds goes once the bucket is full, and leaves a debt.
            excess = full_at - now - max(burst, number) / rate
            if excess > 1e-9:
                raise RateLimited(
                    f"{whose.capitalize()} may send {rate:,g} {what} a second; wait and send again.",
                    retry_after=min(LONGEST_RETRY, math.ceil(excess)),
                )
            taken.append((bucket, full_at))
        for bucket, full_at in taken:
            self._full_at[bucket] = full_at
            self._full_at.move_to_end(bucket)
        while len(self._full_at) > _REMEMBERED:
            self._full_at.popitem(last=False)
