"""Whom to ask next: the decision, from what is known and what providers give and take."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from cdp.enrichment.providers import Source

MONEY = Decimal("0.000001")
"""Shares of a cost are multiples of this."""


def next_source(
    sources: Sequence[Source],
    known: Mapping[str, float],
    *,
    target: float,
    wanted: Collection[str] | None,
    done: Collection[str],
) -> Source | None:
    """The source to ask next about a subject; None: nobody would add anything.

    By priority, smaller first; among equals by value, which is what the provider would add to the confidence in missing
    fields, divided by what it costs.

    Args:
        sources: who can be asked.
        known: how surely each field is known, 1 for what the subject's own data says.
        target: a field that is known so surely is not asked for.
        wanted: fields that the workspace wants; None: any.
        done: providers that are not to be asked.
    """
    open_ = [one for one in sources if one.name not in done]
    valued = [(gain(one, known, target=target, wanted=wanted), one) for one in open_]
    useful = [(added, one) for added, one in valued if added > 0]
    if not useful:
        return None
    _, best = min(
        useful, key=lambda pair: (pair[1].provider.priority, -_value(*pair), pair[1].place, pair[1].name)
    )
    return best


def gain(
    source: Source, known: Mapping[str, float], *, target: float, wanted: Collection[str] | None
) -> float:
    """What the provider would add to the confidence in missing fields; 1 where it does not say what it gives."""
    if not source.provider.fields:
        return 1.0
    sure = source.provider.confidence
    return sum(
        max(0.0, sure - known.get(field, 0.0))
        for field in missing(source, known, target=target, wanted=wanted)
    )


def missing(
    source: Source, known: Mapping[str, float], *, target: float, wanted: Collection[str] | None
) -> tuple[str, ...]:
    """The provider's fields that are not known surely enough."""
    return tuple(
        field
        for field in source.provider.fields
        if known.get(field, 0.0) < target and (wanted is None or field in wanted)
    )


def shares(total: Decimal, count: int) -> list[Decimal]:
    """A cost in so many parts that add up to it exactly; the first ones take what is left over."""
    if count == 0:
        return []
    part = (total / count).quantize(MONEY, rounding="ROUND_DOWN")
    rest = total - part * count
    return [part + rest, *[part] * (count - 1)]


def _value(added: float, source: Source) -> float:
    cost = float(source.provider.cost)
    return added / cost if cost > 0 else math.inf
