"""What is gone through when plugins are asked: one leg for each of them, and which legs are gone together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import Struct

from cdp.hooks.given import AnyCheck
from cdp.hooks.implementation import Implementation
from cdp.hooks.lane import AnyCourse
from cdp.model import Workspace


class Terms(Struct, frozen=True, kw_only=True):
    """On which terms a hook is called."""

    check: AnyCheck
    workspace: Workspace | None
    deadline: float
    """Of one call, in seconds."""
    until: float
    """Moment of the monotonic clock after which a plugin is asked no further."""

    @property
    def budget(self) -> float:
        """Seconds that are left until then."""
        return max(0.0, self.until - time.monotonic())


class Leg(NamedTuple):
    """One plugin's part of a way: what is called, what it is asked about, and how its answers are checked."""

    one: Implementation
    course: AnyCourse
    terms: Terms


def grouped(
    legs: Sequence[Leg], quick: Callable[[Implementation], bool], *, together: bool
) -> list[list[Leg]]:
    """Those that can be gone in one thread, one after the other, are one group; all others are alone."""
    groups: list[list[Leg]] = []
    riding: list[Leg] | None = None
    for leg in legs:
        if not quick(leg.one):
            groups.append([leg])
            riding = riding if together else None
        elif riding is None:
            riding = [leg]
            groups.append(riding)
        else:
            riding.append(leg)
    return groups
