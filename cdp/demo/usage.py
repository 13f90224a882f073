"""What the simulated users do in the product, as tracking items; every one says `simulated`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from cdp.demo.catalogue import B2B_FEATURES, ONBOARDING_STEPS
from cdp.demo.crm import LAST_DAY, Crm
from cdp.demo.facts import item
from cdp.demo.tables import Item, at, draw
from cdp.demo.users import Habit, Team, User, teams

_SEATS = {"starter": 5, "growth": 15, "enterprise": 40}
"""Seats of a plan: the data knows plans, not seats."""


def items(crm: Crm) -> Iterator[Item]:
    """Everything that happens in the product, in no particular order."""
    for team in teams(crm):
        yield from _account(team)
        for place, user in enumerate(team.users):
            yield from _arrival(team, user, place)
            yield from _days(team, user, place)
            yield from _voice(team, user, place)
        if team.habit is Habit.SPREADING:
            yield from _spreading(team)


def _fact(team: Team, user_id: str, key: str, moment: datetime, event: str, **properties: Any) -> Item:
    return item(
        "track",
        f"simulated:{team.account_id}:{user_id}:{key}",
        moment,
        userId=user_id,
        event=event,
        properties={**properties, "simulated": True},
        context={"groupId": team.account_id, "simulated": True},
    )


def _account(team: Team) -> Iterator[Item]:
    """Seats come with the contract, or with the trial."""
    first = team.users[0] if team.users else None
    if team.deal is not None:
        moment = at(team.deal.start, team.account_id, "seats", hours=(19, 20))
        yield _group(
            team, team.deal.signer, "seats", moment, {"seats": _SEATS[team.deal.plan], "plan": team.deal.plan}
        )
    elif first is not None:
        moment = at(team.start, team.account_id, "trial", hours=(7, 7.5))
        yield _group(team, first.user_id, "seats", moment, {"seats": len(team.users), "plan": "trial"})
        yield _fact(
            team, first.user_id, "trial", moment + timedelta(minutes=1), "Trial Started", plan="trial"
        )


def _group(team: Team, user_id: str, key: str, moment: datetime, traits: dict[str, Any]) -> Item:
    return item(
        "group",
        f"simulated:{team.account_id}:{user_id}:{key}",
        moment,
        userId=user_id,
        groupId=team.account_id,
        traits=traits,
        context={"simulated": True},
    )


def _arrival(team: Team, user: User, place: int) -> Iterator[Item]:
    """Colleagues whom the CRM does not know sign up; in a spreading account they were invited by the first user."""
    moment = at(user.first_day, user.user_id, team.account_id, "arrival", hours=(7, 8))
    if user.traits is not None:
        key = f"simulated:{team.account_id}:{user.user_id}"
        context = {"simulated": True}
        yield item(
            "identify", f"{key}:person", moment, userId=user.user_id, traits=user.traits, context=context
        )
        yield _group(team, user.user_id, "company", moment, {})
    if place > 0 and not user.guest:
        inviter = team.users[0].user_id
        before = moment - timedelta(hours=18)
        event = "Invite Sent" if team.habit is Habit.SPREADING else "Account Added User"
        yield _fact(
            team, inviter, f"invite:{user.user_id}", before, event, invited=user.email or user.user_id
        )


def _days(team: Team, user: User, place: int) -> Iterator[Item]:
    """Working days with a sign-in and the use of some features; the first ones carry the onboarding."""
    repertoire = _repertoire(user)
    steps = [] if user.guest else list(ONBOARDING_STEPS[: 4 if place == 0 else 2])
    if team.habit is Habit.SHELF:
        steps = steps[:1]
    day, active = user.first_day, 0
    while day <= user.last_day:
        uses = day.weekday() < 5 and draw("uses", team.account_id, user.user_id, day) < user.rate
        if uses or day == user.first_day:
            moment = at(day, team.account_id, user.user_id, hours=(8, 15))
            yield _fact(team, user.user_id, f"{day}:signed-in", moment, "Signed In")
            if steps:
                step = steps.pop(0)
                moment += timedelta(minutes=4)
                yield _fact(
                    team, user.user_id, f"step:{step}", moment, "Onboarding Step Completed", step=step
                )
            known = repertoire[: 1 + active // 2]
            for feature in known:
                if team.habit is not Habit.SHELF and draw("feature", user.user_id, day, feature) < 0.6:
                    moment += timedelta(minutes=9)
                    yield _fact(
                        team, user.user_id, f"{day}:{feature}", moment, "Feature Used", feature=feature
                    )
            active += 1
        day += timedelta(days=1)


def _repertoire(user: User) -> list[str]:
    """The features that this person takes up, in the order of doing so: two to six of the eight."""
    features = sorted(B2B_FEATURES, key=lambda feature: draw("repertoire", user.user_id, feature.key))
    return [feature.key for feature in features[: 2 + int(draw("breadth", user.user_id) * 5)]]


def _voice(team: Team, user: User, place: int) -> Iterator[Item]:
    """Trainings, tickets and ratings: contented where use is steady, not so where it has stopped."""

    def fact(key: str, days: int, event: str, **properties: Any) -> Iterator[Item]:
        day = user.first_day + timedelta(days=days)
        if day <= LAST_DAY:
            moment = at(day, team.account_id, user.user_id, key, hours=(15.5, 17.5))
            yield _fact(team, user.user_id, key, moment, event, **properties)

    chance = draw("voice", team.account_id, user.user_id)
    if chance < 0.35:
        yield from fact("training", 2, "Training Started", course="essentials")
    if chance < 0.25:
        yield from fact("trained", 6, "Training Completed", course="essentials")
    unhappy = team.habit is Habit.SHELF
    if unhappy or 0.3 < chance < 0.55:
        ticket = f"{team.account_id}-{place + 1}"
        yield from fact("ticket", 3, "Support Ticket Opened", ticket_id=ticket, topic="import of suppliers")
        if not unhappy:
            yield from fact("solved", 5, "Support Ticket Closed", ticket_id=ticket)
    if chance > 0.6:
        score = int(2 + chance * 4) if unhappy else int(4 + chance * 7)
        yield from fact("rating", 14, "Feedback Submitted", nps=min(score, 10))


def _spreading(team: Team) -> Iterator[Item]:
    """The inviter recommends in public; then whoever signed takes the larger plan."""
    assert team.deal is not None
    if team.upgraded_on is None:
        return
    inviter = team.users[0].user_id
    shared = at(team.upgraded_on - timedelta(days=2), team.account_id, "shared")
    yield _fact(team, inviter, "shared", shared, "Product Shared", channel="internal chat")
    yield _fact(team, inviter, "review", shared + timedelta(hours=1), "Review Submitted", rating=5)
    moment = at(team.upgraded_on, team.account_id, "upgrade")
    larger = {"starter": "growth"}.get(team.deal.plan, "enterprise")
    yield _fact(team, team.deal.signer, "upgrade", moment, "Subscription Upgraded", plan=larger)
    yield _group(team, team.deal.signer, "upgraded", moment, {"seats": _SEATS[larger] + 10, "plan": larger})
