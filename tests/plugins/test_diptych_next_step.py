"""What to do next: the decisions, and what their records and the CRM's news become."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cdp.errors import BadInput, NotFound
from cdp.model import IntentLevel, MutationRequest, ProfileId, RouteRequest, Stage, UsagePhase
from diptych_next_step.crm import take_news
from diptych_next_step.health import Facts, Grade, Health, health
from diptych_next_step.health import Use as AccountUse
from diptych_next_step.recording import Found, Known, Outcome, Somebody, StepRecord, record
from diptych_next_step.steps import Action, Intent, Panels, Tickets, Use, decide

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
COLD, WARM, HOT = IntentLevel


def panels(level: IntentLevel, phase: UsagePhase, *, stage: Stage | None = None, tickets: int = 0) -> Panels:
    return Panels(
        buyer_intent=Intent(level=level, stage=stage), usage=Use(phase=phase, support=Tickets(open=tickets))
    )


@pytest.mark.parametrize(
    ("given", "action", "urgent", "reason"),
    [
        (panels(HOT, UsagePhase.NONE), Action.CALL, False, "Intent is HOT."),
        (panels(HOT, UsagePhase.HABITUAL, stage=Stage.PRICING), Action.CALL, True, "at the stage PRICING"),
        (panels(WARM, UsagePhase.DORMANT), Action.SEND_BUSINESS_CASE, False, "WARM, below HOT"),
        (panels(WARM, UsagePhase.ADOPTING, tickets=2), Action.SOLVE_TICKETS, True, "2 open tickets"),
        (panels(COLD, UsagePhase.ONBOARDING, tickets=2), Action.HELP_TO_START, False, "not active yet"),
        (panels(COLD, UsagePhase.DORMANT), Action.WIN_BACK, False, "stopped"),
        (panels(COLD, UsagePhase.HABITUAL), Action.ASK_FOR_REVIEW, False, "by habit"),
    ],
)
def test_the_step_that_matters_most_is_said_with_its_reason(
    given: Panels, action: Action, urgent: bool, reason: str
) -> None:
    """Tickets before offers, intent before usage."""
    step = decide(given, call_from=HOT)
    assert step is not None
    assert (step.action, step.urgent) == (action, urgent)
    assert reason in step.reason


def test_who_shows_neither_intent_nor_trouble_is_left_in_peace() -> None:
    for phase in (UsagePhase.NONE, UsagePhase.ACTIVATED, UsagePhase.ADOPTING):
        assert decide(panels(COLD, phase), call_from=HOT) is None


def test_a_workspace_says_from_which_level_on_somebody_is_called() -> None:
    step = decide(panels(WARM, UsagePhase.NONE), call_from=WARM)
    assert step is not None
    assert step.action is Action.CALL


def test_an_account_is_as_well_as_its_people_use_the_product() -> None:
    """Half for the phase, a quarter each for adoption and stickiness, less for open tickets."""

    def use(phase: UsagePhase, adoption: float | None, stickiness: float, tickets: int = 0) -> Facts:
        support = Tickets(open=tickets)
        usage = AccountUse(phase=phase, adoption_rate=adoption, stickiness=stickiness, support=support)
        return Facts(usage=usage, alignment="ALIGNED")

    assert health(use(UsagePhase.HABITUAL, 0.8, 0.5)) == Health(
        score=0.825, grade=Grade.GOOD, reasons=("Usage is HABITUAL.", "80% of the features are used.")
    )
    assert health(use(UsagePhase.ONBOARDING, None, 0.4, tickets=1)).score == pytest.approx(0.25)
    assert health(use(UsagePhase.DORMANT, None, 0, tickets=9)) == Health(
        score=0.0, grade=Grade.POOR, reasons=("Usage is DORMANT.", "9 tickets are open.")
    )
    assert [health(use(phase, None, 0)).score for phase in UsagePhase] == [0.0, 0.2, 0.3, 0.4, 0.5, 0.05]


def request(given: StepRecord, *identifiers: Known, found: bool = True) -> MutationRequest:
    somebody = Somebody(identifiers=identifiers) if found else None
    return MutationRequest(
        input=given, found=Found(profile=somebody), caller="sales app", scopes=frozenset(), as_of=NOW
    )


def test_a_record_is_an_event_about_the_person_that_counts_once_a_day() -> None:
    given = StepRecord(person=ProfileId(7), action=Action.CALL, outcome=Outcome.UNANSWERED, note="voice mail")
    answer = record(request(given, Known(kind="email", value="a@b.c"), Known(kind="user_id", value="u-7")))
    (event,) = answer.events
    assert (event.user_id, event.event, event.message_id) == (
        "u-7",
        "Next Step Recorded",
        "next-step-7-CALL-2026-03-04",
    )
    assert event.properties == {
        "action": "CALL",
        "outcome": "UNANSWERED",
        "by": "sales app",
        "note": "voice mail",
    }


def test_what_cannot_be_recorded_is_said() -> None:
    call = StepRecord(person=ProfileId(7), action=Action.CALL)
    with pytest.raises(NotFound):
        record(request(call, found=False))
    with pytest.raises(BadInput, match="neither a user_id nor an anonymous_id"):
        record(request(call, Known(kind="email", value="a@b.c")))
    long = StepRecord(person=ProfileId(7), action=Action.CALL, note="x" * 501)
    with pytest.raises(BadInput, match="500 characters"):
        record(request(long, Known(kind="user_id", value="u-7")))


def test_news_of_the_crm_become_as_many_events_as_they_tell_of() -> None:
    """Named after the delivery, so that it counts once however often it is sent."""

    def taken(body: bytes) -> list[tuple[str, str, str | None, dict[str, object]]]:
        given = RouteRequest(
            method="POST",
            path={},
            query={},
            headers={},
            body=body,
            delivery="d1",
            scopes=frozenset(),
            as_of=NOW,
        )
        answer = take_news(given)
        assert answer.status == 202
        return [(one.type.value, one.message_id, one.group_id, one.traits) for one in answer.events]

    assert taken(b'{"contact": {"user_id": "u", "lifecycle_stage": "lead"}}') == [
        ("identify", "crm-d1-identify", None, {"lifecycle_stage": "lead"})
    ]
    whole = b'{"contact": {"user_id": "u"}, "company": {"id": "c", "owner": "Olga"}, "event": "Call Held"}'
    assert taken(whole) == [
        ("identify", "crm-d1-identify", None, {}),
        ("group", "crm-d1-group", "c", {"owner": "Olga"}),
        ("track", "crm-d1-track", "c", {}),
    ]
    with pytest.raises(BadInput, match="cannot be read"):
        taken(b'{"contact": "u"}')
