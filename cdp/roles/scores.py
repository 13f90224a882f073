"""Points that plugins add beside what the core knows exactly: asked for, compared, kept with their source."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

import msgspec
from msgspec import Struct, structs

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.hooks import answers
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Answered, Outcome
from cdp.model import (
    AccountId,
    IntentFacts,
    MembershipFacts,
    ProfileId,
    ScoreContribution,
    UsageFacts,
    Workspace,
    WorkspaceId,
)
from cdp.roles.decide import Place, another_end, cannot_be_asked, kind_of_reason

_queries = load_queries("cdp.roles", "scores.sql")


class Panel(StrEnum):
    """What points are about, and so who may see them."""

    INTENT = "INTENT"
    USAGE = "USAGE"
    INFLUENCE = "INFLUENCE"
    """Both panels together."""


HOOKS: Mapping[Panel, str] = {
    Panel.INTENT: "score_intent",
    Panel.USAGE: "score_usage",
    Panel.INFLUENCE: "score_influence",
}

Scores: TypeAlias = Mapping[Panel, Mapping[Place, Mapping[str, Outcome[tuple[ScoreContribution, ...]]]]]
"""Per panel and membership, what each plugin said."""

Key: TypeAlias = tuple[ProfileId, AccountId, str, str, str]
"""Place, panel, source and name."""


class Kept(Struct, frozen=True):
    """A contribution that stands."""

    points: float
    reason: str
    until: datetime | None


class ScoreDecision(Struct, frozen=True, kw_only=True):
    """What to write."""

    put: tuple[tuple[Key, ScoreContribution], ...] = ()
    drop: tuple[Key, ...] = ()


async def ask(
    plugins: Plugins, workspace: Workspace, memberships: Mapping[Place, MembershipFacts]
) -> dict[Panel, dict[Place, dict[str, Outcome[tuple[ScoreContribution, ...]]]]]:
    """What plugins contribute about these memberships; each hook sees only the panels that it speaks of."""
    panels = [panel for panel, hook in HOOKS.items() if plugins.calls.asked(hook, workspace)]
    found = await asyncio.gather(
        *(
            plugins.calls.union(
                HOOKS[panel],
                [seen_by(panel, facts) for facts in memberships.values()],
                answers.score_contributions,
                workspace=workspace,
            )
            for panel in panels
        )
    )
    return {
        panel: dict(zip(memberships, said, strict=True)) for panel, said in zip(panels, found, strict=True)
    }


def seen_by(panel: Panel, facts: MembershipFacts) -> MembershipFacts:
    """The facts without what those must not learn who see this panel only."""
    match panel:
        case Panel.INTENT:
            person = structs.replace(facts.profile, usage=UsageFacts())
            return structs.replace(facts, profile=person, usage=UsageFacts())
        case Panel.USAGE:
            person = structs.replace(facts.profile, intent=IntentFacts())
            account = facts.account and structs.replace(facts.account, purchase_count=0)
            return structs.replace(facts, profile=person, intent=IntentFacts(), account=account)
        case Panel.INFLUENCE:
            return facts


async def apply_scores(
    connection: Connection,
    workspace_id: WorkspaceId,
    profile_ids: Sequence[ProfileId],
    scores: Scores,
    places: Collection[Place],
    *,
    kept: Collection[str],
    now: datetime,
) -> int:
    """Make the stored contributions of these people agree with what was said; how many were written or dropped.

    Args:
        connection: in the transaction that settles the people.
        workspace_id: the tenant.
        profile_ids: all people to settle.
        scores: what plugins said.
        places: their memberships, of which was asked.
        kept: plugins whose contributions stay as they are.
        now: when contributions begin.
    """
    rows = await connection.fetch(_queries.contributions, workspace_id, profile_ids)
    if not rows and not scores:
        return 0
    current = {
        (
            ProfileId(row["profile_id"]),
            AccountId(row["account_id"]),
            row["panel"],
            row["source"],
            row["name"],
        ): Kept(row["points"], row["reason"], row["valid_until"])
        for row in rows
    }
    decision = decide_scores(current, scores, places, kept=kept, now=now)
    if decision.drop:
        await connection.execute(_queries.drop, workspace_id, *map(list, zip(*decision.drop, strict=True)))
    if decision.put:
        await connection.execute(
            _queries.put,
            workspace_id,
            *map(list, zip(*(key for key, _ in decision.put), strict=True)),
            [one.points for _, one in decision.put],
            [one.reason for _, one in decision.put],
            [msgspec.json.encode(one.facts).decode() for _, one in decision.put],
            [one.until for _, one in decision.put],
            now,
        )
    return len(decision.put) + len(decision.drop)


def decide_scores(
    current: Mapping[Key, Kept],
    scores: Scores,
    places: Collection[Place],
    *,
    kept: Collection[str],
    now: datetime,
) -> ScoreDecision:
    """What differs: as with roles, a contribution stays while its plugin repeats it or cannot be asked."""
    said = dict(_said(scores, now))
    put = [
        (key, one)
        for key, one in said.items()
        if (before := current.get(key)) is None
        or abs(before.points - one.points) >= _MATERIAL * max(1.0, abs(before.points))
        or kind_of_reason(before.reason) != kind_of_reason(one.reason)
        or another_end(before.until, one.until, now)
    ]
    drop = []
    for key in current.keys() - said.keys():
        place, panel, source = key[:2], Panel(key[2]), key[3]
        outcome = scores.get(panel, {}).get(place, {}).get(source)
        if place not in places or not cannot_be_asked(outcome, source, kept):
            drop.append(key)
    return ScoreDecision(put=tuple(put), drop=tuple(sorted(drop)))


_MATERIAL = 0.05
"""A smaller part of the points, or of one point, is not worth a write."""


def _said(scores: Scores, now: datetime) -> Iterator[tuple[Key, ScoreContribution]]:
    for panel, of_places in scores.items():
        for place, of_plugins in of_places.items():
            for source, outcome in of_plugins.items():
                if isinstance(outcome, Answered):
                    for one in outcome.value:
                        if one.until is None or one.until > now:
                            yield (*place, panel.value, source, one.name), one
