"""When time alone moves somebody along a journey: a score that fades, days and features that leave the window. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from cdp.model import MembershipFacts, ProfileFacts, UsageFacts, UsagePhase, WorkspaceSettings

_MOMENT = timedelta(seconds=1)
"""A score that is just at its threshold still counts; a second later it does not."""


def fades_at(facts: Iterable[ProfileFacts | MembershipFacts], settings: WorkspaceSettings) -> datetime | None:
    """The first moment at which a level or a phase will be another, should nothing happen; None: there is none."""
    return min((moment for one in facts for moment in _moments(one, settings)), default=None)


def _moments(facts: ProfileFacts | MembershipFacts, settings: WorkspaceSettings) -> Iterator[datetime]:
    score = facts.intent.score
    for threshold in (settings.hot_score, settings.warm_score):
        if score >= threshold > 0:
            days = settings.half_life_days * math.log2(score / threshold)
            if days < 36_500:
                yield facts.as_of + timedelta(days=days) + _MOMENT
            break
    yield from _phases(facts.usage, settings)


def _phases(usage: UsageFacts, settings: WorkspaceSettings) -> Iterator[datetime]:
    if usage.last_used_at is None or usage.phase is UsagePhase.DORMANT:
        return
    yield usage.last_used_at + timedelta(days=settings.dormant_days) + _MOMENT
    match usage.phase:
        case UsagePhase.HABITUAL:
            yield from _leaving(usage.used_days, settings.habitual_days, settings)
        case UsagePhase.ADOPTING:
            days = [use.last_at.astimezone(UTC).date() for use in usage.features]
            yield from _leaving(days, settings.adopting_features, settings)
        case _:
            return


def _leaving(days: Sequence[date], needed: int, settings: WorkspaceSettings) -> Iterator[datetime]:
    """When so few of these days are left in the window that it is one less than needed."""
    if 0 < needed <= len(days):
        last_needed = sorted(days, reverse=True)[needed - 1]
        yield datetime.combine(last_needed + timedelta(days=settings.window_days), time(), UTC)
