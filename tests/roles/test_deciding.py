"""Which claims begin, end or change: decided without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from cdp.hooks.health import FailureKind
from cdp.hooks.outcomes import Answered, Failed
from cdp.model import AccountId, Evidence, ProfileId, RoleContribution
from cdp.roles.decide import Claim, Decision, NewClaim, decide

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
HERE = (ProfileId(1), AccountId(7))
THERE = (ProfileId(1), AccountId(8))
AWAY = Failed(FailureKind.TIMED_OUT, "late")


def said(role: str = "END_USER", confidence: float = 0.5, reason: str = "used on 3 days") -> RoleContribution:
    return RoleContribution(role=role, confidence=confidence, evidence=(Evidence(reason=reason),))


def standing(source: str = "p", role: str = "END_USER", **changes: object) -> Claim:
    values: dict[str, Any] = {
        "confidence": 0.5,
        "evidence": (Evidence(reason="used on 2 days"),),
        "place": HERE,
        "claim_id": 1,
    }
    return Claim(source=source, role=role, **(values | changes))


def test_a_new_role_begins_now_or_when_its_evidence_says_never_later() -> None:
    """Nobody holds a role from tomorrow on."""
    earlier, later = NOW - timedelta(days=9), NOW + timedelta(days=9)
    contributions = (
        said("A"),
        RoleContribution(role="B", confidence=1.0, evidence=(), since=earlier),
        RoleContribution(role="C", confidence=1.0, evidence=(), since=later),
    )
    decision = decide([], {HERE: {"p": Answered(contributions)}}, kept=(), now=NOW)
    assert decision == Decision(
        begin=tuple(
            NewClaim(place=HERE, source="p", contribution=one, since=since)
            for one, since in zip(contributions, (NOW, earlier, NOW), strict=True)
        )
    )


def test_a_repeated_claim_is_not_written_again_unless_it_differs_materially() -> None:
    """Drifting figures and a hair of confidence are not worth a write; another reason or degree is."""
    current = [standing()]

    def revised(contribution: RoleContribution) -> Decision:
        return decide(current, {HERE: {"p": Answered((contribution,))}}, kept=(), now=NOW)

    assert revised(said()) == Decision()
    assert revised(said(confidence=0.54, reason="used on 1,200.5 days")) == Decision()
    assert revised(said(confidence=0.55)) == Decision(revise=((1, said(confidence=0.55)),))
    assert revised(said(reason="paid 1 order")) == Decision(revise=((1, said(reason="paid 1 order")),))


def test_a_claim_ends_when_its_plugin_answers_without_it() -> None:
    """Also when the plugin has been turned off, and when the membership is gone."""
    assert decide([standing()], {HERE: {"p": Answered(())}}, kept=(), now=NOW).end == (1,)
    assert decide([standing()], {HERE: {"other": Answered(())}}, kept=(), now=NOW).end == (1,)
    assert decide([standing()], {THERE: {"p": Answered((said(),))}}, kept=("p",), now=NOW).end == (1,)


def test_a_claim_stays_while_its_plugin_cannot_be_asked() -> None:
    """It failed, or it could not be loaded."""
    assert decide([standing()], {HERE: {"p": AWAY}}, kept=(), now=NOW) == Decision()
    assert decide([standing()], {HERE: {}}, kept=("p",), now=NOW) == Decision()


def test_sources_stand_beside_each_other() -> None:
    """Two plugins may claim the same role, and one may stop."""
    current = [standing(claim_id=1), standing("q", claim_id=2)]
    answers = {HERE: {"p": Answered((said(),)), "q": Answered(()), "r": Answered((said(),))}}
    decision = decide(current, answers, kept=(), now=NOW)
    assert decision.end == (2,)
    assert [(one.source, one.contribution.role) for one in decision.begin] == [("r", "END_USER")]


def test_another_end_is_written_without_a_revision_and_one_that_has_come_is_an_end() -> None:
    """By an hour or more; a claim that was over by its own word and is repeated goes on."""
    tomorrow = NOW + timedelta(days=1)

    def after(until: datetime | None, before: datetime | None) -> Decision:
        repeated = structs.replace(said(), until=until)
        answers = {HERE: {"p": Answered((repeated,))}}
        return decide([standing(until=before)], answers, kept=(), now=NOW)

    assert after(tomorrow, tomorrow + timedelta(minutes=59)) == Decision()
    assert after(tomorrow, tomorrow + timedelta(hours=1)) == Decision(extend=((1, tomorrow),))
    assert after(None, tomorrow) == Decision(extend=((1, None),))
    assert after(tomorrow, NOW) == Decision(extend=((1, tomorrow),))
    assert after(NOW, tomorrow) == Decision(end=(1,))
    over = {HERE: {"p": Answered((structs.replace(said(), until=NOW),))}}
    assert decide([], over, kept=(), now=NOW) == Decision()


_roles = st.sampled_from(["A", "B", "C"])
_answer = st.one_of(
    st.just(AWAY),
    st.dictionaries(_roles, st.floats(0.01, 1.0)).map(
        lambda found: Answered(tuple(said(role, confidence) for role, confidence in found.items()))
    ),
)
_answers = st.dictionaries(
    st.sampled_from([HERE, THERE]), st.dictionaries(st.sampled_from(["p", "q"]), _answer)
)


@given(first=_answers, second=_answers)
def test_deciding_twice_on_the_same_answers_changes_nothing(
    first: dict[object, dict[str, object]], second: dict[object, dict[str, object]]
) -> None:
    """Whatever stood before: applied once, the same answers have nothing left to say."""
    current: list[Claim] = []
    for answers in (first, second):
        current = _applied(current, decide(current, answers, kept=(), now=NOW))  # type: ignore[arg-type]
    assert decide(current, second, kept=(), now=NOW) == Decision()  # type: ignore[arg-type]


def _applied(current: list[Claim], decision: Decision) -> list[Claim]:
    revised = dict(decision.revise)
    kept = [
        Claim(
            claim_id=one.claim_id,
            place=one.place,
            role=one.role,
            source=one.source,
            confidence=revised[one.claim_id].confidence if one.claim_id in revised else one.confidence,
            evidence=revised[one.claim_id].evidence if one.claim_id in revised else one.evidence,
        )
        for one in current
        if one.claim_id not in decision.end
    ]
    begun = [
        Claim(
            claim_id=1000 + len(current) + number,
            place=one.place,
            role=one.contribution.role,
            source=one.source,
            confidence=one.contribution.confidence,
            evidence=one.contribution.evidence,
        )
        for number, one in enumerate(decision.begin)
    ]
    return kept + begun
