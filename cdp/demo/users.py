"""Who uses the product in which `b2b` account: simulated, because the data ends where the product begins.

All of it is drawn from the ids of accounts and people alone, never from a title or a role: nothing in it may help or
hinder role resolution, which is scored on the same people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import count
from typing import Any

from cdp.demo import names
from cdp.demo.crm import LAST_DAY, Contact, Crm, Deal
from cdp.demo.tables import draw


class Habit(StrEnum):
    """What an account makes of the product: the differences that the demo leaves to be found."""

    SHELF = "shelf"
    """Paid and hardly used."""
    SPREADING = "spreading"
    """One end user invites colleagues, and then the account upgrades."""
    HANDS_ON = "hands_on"
    """Whoever signed the contract uses the product too."""
    STEADY = "steady"
    TRIAL = "trial"
    """Heavy use in a trial, and nobody in sight who would buy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """Somebody who uses the product in an account."""

    user_id: str
    email: str | None
    first_day: date
    last_day: date = LAST_DAY
    rate: float
    """Probability of use on a working day."""
    traits: dict[str, Any] | None = None
    """Of a colleague whom the product alone knows; None: the CRM knows them."""
    guest: bool = False
    """Works in this account without being a member of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Team:
    """An account that has the product, and its users."""

    account_id: str
    habit: Habit
    start: date
    deal: Deal | None
    """The first contract; None in a trial."""
    users: tuple[User, ...]
    """The first of them sets the product up and, where somebody does, invites the others."""
    upgraded_on: date | None = None


def teams(crm: Crm) -> list[Team]:
    """Every account that has the product."""
    deals: dict[str, Deal] = {}
    for deal in sorted(crm.deals, key=lambda deal: deal.start):
        deals.setdefault(deal.account_id, deal)
    courted = {lead["account_id"] for lead in crm.leads.values()}
    numbers = count(len(crm.contacts) + 1)
    guests = [contact for contact in crm.contacts.values() if _may_be_guest(crm, contact, deals, courted)]
    found = []
    for account_id in sorted(crm.accounts):
        if account_id in deals:
            found.append(_customer(crm, deals[account_id], numbers, guests))
        elif (
            account_id not in courted
            and len(crm.colleagues[account_id]) >= 2
            and draw("trial", account_id) < 0.16
        ):
            found.append(_trial(crm, account_id, numbers))
    return found


def _may_be_guest(crm: Crm, contact: Contact, deals: dict[str, Deal], courted: set[str]) -> bool:
    """Advisers work in the accounts of their clients: people of service companies that have no part in the sale."""
    outside = contact.account_id not in deals and contact.account_id not in courted
    return outside and crm.accounts[contact.account_id]["industry"] == "professional_services"


def _customer(crm: Crm, deal: Deal, numbers: count[int], guests: list[Contact]) -> Team:
    account_id = deal.account_id
    habit = _habit(draw("habit", account_id))
    signers = {other.signer for other in crm.deals if other.account_id == account_id}
    others = [contact for contact in crm.colleagues[account_id] if contact.user_id not in signers]
    start = deal.start + timedelta(days=1)

    def known(contact: Contact, low: float, high: float, wait: int = 0) -> User:
        rate = low + draw("rate", contact.user_id) * (high - low)
        return _known(contact, start + timedelta(days=wait), rate)

    def new(low: float, high: float, wait: int) -> User:
        running = next(numbers)
        rate = low + draw("rate", account_id, running) * (high - low)
        return _new(crm, account_id, running, start + timedelta(days=wait), rate)

    upgraded_on = None
    users: list[User]
    match habit:
        case Habit.SHELF:
            users = [known(others[0], 0.5, 0.9) if others else new(0.5, 0.9, 0)]
            users = [replace(user, last_day=min(start + timedelta(days=4), LAST_DAY)) for user in users]
        case Habit.SPREADING:
            users = [known(others[0], 0.75, 0.9) if others else new(0.75, 0.9, 0)]
            waits = [4 + 3 * guest for guest in range(3 + int(draw("invited", account_id) * 3))]
            users += [new(0.3, 0.6, wait) for wait in waits]
            upgraded_on = start + timedelta(days=waits[-1] + 3)
        case Habit.HANDS_ON:
            users = [known(crm.contacts[deal.signer], 0.6, 0.85)]
            users += [known(contact, 0.2, 0.5, 2) for contact in others[:1]] + [new(0.2, 0.5, 3)]
        case Habit.STEADY | Habit.TRIAL:
            users = [known(contact, 0.25, 0.6) for contact in others[:2]]
            users += [new(0.2, 0.55, 1 + wait) for wait in range(1 + int(draw("colleagues", account_id) * 3))]
    if guests and draw("guest", account_id) < 0.07:
        adviser = guests[int(draw("adviser", account_id) * len(guests))]
        users.append(_known(adviser, start + timedelta(days=5), 0.3, guest=True))
    users = [user for user in users if user.first_day <= LAST_DAY]
    if upgraded_on is not None and upgraded_on > LAST_DAY:
        upgraded_on = None
    return Team(
        account_id=account_id,
        habit=habit,
        start=start,
        deal=deal,
        users=tuple(users),
        upgraded_on=upgraded_on,
    )


def _trial(crm: Crm, account_id: str, numbers: count[int]) -> Team:
    start = LAST_DAY - timedelta(days=16 + int(draw("trial start", account_id) * 14))
    users = [
        _known(contact, start, 0.7 + 0.25 * draw("rate", contact.user_id))
        for contact in crm.colleagues[account_id]
    ]
    users += [
        _new(crm, account_id, next(numbers), start + timedelta(days=2 + wait), 0.6)
        for wait in range(1 + int(draw("colleagues", account_id) * 3))
    ]
    return Team(account_id=account_id, habit=Habit.TRIAL, start=start, deal=None, users=tuple(users))


def _habit(chance: float) -> Habit:
    """A customer's habit: 22 % shelf, 18 % spreading, 16 % hands on, the rest steady."""
    for habit, share in ((Habit.SHELF, 0.22), (Habit.SPREADING, 0.40), (Habit.HANDS_ON, 0.56)):
        if chance < share:
            return habit
    return Habit.STEADY


def _known(contact: Contact, first_day: date, rate: float, *, guest: bool = False) -> User:
    return User(user_id=contact.user_id, email=contact.email, first_day=first_day, rate=rate, guest=guest)


def _new(crm: Crm, account_id: str, running: int, first_day: date, rate: float) -> User:
    """A colleague whom the CRM does not know: most people who use a product never met its seller."""
    person, company = names.person(running), crm.company(account_id)
    email = person.email(company.domain)
    made_up = {"name": person.name, "firstName": person.first, "lastName": person.last, "email": email}
    return User(
        user_id=f"usr_{running:06d}",
        email=email,
        first_day=first_day,
        rate=rate,
        traits={**made_up, "derived": sorted(made_up), "simulated": True},
    )
