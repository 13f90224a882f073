"""Support must not find out about intent, nor sales about usage, whatever they ask, and however often.

All that can be asked is asked before and after something happened that the reader must not learn of; not one answer
may differ. What may differ on purpose stands in cdp.plan.declassified.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from cdp.app import Application
from tests.security.conftest import Side, track
from tests.security.probing import Reader, differences
from tests.security.worlds import INTENT, PEOPLE, USAGE, at, inside, settle, works

__all__ = ["works"]

BOB = 'identifier: { kind: "user_id", value: "bob" }'

NAMES = {
    "Account.alignment",
    "AccountFilter.alignment",
    "AccountFilter.members.some.heldRoles.some.role",
    "Membership.heldRoles",
    "Membership.influence",
    "Membership.roles",
    "RoleClaim.role",
    "HeldRole.role",
}
"""What is declassified: where the names of roles, and what is made of them, may be seen to change."""

REFUSED_DOCUMENTS = (
    """{ profiles(first: 200) { nodes { memberships(first: 200) { nodes { account {
      people(first: 200) { nodes { id } } } } } } } }""",
    "{ profiles(first: 201) { nodes { id } } }",
    "{ profiles(where: { buyerIntent: { score: { gt: 1 } }, usage: { activeDays: { gt: 1 } } }) { totalCount } }",
    "{ profiles(orderBy: [{ field: LAST_SEEN_AT }]) { totalCount } }",
    "{ profiles { nodes { buyerIntent { score } usage { phase } productQualified lastSeenAt } } }",
    '{ profile(identifier: { kind: "user_id", value: "cid" }) { buyerIntent { score } usage { phase } firstSeenAt } }',
    '{ profile(identifier: { kind: "nobody", value: "cid" }) { id } profiles(after: "x") { totalCount } }',
    '{ node(id: "RXZlbnQ6MToxOjE=") { ... on Event { properties } } personalisationReport(slot: "hero") { since } }',
)


@pytest.mark.parametrize(
    ("role", "hidden"), [("SUPPORT", INTENT), ("SALES", USAGE), ("PARTNER", INTENT), ("PARTNER", USAGE)]
)
async def test_nothing_that_can_be_asked_tells_of_a_hidden_panel(
    works: Side, application: Application, role: str, hidden: list[dict[str, Any]]
) -> None:
    # Whoever sees neither panel is given what the others are: enough that fields and orders are tried once more.
    reader, all_seeing = Reader(works, role, counts=role != "PARTNER"), Reader(works, "ADMIN")
    known = await all_seeing.shown()
    before = await reader.answers()
    await works.tell(*hidden)
    await settle(application)
    after = await reader.answers()
    leaks = sorted(differences(before, after))
    assert not leaks, "\n".join(leaks)
    assert len(differences(known, await all_seeing.shown())) > 30, "there was something to be found out"


async def test_a_role_that_begins_tells_its_name_and_nothing_of_when_and_how_sure(
    works: Side, application: Application
) -> None:
    """Bob buys: support learns that there is one more buyer, as it should, and no more than that."""
    reader = Reader(works, "SUPPORT", counts=False)
    before = await reader.answers()
    await works.tell(
        *at(18, [inside("bob", "Order Completed", order_id="o-b", total=70, currency="EUR")]),
        *at(19, [inside("bob", "Quote Requested")]),
    )
    await settle(application)
    assert differences(before, await reader.answers()) <= NAMES
    roles = (
        "memberships { nodes { roles { role source confidence since until } heldRoles { role confidence } } }"
    )
    found = await works.data(f"{{ profile({BOB}) {{ {roles} }} }}", role="SUPPORT")
    (membership,) = [one for one in found["profile"]["memberships"]["nodes"] if len(one["roles"]) > 1]
    nothing = {"confidence": None, "since": None, "until": None}
    assert membership["roles"] == [
        {"role": role, "source": "diptych_roles", **nothing}
        for role in sorted(one["role"] for one in membership["roles"])
    ]
    assert {"role": "ECONOMIC_BUYER", "confidence": None} in membership["heldRoles"]
    all_of_it = await works.data(f"{{ profile({BOB}) {{ {roles} }} }}", role="MARKETING")
    assert "2026-11-18" in json.dumps(all_of_it), "whoever sees both panels sees since when"


async def test_what_somebody_asserted_is_told_with_its_dates(works: Side) -> None:
    """It is a person's word, and no inference from what anybody did."""
    ids = await works.data(f'{{ profile({BOB}) {{ id }} account(domain: "works.example") {{ id }} }}')
    assertion = """mutation ($person: ID!, $account: ID!) {
      roleAssert(input: { person: $person, account: $account, role: "CHAMPION" }) { userErrors { message } } }"""
    said = await works.data(assertion, person=ids["profile"]["id"], account=ids["account"]["id"])
    assert said == {"roleAssert": {"userErrors": []}}
    document = f"{{ profile({BOB}) {{ memberships {{ nodes {{ roles {{ role confidence since }} }} }} }} }}"
    roles = [
        role
        for one in (await works.data(document, role="SUPPORT"))["profile"]["memberships"]["nodes"]
        for role in one["roles"]
        if role["role"] == "CHAMPION"
    ]
    assert [(role["confidence"], role["since"]) for role in roles] == [(1.0, "2026-11-20T12:00:00.000000Z")]


async def test_why_somebody_holds_a_role_is_told_to_those_who_see_both_panels(
    works: Side, application: Application
) -> None:
    ids = await works.data(f'{{ profile({BOB}) {{ id }} account(domain: "works.example") {{ id }} }}')
    given = {"person": ids["profile"]["id"], "account": ids["account"]["id"]}
    document = """query ($person: ID!, $account: ID, $asOf: DateTime) {
      roleExplain(person: $person, account: $account, asOf: $asOf) { roles {
        role held confidence decision explanation
        claims { source confidence since until revisions { confidence replacedAt } } } } }"""
    before = await works.data(document, role="SALES", **given)
    assert {one["role"] for one in before["roleExplain"]["roles"]} == {"END_USER", "INFLUENCER"}
    for one in before["roleExplain"]["roles"]:
        assert (one["confidence"], one["explanation"], one["claims"]) == (None, "Plugins claim it.", [])
    known = await works.data(document, role="MARKETING", **given)
    await works.tell(*USAGE)
    await settle(application)
    assert await works.data(document, role="SALES", **given) == before
    assert await works.data(document, role="MARKETING", **given) != known
    # When a role began could be found by asking of one moment after the other.
    answer = await works.ask(document, role="SALES", asOf="2026-11-12T00:00:00Z", **given)
    assert (answer["data"], answer["errors"][0]["extensions"]["code"]) == ({"roleExplain": None}, "FORBIDDEN")


async def test_how_two_identifiers_met_is_told_without_the_message_that_said_so(ours: Side) -> None:
    """It may be of a hidden panel, and its id is whatever its sender made it."""
    await ours.tell(track("ann", "Pricing Viewed", anonymousId="visitor", messageId="pricing-of-ann"))
    document = """{ identityExplain(a: { kind: "user_id", value: "ann" }, b: { kind: "anonymous_id", value: "visitor" })
      { chain { evidence } } }"""
    for role, message in (("SUPPORT", {}), ("SALES", {}), ("ADMIN", {"messageId": "pricing-of-ann"})):
        found = await ours.data(document, role=role)
        assert found["identityExplain"]["chain"] == [
            {"evidence": {"type": "track", "source": "tracking", **message}}
        ]


async def test_a_cursor_that_somebody_made_up_bisects_nothing(works: Side) -> None:
    """A cursor says between which rows a page begins; forged ones of a hidden order would be a filter by it."""
    listed = (
        "query ($order: [ProfileOrder!], $after: String) { profiles(orderBy: $order, after: $after) { %s } }"
    )
    everything = listed % "pageInfo { endCursor }"
    counted = listed % "nodes { id }"
    cursors = [
        (await works.data(everything, role="ADMIN", order=order))["profiles"]["pageInfo"]["endCursor"]
        for order in (
            [],
            [{"field": "INTENT_SCORE"}],
            [{"field": "LAST_SEEN_AT"}],
            [{"field": "LAST_USED_AT"}],
        )
    ]
    for cursor in cursors:
        for order in ([], [{"field": "CREATED_AT"}]):
            assert await works.codes(counted, role="PARTNER", order=order, after=cursor) == ["BAD_USER_INPUT"]
            assert await works.codes(counted, role="PARTNER", order=order, after=forged(cursor)) == [
                "BAD_USER_INPUT"
            ]
    for field in ("INTENT_SCORE", "LAST_SEEN_AT", "LAST_USED_AT"):
        for cursor in (None, *cursors):
            answer = await works.ask(counted, role="PARTNER", order=[{"field": field}], after=cursor)
            assert answer["data"] is None
            assert [one["extensions"]["code"] for one in answer["errors"]] == ["FORBIDDEN"]


def forged(cursor: str) -> str:
    """The same with another value of the sort key."""
    named, *values = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    changed = json.dumps([named, 0, *values[1:]]).encode()
    return base64.urlsafe_b64encode(changed).decode().rstrip("=")


async def test_own_cursors_hold_nothing_that_is_hidden(works: Side) -> None:
    """They are read by whoever decodes them."""
    for role in ("SUPPORT", "SALES", "PARTNER"):
        found = await works.data("{ profiles { edges { cursor node { id } } } }", role=role)
        for edge in found["profiles"]["edges"]:
            named, *values = json.loads(base64.urlsafe_b64decode(edge["cursor"] + "=="))
            assert isinstance(named, str)
            assert f"Profile:{values[0]}" == base64.b64decode(edge["node"]["id"]).decode()
            assert len(values) == 1


@pytest.mark.parametrize(("role", "hidden"), [("SUPPORT", INTENT), ("SALES", USAGE)])
async def test_what_a_question_costs_and_how_it_is_refused_does_not_depend_on_data(
    works: Side, application: Application, role: str, hidden: list[dict[str, Any]]
) -> None:
    before = [await works.ask(document, role=role) for document in REFUSED_DOCUMENTS]
    assert {one["extensions"]["code"] for answer in before for one in answer["errors"]} == {
        *("COMPLEXITY", "FORBIDDEN", "BAD_USER_INPUT")
    }
    await works.tell(*hidden)
    await settle(application)
    assert [await works.ask(document, role=role) for document in REFUSED_DOCUMENTS] == before


@pytest.mark.parametrize(("role", "hidden"), [("SUPPORT", INTENT), ("SALES", USAGE)])
async def test_what_somebody_is_shown_tells_nothing_of_a_hidden_panel(
    works: Side, application: Application, role: str, hidden: list[dict[str, Any]]
) -> None:
    """Not the choice, nor that there is one, nor among how many, nor that a cap is used up."""
    audiences = {
        "intent": "{ buyerIntent: { score: { gt: 20 } } }",
        "usage": "{ usage: { activeDays: { gt: 1 } } }",
        "lately": '{ lastSeenAt: { gt: "2026-11-15T00:00:00Z" } }',
        "sure": "{ memberships: { some: { roles: { some: { confidence: { gt: 0.9 } } } } } }",
        "influential": "{ memberships: { some: { influence: { gt: 0.4 } } } }",
        "neither": "{ not: { or: [{ buyerIntent: { score: { gt: 20 } } }, { usage: { activeDays: { gt: 1 } } }] } }",
    }
    variants = " ".join(
        f'{name}: personalisationVariantSet(input: {{ slot: "hero", name: "{name}", content: {{}}, audience: {text} }})'
        " { userErrors { message } }"
        for name, text in audiences.items()
    )
    capped = """capped: personalisationVariantSet(input: { slot: "hero", name: "capped", content: {},
      cap: { times: 1, within: "P7D" } }) { userErrors { message } }"""
    await works.data(
        'mutation { personalisationSlotDefine(input: { name: "hero" }) { userErrors { message } }'
        f" {variants} {capped} }}"
    )
    document = """{ profiles(orderBy: [{ field: CREATED_AT }]) { nodes { personalisation(slot: "hero") {
      variant reason outcome lens accountId tracking explanation { candidates { variant standing reason } } } } }
      personalisationSlots { name variants { name } } }"""
    before = await works.data(document, role=role)
    known = await works.data(document, role="ADMIN")
    shown = {"slot": "hero", "variant": "capped"}
    await works.tell(
        *hidden, *at(19, [track(who, "Personalisation Shown", properties=shown) for who in PEOPLE])
    )
    await settle(application)
    assert await works.data(document, role=role) == before
    assert await works.data(document, role="ADMIN") != known
