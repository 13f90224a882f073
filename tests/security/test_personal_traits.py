"""What a workspace declares of its traits decides who sees them, wherever they turn up.

Names and identifiers are masked for who may not read personal data.
"""

from __future__ import annotations

import base64
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from cdp.app import Application
from tests.security.conftest import NOW, Side, track

GUIDE = Path(__file__).parents[2] / "docs" / "personal-data.md"

SET = """mutation ($input: TraitClassSetInput!) { traitClassSet(input: $input) {
  trait { key class declared changedBy } userErrors { code field message } } }"""
REMOVE = """mutation ($input: TraitClassRemoveInput!) { traitClassRemove(input: $input) {
  removed userErrors { code field } } }"""
TRAITS = '{ profile(identifier: { kind: "user_id", value: "ann" }) { traits } }'
FILTER = "query ($t: [TraitFilter!]) { profiles(where: { traits: $t }) { totalCount } }"
SORT = """query ($of: String!) { profiles(orderBy: [{ field: TRAIT_NUMBER, of: $of }]) {
  nodes { id } edges { cursor } } }"""

SEEN_BY = {"INTENT": {"ADMIN", "SALES", "MARKETING"}, "USAGE": {"ADMIN", "SUPPORT", "MARKETING"}}
SEEN_BY |= {"PERSONAL": {"ADMIN", "SALES", "SUPPORT"}}
SEEN_BY |= {"OPEN": {"ADMIN", "SALES", "SUPPORT", "MARKETING", "PARTNER"}}
READERS = sorted(SEEN_BY["OPEN"])


async def declare(side: Side, key: str, class_: str, of: str = "PROFILE") -> None:
    data = await side.data(SET, input={"of": of, "key": key, "class": class_})
    assert data["traitClassSet"]["userErrors"] == []


@pytest.fixture
async def ann(ours: Side) -> Side:
    traits = {"Lead Score": 73, "tier": "gold"}
    await ours.tell(
        {"type": "identify", "userId": "ann", "traits": traits},
        track("ann", "Report Opened", context={"traits": traits, "locale": "nb"}, properties={"size": 4}),
        {"type": "group", "userId": "ann", "groupId": "g", "traits": {"name": "Works", **traits}},
    )
    return ours


async def test_a_trait_is_seen_only_with_the_label_of_its_class(ann: Side) -> None:
    """However its key is spelled: by reading, by filtering and by sorting, by orders' cursors too."""
    for class_, role in product(SEEN_BY, READERS):
        await declare(ann, "lead_score", class_)
        sees = role in SEEN_BY[class_]
        traits = (await ann.data(TRAITS, role=role))["profile"]["traits"]
        assert ("Lead Score" in traits, traits["tier"]) == (sees, "gold"), role
        for trait in ({"eq": 73}, {"gt": 10}, {"in": [1, 73]}, {"exists": True}):
            answer = await ann.ask(FILTER, role=role, t=[{"path": "Lead Score", **trait}])
            if sees:
                assert answer["data"]["profiles"]["totalCount"] == 1
            else:
                assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
        answer = await ann.ask(SORT, role=role, of="Lead Score")
        if sees:
            cursor = answer["data"]["profiles"]["edges"][0]["cursor"] + "=="
            assert b"73" in base64.urlsafe_b64decode(cursor)
        else:
            assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
        assert (await ann.data(FILTER, role=role, t=[{"path": "tier", "eq": "gold"}]))["profiles"] == {
            "totalCount": 1
        }


async def test_a_class_holds_for_everything_that_holds_the_trait(ann: Side, application: Application) -> None:
    """Events that brought it, what was sent along with others, what a provider says, and accounts."""
    async with application.database.connection(ann.workspace_id) as connection:
        await connection.execute(
            "INSERT INTO enrichment (workspace_id, node_id, provider, key, value, confidence, fetched_at)"
            " SELECT workspace_id, node_id, 'p', 'lead-score', '73', 1, $2 FROM node WHERE workspace_id = $1",
            *(ann.workspace_id, NOW),
        )
        await connection.execute(
            "INSERT INTO account_enrichment (workspace_id, account_id, provider, key, value, confidence, currency,"
            " fetched_at) SELECT workspace_id, account_id, 'p', 'lead-score', '73', 1, 'EUR', $2 FROM account"
            " WHERE workspace_id = $1",
            *(ann.workspace_id, NOW),
        )
    document = """{ profiles { nodes { traits timeline { nodes { name properties context } } enrichment { key value }
      memberships { nodes { account { traits enrichment { key value } } } } } } }"""
    for class_, unseen_by in (("INTENT", "SUPPORT"), ("USAGE", "SALES")):
        for of in ("PROFILE", "ACCOUNT"):
            await declare(ann, "leadScore", class_, of)
        assert str(await ann.data(document)).count("73") == 7
        told = str(await ann.data(document, role=unseen_by))
        assert ("73" in told, "gold" in told, "lead-score" in told) == (False, True, True)


async def test_an_audience_over_a_trait_is_for_those_who_see_it(ann: Side) -> None:
    await ann.data(
        """mutation { personalisationSlotDefine(input: { name: "hero" }) { userErrors { message } }
          personalisationVariantSet(input: { slot: "hero", name: "ours", content: {},
            audience: { traits: [{ path: "Lead Score", gt: 50 }] } }) { userErrors { message } } }"""
    )
    await ann.data(
        """mutation { personalisationVariantSet(input: { slot: "hero", name: "theirs", content: {}, audience: {
            memberships: { some: { account: { traits: [{ path: "owner", eq: "bob@example.com" }] } } } } })
          { userErrors { message } } }"""
    )
    slots = "{ personalisationSlots { variants { name audience } } }"
    for class_, role, known in (
        ("OPEN", "MARKETING", {"ours"}),
        ("PERSONAL", "MARKETING", set()),
        ("PERSONAL", "SALES", {"ours", "theirs"}),
        ("INTENT", "SUPPORT", {"theirs"}),
    ):
        await declare(ann, "leadScore", class_)
        (slot,) = (await ann.data(slots, role=role))["personalisationSlots"]
        assert {one["name"] for one in slot["variants"]} == known, (class_, role)
    document = """{ profile(identifier: { kind: "user_id", value: "ann" }) {
      personalisation(slot: "hero") { variant explanation { candidates { variant } } } } }"""
    shown = {}
    for role in ("SALES", "SUPPORT"):
        found = (await ann.data(document, role=role))["profile"]["personalisation"]
        shown[role] = (found["variant"], found["explanation"]["candidates"])
    theirs = {"variant": "theirs"}
    assert shown == {"SALES": ("ours", [{"variant": "ours"}, theirs]), "SUPPORT": ("fallback", [theirs])}


async def test_what_is_declared_outranks_what_names_and_values_tell(ours: Side) -> None:
    traits = {
        "job title": "CFO",
        "title": "Dr",
        "plan": "pro",
        "support mail": "help@works.example",
        "note": "a@b.test",
    }
    await ours.tell({"type": "identify", "userId": "ann", "traits": traits})
    await declare(ours, "Title", "OPEN")
    await declare(ours, "supportMail", "OPEN")
    await declare(ours, "plan", "PERSONAL")
    seen = (await ours.data(TRAITS, role="MARKETING"))["profile"]["traits"]
    assert seen == {"job title": "CFO", "title": "Dr", "support mail": "help@works.example"}
    # A value that looks like an address is found by who sees it, and by nobody else.
    for path, found in (("support mail", 1), ("note", 0)):
        data = await ours.data(FILTER, role="MARKETING", t=[{"path": path, "eq": traits[path]}])
        assert data["profiles"]["totalCount"] == found
    data = await ours.data(REMOVE, input={"of": "PROFILE", "key": "TITLE"})
    assert data["traitClassRemove"] == {"removed": "OPEN", "userErrors": []}
    assert "title" not in (await ours.data(TRAITS, role="MARKETING"))["profile"]["traits"]


async def test_properties_of_events_are_personal_until_they_are_declared(ours: Side) -> None:
    properties = {"product": "Desk", "seats": 4, "comment": "call Ann"}
    await ours.tell(track("ann", "Report Opened", properties=properties, context={"ip": "10.0.0.1"}))
    for key, class_ in (("product", "OPEN"), ("seats", "USAGE")):
        await declare(ours, key, class_, "EVENT")
    document = "{ profiles { nodes { timeline { nodes { properties context } } } } }"
    shown = {}
    for role in ("ADMIN", "SALES", "SUPPORT", "MARKETING", "PARTNER"):
        (person,) = (await ours.ask(document, role=role))["data"]["profiles"]["nodes"]
        (event,) = person["timeline"]["nodes"]
        shown[role] = (set(event["properties"]), event["context"] is not None)
    assert shown == {
        "ADMIN": ({"product", "seats", "comment"}, True),
        "SALES": ({"product", "comment"}, True),
        "SUPPORT": ({"product", "seats", "comment"}, True),
        "MARKETING": ({"product", "seats"}, False),
        "PARTNER": ({"product"}, False),
    }


async def test_the_example_of_the_guide_declares_a_class(ann: Side) -> None:
    (example,) = re.findall(r"```graphql\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert (await ann.data(example))["traitClassSet"] == {
        "trait": {"key": "leadScore", "class": "INTENT", "declared": True},
        "userErrors": [],
    }
    assert "Lead Score" not in (await ann.data(TRAITS, role="SUPPORT"))["profile"]["traits"]


async def test_administrators_see_what_every_trait_is_taken_for(ann: Side) -> None:
    await ann.tell({"type": "identify", "userId": "ann", "traits": {"homePhone": "1"}})
    await declare(ann, "Lead-Score", "INTENT")
    document = "query ($of: TraitOf!) { traitClasses(of: $of) { key class declared changedBy } }"
    assert (await ann.data(document, of="PROFILE"))["traitClasses"] == [
        {"key": "Lead-Score", "class": "INTENT", "declared": True, "changedBy": "admin"},
        {"key": "homePhone", "class": "PERSONAL", "declared": False, "changedBy": None},
        {"key": "tier", "class": "OPEN", "declared": False, "changedBy": None},
    ]
    accounts = (await ann.data(document, of="ACCOUNT"))["traitClasses"]
    assert {one["key"]: one["class"] for one in accounts}.items() >= {
        "Lead Score": "OPEN",
        "tier": "OPEN",
    }.items()
    for role in ("SALES", "SUPPORT", "MARKETING", "PARTNER", "INGEST"):
        assert await ann.codes(document, role=role, of="PROFILE") == ["FORBIDDEN"]
        given: dict[str, Any] = {"of": "PROFILE", "key": "tier"}
        assert await ann.codes(SET, role=role, input={**given, "class": "OPEN"}) == ["FORBIDDEN"]
        assert await ann.codes(REMOVE, role=role, input=given) == ["FORBIDDEN"]


async def test_what_is_no_key_cannot_be_declared(ours: Side) -> None:
    for key in ("", "  ", "a\nb", "k" * 201):
        data = await ours.data(SET, input={"of": "PROFILE", "key": key, "class": "OPEN"})
        assert [error["field"] for error in data["traitClassSet"]["userErrors"]] == [["input", "key"]]
    data = await ours.data(REMOVE, input={"of": "PROFILE", "key": "nothing"})
    assert [error["code"] for error in data["traitClassRemove"]["userErrors"]] == ["NOT_FOUND"]


async def test_a_class_is_of_one_workspace(ann: Side, theirs: Side) -> None:
    await theirs.tell({"type": "identify", "userId": "ann", "traits": {"leadScore": 9}})
    await declare(ann, "leadScore", "INTENT")
    assert (await theirs.data(TRAITS, role="SUPPORT"))["profile"]["traits"] == {"leadScore": 9}
    assert (await theirs.data("{ traitClasses { key declared } }"))["traitClasses"] == [
        {"key": "leadScore", "declared": False}
    ]


# ── masks ────────────────────────────────────────────────────────────────────────────────────────────────────────────

WHO = "{ profiles(orderBy: [{ field: CREATED_AT }]) { nodes { displayName identifiers { kind value } } } }"


async def test_names_and_identifiers_are_masked(ours: Side) -> None:
    await ours.tell(
        {
            "type": "identify",
            "userId": "user-4711",
            "anonymousId": "visitor-4711",
            "traits": {"email": "john.doe@example.com", "phone": "+442079460958", "name": "jane doe"},
        },
        {"type": "identify", "userId": "jo@example.com", "traits": {"name": "42 Ltd"}},
    )
    masked = (await ours.data(WHO, role="MARKETING"))["profiles"]["nodes"]
    assert (await ours.data(WHO, role="PARTNER"))["profiles"]["nodes"] == masked
    assert [one["displayName"] for one in masked] == ["J. •.", "•••"]
    values = {one["kind"]: one["value"] for one in masked[0]["identifiers"]}
    assert values == {
        "user_id": "•••",
        "anonymous_id": "•••",
        "email": "j•••@example.com",
        "phone": "•••58",
    }
    # Of two letters one would be half of it.
    assert {one["value"] for one in masked[1]["identifiers"]} == {"•••@example.com"}
    plain = (await ours.data(WHO, role="SALES"))["profiles"]["nodes"]
    assert plain[0]["displayName"] == "jane doe"
    assert "john.doe@example.com" in {one["value"] for one in plain[0]["identifiers"]}


async def test_a_mask_finds_nobody_and_nothing_is_found_out_beyond_it(ours: Side) -> None:
    """Neither the mask nor what is behind it can be filtered, sorted or searched by, guessed rightly or not."""
    for name in ("john", "jack"):
        await ours.tell({"type": "identify", "userId": name, "traits": {"email": f"{name}@example.com"}})
    nodes = (await ours.data(WHO, role="MARKETING"))["profiles"]["nodes"]
    assert [one["displayName"] for one in nodes] == ["j•••@example.com"] * 2
    for value in ("jo", "ja", "xx", "j•••@example.com"):
        for where in (
            f'where: {{ displayName: {{ startsWith: "{value}" }} }}',
            f'where: {{ identifiers: {{ some: {{ value: {{ startsWith: "{value}" }} }} }} }}',
            f'search: "{value}"',
            f'orderBy: [{{ field: DISPLAY_NAME }}], where: {{ traits: [{{ path: "email", startsWith: "{value}" }}] }}',
        ):
            document = f"{{ profiles({where}) {{ totalCount }} }}"
            answer = await ours.ask(document, role="MARKETING")
            assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
            assert answer["data"] is None


async def test_a_household_is_called_what_its_people_are_called(ours: Side) -> None:
    """Who may not read personal data sees no name of it, and finds and sorts it as if it had none."""
    for number, (name, kind) in enumerate((("Archers", "household"), ("Works", "organisation"))):
        group = {"type": "group", "userId": f"u{number}", "groupId": f"g{number}"}
        await ours.tell({**group, "traits": {"name": name, "type": kind}})
    document = """query ($where: AccountFilter, $search: String) {
      accounts(where: $where, search: $search, orderBy: [{ field: NAME }]) { nodes { name } edges { cursor } } }"""
    for role, names in (("SALES", ["Archers", "Works"]), ("MARKETING", [None, "Works"])):
        found = (await ours.data(document, role=role))["accounts"]
        assert [one["name"] for one in found["nodes"]] == names
        cursors = b"".join(base64.urlsafe_b64decode(one["cursor"] + "==") for one in found["edges"])
        assert (b"Archers" in cursors) == (role == "SALES")
        for asked in ({"search": "archers"}, {"where": {"name": {"startsWith": "Ar"}}}):
            found = (await ours.data(document, role=role, **asked))["accounts"]
            assert len(found["nodes"]) == (1 if role == "SALES" else 0)
    sorted_ = (
        """{ profiles { nodes { memberships(orderBy: [{ field: ACCOUNT_NAME }]) { edges { cursor } } } } }"""
    )
    text = str(await ours.data(sorted_, role="MARKETING"))
    cursors = re.findall(r"'cursor': '([^']+)'", text)
    assert len(cursors) == 2
    assert not any(b"Archers" in base64.urlsafe_b64decode(cursor + "==") for cursor in cursors)
