"""Who tries keys that are not good: an address may try some, then unknown ones of it are refused unread for a while.

Keys are random, and nobody finds one by trying. What is kept from those who try all the same is the database's time,
and that of signatures. Others behind the same address go on: whatever was good lately passes.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from msgspec import Struct

from cdp.access.principals import Peer
from cdp.access.rates import LONGEST_RETRY
from cdp.errors import RateLimited
from cdp.telemetry import count

_REMEMBERED = 20_000
"""Addresses, and tokens that were good; beyond it those that came longest ago are forgotten."""
_SAME = 4
"""Wrong tokens of an address that count once: a client that does not know that its key has ended is no guesser."""
_PREFIX = 64
"""Bits of an IPv6 address that tell who somebody is: the others are the sender's own choice."""


class _Tries(Struct):
    full_at: float
    latest: deque[int]


class Guesses:
    """Counts wrong keys and tokens by the address that they come from.

    Args:
        per_minute: that one address may try, as many of them at once; 0: any.
        monotonic: seconds.
    """

    def __init__(self, per_minute: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._monotonic = monotonic
        self._tries: OrderedDict[str, _Tries] = OrderedDict()
        self._good: OrderedDict[int, None] = OrderedDict()

    def admit(self, token: str, peer: Peer | None) -> None:
        """Do nothing if a token from there is to be looked at.

        Raises:
            RateLimited: the address has tried too many wrong ones, and this one is not known to be good.
        """
        if not self._tries or (tries := self._tries.get(_who(peer))) is None or hash(token) in self._good:
            return
        excess = tries.full_at - self._monotonic() - 60.0 + 60.0 / self._per_minute
        if excess > 1e-9:
            count("access.refused", "guessing")
            raise RateLimited(
                "Too many unknown keys have come from this address; wait and try again.",
                retry_after=min(LONGEST_RETRY, math.ceil(excess)),
            )

    def right(self, token: str) -> None:
        """Remember a token that is good."""
        known = hash(token)
        if known not in self._good:
            self._good[known] = None
            if len(self._good) > _REMEMBERED:
                self._good.popitem(last=False)

    def wrong(self, token: str, peer: Peer | None) -> None:
        """Count a token that is not good."""
        count("access.refused", "unknown")
        who = _who(peer)
        if not self._per_minute or not who:
            return
        tried, now = hash(token), self._monotonic()
        self._good.pop(tried, None)
        tries = self._tries.get(who)
        if tries is None:
            tries = self._tries[who] = _Tries(now, deque(maxlen=_SAME))
            if len(self._tries) > _REMEMBERED:
                self._tries.popitem(last=False)
        if tried not in tries.latest:
            tries.latest.append(tried)
            tries.full_at = max(tries.full_at, now) + 60.0 / self._per_minute
        self._tries.move_to_end(who)


def _who(peer: Peer | None) -> str:
    """The address as it counts; empty: it is not known."""
    if peer is None or not peer.address:
        return ""
    try:
        address = ip_address(peer.address.partition("%")[0])
    except ValueError:
        return peer.address
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{int(address) >> (128 - _PREFIX):x}/{_PREFIX}"
    return peer.address
