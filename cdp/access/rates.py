"""How much a workspace, one key of it, and one address with a public key may ask, cost and send per second.

Each limit is a token bucket, written as its theoretical arrival time (GCRA, ITU-T I.371): one number a bucket, nothing
that runs in the background. A process counts by itself, without asking anybody; what all processes together have let
pass is told by `cdp.access.sharing` about every second: in the long run their number makes no difference.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from msgspec import Struct

from cdp.access.principals import Principal
from cdp.errors import RateLimited
from cdp.model import Limits, WorkspaceId
from cdp.telemetry import count

BURST_SECONDS = 5.0
"""What was not used lasts so long: clients send in bursts."""

LONGEST_RETRY = 10
"""Seconds that a client is asked to wait at most; some lose a batch if it is longer than their own patience."""

NOTED = "diptych.rates"
"""Key in the scope of a request under which stands what is left to whoever asks, by what was counted."""

_REMEMBERED = 20_000
"""Buckets of workspaces and keys, and as many of addresses and visitors; beyond it those that were used longest ago
count as full again. They are kept apart: whoever comes from many addresses has no bucket of a workspace forgotten."""

What: TypeAlias = Literal["requests", "cost", "events"]
Whose: TypeAlias = Literal["workspace", "key", "address"]


Standing: TypeAlias = tuple[float, float, float]
"""How a bucket stands: what may be taken at once, what a full one holds, seconds until it is full again."""

Noted: TypeAlias = MutableMapping[str, Any]
"""Where what is left is noted under NOTED: the scope of a request."""


class Bucket(Struct):
    """One number, and what has not been told yet."""

    full_at: float
    """When it would be full again, if nothing were taken from now on; monotonic seconds."""
    untold: float = 0.0
    """Seconds of `full_at` that other processes do not know of."""


Key: TypeAlias = tuple[WorkspaceId, What, str]
"""Workspace, what is counted, and whose: "" for the workspace itself."""


class _Rate(NamedTuple):
    whose: Whose
    subject: str
    per_second: float
    shared: bool


class Rates:
    """The buckets of one process.

    Args:
        defaults: of workspaces that have no limits of their own; None in it means none.
        monotonic: seconds.
    """

    def __init__(self, defaults: Limits, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._defaults = defaults
        self._monotonic = monotonic
        self._shared: OrderedDict[Key, Bucket] = OrderedDict()
        self._own: OrderedDict[Key, Bucket] = OrderedDict()
        self._of: dict[int, tuple[Limits, dict[What, tuple[float, float, float]]]] = {}
        """What limits come to, by the identity of these."""
        self.untold: dict[WorkspaceId, set[Key]] = {}
        """Buckets of which something is to be told to other processes."""
        self.hurry: Callable[[], None] = lambda: None
        """Called when much of a bucket has been taken since others were told."""

    def request(
        self, principal: Principal, limits: Limits, noted: Noted | None = None, *, address: str | None = None
    ) -> None:
        """Count a request; `address` is where it came from.

        Raises:
            RateLimited: it is one too many; nothing was counted.
        """
        self._count("requests", principal, 1, limits, noted=noted, address=address)

    def stranger(self, address: str | None, noted: Noted | None = None) -> None:
        """Count a request without a key, which can only be about the schema.

        Raises:
            RateLimited: it is one too many; nothing was counted.
        """
        if address is not None and (per_second := self._defaults.address_requests_per_second):
            rate = _Rate("address", address, per_second, False)
            self._take(WorkspaceId(0), "requests", 1, [rate], noted)

    def events(
        self,
        principal: Principal,
        limits: Limits,
        number: int,
        noted: Noted | None = None,
        *,
        address: str | None = None,
    ) -> None:
        """Count events that came together.

        Raises:
            RateLimited: they are too many; none was counted.
        """
        self._count("events", principal, number, limits, noted=noted, address=address)

    def cost(self, principal: Principal, limits: Limits, cost: int, noted: Noted | None = None) -> None:
        """Count what an operation may cost (cdp.plan.cost).

        Raises:
            RateLimited: it is too much; nothing was counted.
        """
        self._count("cost", principal, cost, limits, noted=noted, address=None)

    def heard(self, key: Key, seconds: float, told: float) -> None:
        """Take over what all processes together have let pass of a bucket, of which `told` seconds were ours.

        Args:
            key: the bucket's.
            seconds: until it is full again.
            told: of what was untold, how much this answer knows of.
        """
        bucket = self._shared.get(key)
        if bucket is not None:
            bucket.untold = max(0.0, bucket.untold - told)
            bucket.full_at = self._monotonic() + seconds + bucket.untold

    def taken(self, key: Key) -> float:
        """Seconds of a bucket that other processes do not know of."""
        bucket = self._shared.get(key)
        return bucket.untold if bucket is not None else 0.0

    def _count(
        self,
        what: What,
        principal: Principal,
        number: int,
        limits: Limits,
        *,
        noted: Noted | None,
        address: str | None,
    ) -> None:
        found = self._of.get(id(limits))
        if found is None or found[0] is not limits:
            if len(self._of) > _REMEMBERED:
                self._of.clear()
            found = self._of[id(limits)] = (limits, _per_second(limits, self._defaults))
        per_second = found[1].get(what)
        if per_second is None:
            return
        of_workspace, of_key, of_address = per_second
        rates = []
        if of_workspace:
            rates.append(_Rate("workspace", "", of_workspace, True))
        if of_key:
            # Visitors are as many as there are people: nobody tells others about each of them.
            rates.append(_Rate("key", principal.subject, of_key, principal.visitor is None))
        if of_address and address is not None and principal.publishable:
            rates.append(_Rate("address", f"{principal.subject} {address}", of_address, False))
        self._take(principal.workspace_id, what, number, rates, noted)

    def _take(
        self,
        workspace_id: WorkspaceId,
        what: What,
        number: int,
        rates: Sequence[_Rate],
        noted: Noted | None,
    ) -> None:
        now = self._monotonic()
        taken: list[tuple[Key, _Rate, float]] = []
        for rate in rates:
            key = (workspace_id, what, rate.subject)
            per_second = rate.per_second
            bucket = (self._shared if rate.shared else self._own).get(key)
            since = now if bucket is None or bucket.full_at < now else bucket.full_at
            full_at = since + number / per_second
            # A batch larger than all that a full bucket holds goes once the bucket is full, and leaves a debt.
            excess = full_at - now - max(1.0, per_second * BURST_SECONDS, number) / per_second
            if excess > 1e-9:
                _note(noted, what, per_second, since - now)
                count("rates.refused", what, rate.whose)
                raise RateLimited(
                    f"{_NAMED[rate.whose]} may {_MAY[what].format(per_second)}; wait and send again.",
                    retry_after=min(LONGEST_RETRY, math.ceil(excess)),
                )
            taken.append((key, rate, full_at))
        for key, rate, full_at in taken:
            _note(noted, what, rate.per_second, full_at - now)
            self._put(key, rate, full_at, number / rate.per_second)

    def _put(self, key: Key, rate: _Rate, full_at: float, seconds: float) -> None:
        buckets = self._shared if rate.shared else self._own
        bucket = buckets.get(key)
        if bucket is None:
            bucket = buckets[key] = Bucket(full_at)
            if len(buckets) > _REMEMBERED:
                buckets.popitem(last=False)
        else:
            bucket.full_at = full_at
            buckets.move_to_end(key)
        if rate.shared:
            bucket.untold += seconds
            self.untold.setdefault(key[0], set()).add(key)
            if bucket.untold > BURST_SECONDS / 2:
                self.hurry()


def headers(noted: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    """What is left, as headers of an answer (draft-ietf-httpapi-ratelimit-headers); none where nothing is limited."""
    standings: dict[What, Standing] | None = noted.get(NOTED)
    if not standings:
        return []
    policy, left = [], []
    for what, (free, quota, full_in) in sorted(standings.items()):
        policy.append(f'"{what}";q={quota:.0f};w={BURST_SECONDS:.0f}')
        left.append(f'"{what}";r={max(0, int(free + 1e-6))};t={max(0, math.ceil(full_in))}')
    return [(b"ratelimit-policy", ", ".join(policy).encode()), (b"ratelimit", ", ".join(left).encode())]


def _note(noted: Noted | None, what: What, per_second: float, used: float) -> None:
    """Note how a bucket stands in which `used` seconds are used up, if none of which less is left has been noted."""
    if noted is None:
        return
    quota = max(1.0, per_second * BURST_SECONDS)
    free = quota - used * per_second
    standings: dict[What, Standing] = noted.setdefault(NOTED, {})
    if what not in standings or free < standings[what][0]:
        standings[what] = (free, quota, used)


def _per_second(limits: Limits, defaults: Limits) -> dict[What, tuple[float, float, float]]:
    """Of workspace, key and address, by what is counted; what nobody limits is missing."""

    def of(name: str | None) -> float:
        if name is None:
            return 0.0
        given: float | None = getattr(limits, name)
        return (getattr(defaults, name) or 0.0) if given is None else given

    found = {
        what: (of(_OF_WORKSPACE[what]), of(_OF_KEY[what]), of(_OF_ADDRESS[what])) for what in _OF_WORKSPACE
    }
    return {what: rates for what, rates in found.items() if any(rates)}


_OF_WORKSPACE: Mapping[What, str] = {
    "requests": "requests_per_second",
    "cost": "cost_per_second",
    "events": "events_per_second",
}
_OF_KEY: Mapping[What, str] = {
    "requests": "key_requests_per_second",
    "cost": "key_cost_per_second",
    "events": "key_events_per_second",
}
_OF_ADDRESS: Mapping[What, str | None] = {
    "requests": "address_requests_per_second",
    "cost": None,
    "events": "address_events_per_second",
}
_NAMED: Mapping[Whose, str] = {
    "workspace": "This workspace",
    "key": "This key",
    "address": "One address",
}
_MAY: Mapping[What, str] = {
    "requests": "send {:,g} requests a second",
    "cost": "ask for a cost of {:,g} a second",
    "events": "send {:,g} events a second",
}
