"""The demo's data as tracking calls."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import phonenumbers
import pytest

from cdp.demo import crm, facts, names, shop, usage
from cdp.demo.tables import DATA, moved, shift_to
from cdp.demo.users import Habit, teams


@pytest.fixture(scope="module")
def tables() -> crm.Crm:
    return crm.Crm()


@pytest.fixture(scope="module")
def real(tables: crm.Crm) -> list[dict[str, Any]]:
    return list(facts.items(tables))


@pytest.fixture(scope="module")
def simulated(tables: crm.Crm) -> list[dict[str, Any]]:
    return list(usage.items(tables))


def test_the_answer_that_roles_are_scored_against_is_never_sent(
    tables: crm.Crm, real: list[dict[str, Any]], simulated: list[dict[str, Any]]
) -> None:
    """Neither buyer_role nor role_function, by name or by value, is in any call."""
    withheld = {
        contact.row[column]
        for contact in tables.contacts.values()
        for column in ("buyer_role", "role_function")
    }
    assert len(withheld) == 8

    def texts(value: object) -> Iterator[object]:
        match value:
            case dict():
                for key, part in value.items():
                    yield key
                    yield from texts(part)
            case list():
                for part in value:
                    yield from texts(part)
            case _:
                yield value

    sent = {text for item in [*real, *simulated] for text in texts(item)}
    assert sent & (withheld | {"buyer_role", "role_function"}) == set()


def test_every_dated_fact_of_the_data_is_sent_once(real: list[dict[str, Any]], tables: crm.Crm) -> None:
    """Sessions, touches, sales activities, opportunities and contracts arrive complete, under ids of their own."""
    assert len({item["messageId"] for item in real}) == len(real)
    events = Counter(item.get("event", item["type"]) for item in real)
    assert events["Contract Signed"] == len(tables.deals) == 401
    assert events["Opportunity Created"] == 1_853
    touches = [item for item in real if item["messageId"].startswith("demo:b2b:touch_")]
    activities = [item for item in real if item["messageId"].startswith("demo:b2b:act_")]
    sessions = {
        item["messageId"].split(":")[2] for item in real if item["messageId"].startswith("demo:b2b:sess_")
    }
    assert (len(touches), len(activities), len(sessions)) == (21_933, 24_464, 5_846)


def test_a_contract_carries_its_annual_value_and_renews_a_year_after_the_subscription_began(
    real: list[dict[str, Any]],
) -> None:
    """opp_000015 as the tables have it: 2024-04-09, plan growth."""
    contract = next(item for item in real if item["messageId"] == "demo:b2b:opp_000015:Contract Signed")
    with gzip.open(DATA / "b2b/opportunities.csv.gz", "rt") as file:
        value = next(line for line in file if line.startswith("opp_000015")).split(",")[4]
    assert contract["properties"] == {
        "contract_id": "opp_000015",
        "total": value,
        "currency": "USD",
        "plan": "growth",
        "starts": date(2024, 4, 9),
        "renewal_date": date(2025, 4, 9),
    }


def test_everything_simulated_says_so(simulated: list[dict[str, Any]]) -> None:
    """In its context, and in its properties where it has any of its own."""
    assert simulated
    assert all(item["context"]["simulated"] is True for item in simulated)
    assert all(item["properties"]["simulated"] is True for item in simulated if item["type"] == "track")
    people = [item for item in simulated if item["type"] == "identify"]
    assert people
    assert all(item["traits"]["simulated"] is True for item in people)


def test_nothing_real_claims_to_be_simulated(real: list[dict[str, Any]]) -> None:
    assert "simulated" not in json.dumps(real, default=str)


def test_the_simulation_leaves_every_difference_to_be_found(tables: crm.Crm) -> None:
    """Paid and unused, spreading by invitation, a signer who uses, heavy use with nobody to sell to, a guest."""
    found = teams(tables)
    habits = Counter(team.habit for team in found)
    assert set(habits) == set(Habit)
    assert min(habits.values()) >= 20
    upgraded = [team for team in found if team.upgraded_on is not None]
    assert len(upgraded) >= 20
    assert all(
        user.first_day < team.upgraded_on
        for team in upgraded
        for user in team.users[1:]
        if not user.guest and team.upgraded_on
    )
    hands_on = [team for team in found if team.habit is Habit.HANDS_ON]
    assert all(
        team.deal is not None and team.users[0].user_id == team.deal.signer for team in hands_on if team.users
    )
    assert any(user.guest for team in found for user in team.users)


def test_who_uses_depends_on_no_title(tables: crm.Crm) -> None:
    """The share of each withheld role among simulated users is that among all contacts of subscribed accounts."""
    subscribed = {deal.account_id for deal in tables.deals}
    everyone = [contact for contact in tables.contacts.values() if contact.account_id in subscribed]
    users = {user.user_id for team in teams(tables) if team.deal for user in team.users if not user.guest}
    of_all = Counter(contact.row["buyer_role"] for contact in everyone)
    of_users = Counter(contact.row["buyer_role"] for contact in everyone if contact.user_id in users)
    for role, count in of_all.items():
        share = count / len(everyone)
        assert of_users[role] / of_users.total() == pytest.approx(share, abs=0.05), role


def test_people_have_names_addresses_and_numbers_of_their_own(tables: crm.Crm) -> None:
    """A shared one would make two people one; all of them lie where no real person's can."""
    emails = [contact.email for contact in tables.contacts.values() if contact.email]
    phones = [contact.phone for contact in tables.contacts.values() if contact.phone]
    assert len(set(emails)) == len(emails) == 3_841
    assert len(set(phones)) == len(phones) > 1_000
    assert all(email.endswith(".example") for email in emails)
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(phone)) for phone in phones)
    domains = [tables.company(account_id).domain for account_id in tables.accounts]
    assert len(set(domains)) == len(domains) == 1_500


def test_names_do_not_change() -> None:
    """The README names some of these people."""
    assert names.person(1).name == "Lorna Ahlberg"
    assert names.company(1, "logistics") == names.Company("Heathgarth Logistics", "heathgarth.example")


def test_the_shop_arrives_row_by_row_in_names_of_the_default_catalogue() -> None:
    """31,106 rows and 600 people, nothing invented: no traits but the columns, no totals."""
    items = list(shop.items())
    assert Counter(item["type"] for item in items) == {"track": 27_279, "page": 3_827, "identify": 600}
    assert len({item["messageId"] for item in items}) == len(items)
    order = next(item for item in items if item.get("event") == "Order Completed")
    assert set(order["properties"]) == {"order_id"}


def test_the_data_ends_yesterday_and_distances_stay() -> None:
    """One constant moves every date, dates inside of properties too."""
    shift = shift_to(crm.LAST_DAY, date(2026, 11, 21))
    item = {
        "timestamp": datetime(2024, 4, 28, 9, tzinfo=UTC),
        "properties": {"renewal_date": date(2025, 4, 28), "total": "3"},
    }
    assert moved(item, shift) == {
        "timestamp": "2026-11-20T09:00:00+00:00",
        "properties": {"renewal_date": "2027-11-20", "total": "3"},
    }
    assert shift == timedelta(days=936)


def test_the_last_day_is_the_last_day(real: list[dict[str, Any]], simulated: list[dict[str, Any]]) -> None:
    assert max(item["timestamp"] for item in real).date() == crm.LAST_DAY
    assert max(item["timestamp"] for item in simulated).date() <= crm.LAST_DAY
    assert max(item["timestamp"] for item in shop.items()).date() == shop.LAST_DAY
