"""Points beside the exact figures: what a sales, support or marketing team would add by a rule of thumb.

| panel | contribution | points |
| --- | --- | --- |
| intent | `breadth`: three kinds of signals or more within `days` | 5 for each kind |
| usage | `breadth`: three features or more in use | 5 for each |
| usage | `learning`: courses finished | 10 for each, at most 30 |
| usage | `trouble`: open support tickets | −10 for each, at most −30 |
| influence | `brings_others`: invites, referrals, reviews, shares | 10 for each, at most 50 |

It does nothing in a workspace until that turns it on (`pluginEnable`). The points of `breadth` end when the signals are
older than that, without anything having to happen.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct

from cdp.hooks import hookimpl
from cdp.model import Measure, MembershipFacts, PluginInfo, ScoreContribution

KINDS = 3
"""From so many different signals, or features, on it is breadth."""
MOVING = (Measure.INVITE, Measure.REFERRAL, Measure.REVIEW, Measure.SHARE)


class ScoringSettings(Struct, frozen=True, kw_only=True):
    """What a workspace may set."""

    days: Annotated[int, Meta(ge=1, le=365)] = 30
    """How long a signal counts for breadth."""
    points: Annotated[float, Meta(ge=0, le=20)] = 5.0
    """For each kind of signal and each feature."""


@hookimpl
def register_plugin() -> PluginInfo:
    """What administrators read."""
    return PluginInfo(
        summary="Adds points for breadth, learning, trouble and bringing others.",
        opt_in=True,
        labels=frozenset({"scores"}),
    )


@hookimpl
def register_settings() -> type[ScoringSettings]:
    """What a workspace may set."""
    return ScoringSettings


@hookimpl
def score_intent(membership: MembershipFacts, settings: ScoringSettings) -> list[ScoreContribution]:
    """Many kinds of interest say more than much of one."""
    window = timedelta(days=settings.days)
    lately = sorted(
        (one for one in membership.intent.signals if membership.as_of - one.last_at < window),
        key=lambda one: (one.last_at, one.name),
    )
    if len(lately) < KINDS:
        return []
    return [
        ScoreContribution(
            name="breadth",
            points=min(1_000.0, settings.points * len(lately)),
            reason=f"showed {len(lately)} kinds of interest within {settings.days} days",
            facts={"signals": [one.name for one in lately][:20]},
            until=lately[0].last_at + window,
        )
    ]


@hookimpl
def score_usage(membership: MembershipFacts, settings: ScoringSettings) -> list[ScoreContribution]:
    """Who uses much and learns gets on well; who waits for support does not."""
    usage = membership.usage
    features = len(usage.features)
    learnt = usage.measures.get(Measure.TRAINING_COMPLETED, 0)
    waiting = usage.measures.get(Measure.TICKET_OPENED, 0) - usage.measures.get(Measure.TICKET_CLOSED, 0)
    found = []
    if features >= KINDS:
        found.append(
            _points("breadth", min(1_000.0, settings.points * features), f"uses {features} features")
        )
    if learnt > 0:
        found.append(_points("learning", min(30.0, 10.0 * learnt), f"finished {learnt} courses"))
    if waiting > 0:
        found.append(
            _points("trouble", max(-30.0, -10.0 * waiting), f"waits for support with {waiting} tickets")
        )
    return found


@hookimpl
def score_influence(membership: MembershipFacts) -> list[ScoreContribution]:
    """Who brings others moves the account."""
    counts = {one.value: membership.usage.measures.get(one, 0) for one in MOVING}
    total = sum(counts.values())
    if total == 0:
        return []
    return [
        ScoreContribution(
            name="brings_others",
            points=min(50.0, 10.0 * total),
            reason=f"invited, referred, reviewed or shared {total} times",
            facts={name: count for name, count in counts.items() if count},
        )
    ]


def _points(name: str, points: float, reason: str) -> ScoreContribution:
    return ScoreContribution(name=name, points=points, reason=reason)
