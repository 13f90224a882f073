"""Steps that time alone makes: reckoned exactly, and told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cdp.changes import fades_at
from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.lenses import phases
from cdp.model import (
    FeatureUseFacts,
    IntentFacts,
    IntentLevel,
    Measured,
    ProfileFacts,
    ProfileId,
    StageChange,
    UsageFacts,
    UsagePhase,
    WorkspaceId,
    WorkspaceSettings,
)
from cdp.settle import upkeep
from tests.changes.parts import Clock, House, Told, event

SETTINGS = WorkspaceSettings()
NOW = datetime(2026, 3, 31, 15, 20, tzinfo=UTC)


class Person:
    """Somebody of whom only the score and the uses (feature, time) matter."""

    def __init__(self, score: float, uses: list[tuple[str, datetime]]) -> None:
        self.score = score
        self.feature_last: dict[str, datetime] = {}
        for feature, at in sorted(uses, key=lambda use: use[1]):
            self.feature_last[feature] = at
        self.used_days = tuple(sorted({at.date() for _, at in uses}))
        self.last_used_at = max((at for _, at in uses), default=None)

    def stands(self, as_of: datetime) -> tuple[str, str]:
        """Level and phase, as the views say it."""
        score = self.score * 2 ** (-(as_of - NOW).total_seconds() / (SETTINGS.half_life_days * 86_400))
        phase = phases.phase(
            used_days=self.used_days,
            feature_last=self.feature_last,
            activated_at=None,
            last_used_at=self.last_used_at,
            settings=SETTINGS,
            as_of=as_of,
        )
        return phases.level(score, SETTINGS).value, phase.value

    def facts(self) -> ProfileFacts:
        level, phase = self.stands(NOW)
        uses = tuple(
            FeatureUseFacts(feature=feature, count=1, first_at=at, last_at=at)
            for feature, at in self.feature_last.items()
        )
        return ProfileFacts(
            profile_id=ProfileId(1),
            display_name=None,
            identifiers=(),
            traits={},
            intent=IntentFacts(score=self.score, level=IntentLevel(level)),
            usage=UsageFacts(
                phase=UsagePhase(phase),
                last_used_at=self.last_used_at,
                features=uses,
                used_days=self.used_days,
            ),
            as_of=NOW,
        )


@given(
    score=st.one_of(st.just(0.0), st.floats(1, 500)),
    uses=st.lists(
        st.tuples(
            st.sampled_from("abcde"), st.integers(0, 40 * 24 * 60).map(lambda m: NOW - timedelta(minutes=m))
        ),
        max_size=40,
    ),
)
def test_until_then_nothing_changes_and_then_it_does(score: float, uses: list[tuple[str, datetime]]) -> None:
    """Whatever somebody did: looked at every quarter of a day, and around the moment."""
    person = Person(score, uses)
    now = person.stands(NOW)
    moment = fades_at([person.facts()], SETTINGS)
    end = moment or NOW + timedelta(days=200)
    looks = [NOW + timedelta(hours=6 * step) for step in range(800)]
    for look in (*(one for one in looks if one < end), end - timedelta(seconds=2)):
        assert look < NOW or person.stands(look) == now
    if moment is not None:
        assert moment > NOW
        assert person.stands(moment) != now


async def test_a_score_that_fades_and_a_user_who_goes_dormant_are_told(
    database: Database, workspace: WorkspaceId
) -> None:
    """Without any event: each step once, and nothing more when all is said."""
    told = Told()
    plugins = Plugins()
    plugins.register(told.plugin("on_stage_changed"), name="ear")
    house = House(database, workspace, plugins, Clock())
    await house.take(
        *(event(f"p{number}", "ada", name="Pricing Viewed") for number in range(4)),
        event("u", "ada", name="Feature Used"),
    )
    await house.tell("ear")
    told.take()
    steps = []
    for _ in range(60):
        house.clock.advance(days=1)
        await upkeep.notice_fading(database, workspace, now=house.clock())
        await house.settle()
        await house.tell("ear")
        steps += [
            (change.measured, change.before, change.after)
            for change in told.take()
            if isinstance(change, StageChange) and change.account is None
        ]
    assert (Measured.PHASE, "ACTIVATED", "DORMANT") in steps
    assert [step for step in steps if step[0] is Measured.LEVEL] == [(Measured.LEVEL, "WARM", None)]
    assert len(steps) == 2
    assert await upkeep.notice_fading(database, workspace, now=house.clock()) == 0
    await plugins.aclose()
