"""What a variant changed: shares, their difference, and how sure that is.

A share's interval is Wilson's score interval (E. B. Wilson, JASA 22, 1927). The difference of two independent shares
has Newcombe's hybrid score interval, method 10 of R. G. Newcombe, "Interval estimation for the difference between
independent proportions", Statistics in Medicine 17, 873–890 (1998): with p₁, p₂ and their score intervals (l₁, u₁),
(l₂, u₂),

    lower = p₁ − p₂ − √((p₁ − l₁)² + (u₂ − p₂)²)
    upper = p₁ − p₂ + √((u₁ − p₁)² + (p₂ − l₂)²)

It keeps its level with few people and with shares of 0 and 1, where the usual interval of a normal variable does not.
An interval is of one comparison; of twenty variants without any effect about one is expected to look as if it had one.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from msgspec import Struct

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


class Share(Struct, frozen=True, kw_only=True):
    """How many of how many, with Wilson's interval."""

    of: int
    count: int
    rate: float
    lower: float
    upper: float


class Lift(Struct, frozen=True, kw_only=True):
    """Treated minus control, with Newcombe's interval."""

    difference: float
    lower: float
    upper: float
    relative: float | None
    """Difference over the control's rate; None where that is 0."""


def share(count: int, of: int) -> Share | None:
    """`count` of `of`; None of nobody."""
    if of == 0:
        return None
    rate = count / of
    denominator = 1 + _Z**2 / of
    middle = (rate + _Z**2 / (2 * of)) / denominator
    half = _Z * math.sqrt(rate * (1 - rate) / of + _Z**2 / (4 * of**2)) / denominator
    # At 0 and 1 one end is exact, and rounding must not say otherwise.
    lower = 0.0 if count == 0 else max(0.0, middle - half)
    upper = 1.0 if count == of else min(1.0, middle + half)
    return Share(of=of, count=count, rate=rate, lower=lower, upper=upper)


def lift(treated: Share, control: Share) -> Lift:
    """What being treated changed."""
    difference = treated.rate - control.rate
    return Lift(
        difference=difference,
        lower=difference - math.hypot(treated.rate - treated.lower, control.upper - control.rate),
        upper=difference + math.hypot(treated.upper - treated.rate, control.rate - control.lower),
        relative=difference / control.rate if control.rate > 0 else None,
    )
