"""Who is in which account, and which facts count there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any


def shape(memberships: dict[int, dict[str, Any]]) -> dict[int, tuple[bool, list[int], list[str]]]:
    return {number: (row["own"], row["scope"], row["sources"]) for number, row in memberships.items()}


async def test_who_is_in_no_account_is_with_themselves(traffic: Any) -> None:
    await traffic.person(1, 10)
    await traffic.tell((traffic.event("Pricing Viewed"), 10))
    memberships = await traffic.memberships(1)
    assert shape(memberships) == {0: (True, [0], [])}
    assert memberships[0]["intent_rank"] == (await traffic.profile(1))["intent_rank"] > 0


async def test_unscoped_facts_count_at_home_until_a_second_membership_comes(traffic: Any) -> None:
    """And again from the day on which one of the two ends; the ended one keeps its row."""
    await traffic.person(1, 10, 11)
    await traffic.account(1)
    await traffic.account(2)
    await traffic.member(10, 1)
    await traffic.tell(
        (traffic.event("Signed In", days=4), 10),
        (traffic.event("Feature Used", {"feature": "dash"}, days=3), 10, 1),
        (traffic.event("Feature Used", {"feature": "export"}, days=2), 11, 2),
    )
    only = await traffic.memberships(1)
    assert shape(only) == {1: (True, [1, 0], ["group"]), 2: (False, [2], [])}
    assert [len(only[number]["used_days"]) for number in (1, 2)] == [2, 1]

    await traffic.member(11, 2)
    await traffic.refresh([10])
    two = await traffic.memberships(1)
    assert shape(two) == {0: (True, [0], []), 1: (True, [1], ["group"]), 2: (True, [2], ["group"])}
    assert [row["used_days"] for _, row in sorted(two.items())] == [
        [date(2026, 11, 16)],
        [date(2026, 11, 17)],
        [date(2026, 11, 18)],
    ]

    until = datetime(2026, 11, 1, tzinfo=UTC)
    await traffic.member(10, 2, "human", since=None, until=until)
    await traffic.refresh([10])
    ended = await traffic.memberships(1)
    assert shape(ended) == {1: (True, [1, 0], ["group"]), 2: (True, [2], ["group", "human"])}
    assert (ended[1]["until"], ended[2]["until"]) == (None, until)
    assert [len(ended[number]["used_days"]) for number in (1, 2)] == [2, 1]

    await traffic.execute("DELETE FROM membership_evidence WHERE workspace_id = $1 AND account_id = 2")
    await traffic.refresh([10])
    assert await traffic.memberships(1) == only


async def test_who_left_their_only_account_keeps_unscoped_facts_with_themselves(traffic: Any) -> None:
    await traffic.person(1, 10)
    await traffic.account(1)
    await traffic.member(10, 1, until=datetime(2026, 11, 1, tzinfo=UTC))
    await traffic.refresh([10])
    assert shape(await traffic.memberships(1)) == {1: (True, [1], ["group"])}
    await traffic.tell((traffic.event("Signed In"), 10))
    assert shape(await traffic.memberships(1)) == {0: (True, [0], []), 1: (True, [1], ["group"])}


async def test_a_person_who_states_a_membership_outranks_what_is_inferred_about_it(
    traffic: Any, now: datetime
) -> None:
    """Since and until are the human's; without a since of theirs the earliest evidence tells."""
    await traffic.person(1, 10, 11)
    for account in (1, 2, 3):
        await traffic.account(account)
    early, late = now - timedelta(days=300), now - timedelta(days=3)
    await traffic.member(10, 1, "group", since=late)
    await traffic.member(11, 1, "group", since=early)
    await traffic.member(10, 2, "group", since=early, until=late)
    await traffic.member(10, 2, "human", since=late)
    await traffic.member(10, 3, "group", since=early)
    await traffic.member(10, 3, "human", since=None, until=late)
    await traffic.refresh([10])
    dates = {number: (row["since"], row["until"]) for number, row in (await traffic.memberships(1)).items()}
    assert dates == {1: (early, None), 2: (late, None), 3: (early, late)}


async def test_what_an_email_domain_suggests_gives_way_to_what_is_explicit(traffic: Any) -> None:
    """A household is no reason against the employer; an organisation that somebody named is, until it ends."""
    await traffic.person(1, 10)
    await traffic.account(1)
    await traffic.account(2)
    await traffic.account(3, "HOUSEHOLD")
    await traffic.member(10, 1, "email_domain", since=None)
    await traffic.member(10, 3)
    await traffic.refresh([10])
    assert set(await traffic.memberships(1)) == {1, 3}
    await traffic.member(10, 2)
    await traffic.refresh([10])
    assert set(await traffic.memberships(1)) == {2, 3}
    await traffic.tell((traffic.event("Signed In"), 10, 1))
    assert (await traffic.memberships(1))[1]["own"] is False
    await traffic.execute(
        "UPDATE membership_evidence SET until = now() WHERE workspace_id = $1 AND account_id = 2"
    )
    await traffic.refresh([10])
    assert shape(await traffic.memberships(1))[1] == (True, [1], ["email_domain"])


async def test_influence_is_within_the_account(traffic: Any) -> None:
    await traffic.person(1, 10)
    await traffic.account(1)
    await traffic.account(2)
    await traffic.member(10, 1)
    await traffic.member(10, 2)
    await traffic.tell((traffic.event("Invite Sent", days=0.5), 10, 1), (traffic.event("Signed In"), 10, 2))
    ranks = {number: row["influence_rank"] for number, row in (await traffic.memberships(1)).items()}
    assert ranks == {1: 3.0, 2: 0.0}
