from __future__ import annotations

from typing import Any

import pytest

from cdp.model.ids import encode_id

LINK = "from { kind value } to { kind value } state rule reason evidence times firstAt lastAt"
EXPLAIN = f"""
    query ($a: IdentifierInput, $b: IdentifierInput, $profileA: ID, $profileB: ID) {{
        identityExplain(a: $a, b: $b, profileA: $profileA, profileB: $profileB) {{
            same profileA profileB chain {{ {LINK} }} refused {{ {LINK} }} cut {{ {LINK} }} }} }}
"""


def of(kind: str, value: str) -> dict[str, str]:
    return {"kind": kind, "value": value}


async def explain(api, **ends: Any) -> dict[str, Any]:
    return (await api.run(EXPLAIN, **ends))["identityExplain"]


@pytest.fixture
async def shared_device(api) -> None:
    """Ada signs in on a tablet; later Bob does."""
    for number, (user, email) in enumerate([("ada", "ada@acme.test"), ("bob", "bob@acme.test")]):
        await api.ingest(
            {
                "type": "IDENTIFY",
                "messageId": f"m{number}",
                "userId": user,
                "anonymousId": "tablet",
                "traits": {"email": email},
            }
        )


async def test_the_chain_shows_every_link_with_its_evidence(api):
    await api.ingest(
        {"type": "IDENTIFY", "messageId": "m0", "userId": "ada", "traits": {"email": "ada@acme.test"}},
        {
            "type": "IDENTIFY",
            "messageId": "m1",
            "anonymousId": "laptop",
            "traits": {"email": "ADA@acme.test"},
        },
        {"type": "TRACK", "messageId": "m2", "event": "A", "userId": "ada", "anonymousId": "phone"},
    )
    found = await explain(api, a=of("anonymous_id", "laptop"), b=of("anonymous_id", "phone"))
    assert found["same"] is True
    assert found["profileA"] == found["profileB"] == (await api.person("user_id", "ada"))["id"]
    assert [(link["from"]["value"], link["to"]["value"]) for link in found["chain"]] == [
        ("laptop", "ada@acme.test"),
        ("ada@acme.test", "ada"),
        ("ada", "phone"),
    ]
    assert [link["evidence"]["messageId"] for link in found["chain"]] == ["m1", "m0", "m2"]
    assert {link["state"] for link in found["chain"]} == {"ACCEPTED"}
    assert (found["refused"], found["cut"]) == ([], [])


async def test_a_refusal_says_by_which_rule(api, shared_device):
    found = await explain(api, a=of("user_id", "ada"), b=of("user_id", "bob"))
    assert (found["same"], found["chain"]) == (False, [])
    assert found["profileA"] != found["profileB"]
    refused = found["refused"]
    assert refused
    assert {link["rule"] for link in refused} == {"unique"}
    assert all(link["reason"] and link["evidence"]["messageId"] == "m1" for link in refused)


async def test_a_merge_and_a_split_say_who_asked_and_why(api, shared_device):
    ada, bob = (await api.person("user_id", "ada"))["id"], (await api.person("user_id", "bob"))["id"]
    await api.mutate(
        "profileMerge", "userErrors { code }", {"into": ada, "from": bob, "reason": "A nickname."}
    )
    joined = await explain(api, profileA=ada, profileB=bob)
    assert joined["same"] is True
    assert {"mutation": "profileMerge", "by": "admin", "reason": "A nickname."} in [
        link["evidence"] for link in joined["chain"]
    ]
    await api.mutate(
        "profileSplit",
        "userErrors { code }",
        {
            "profile": ada,
            "identifiers": [of("user_id", "bob"), of("email", "bob@acme.test")],
            "reason": "Two people after all.",
        },
    )
    parted = await explain(api, profileA=ada, b=of("email", "bob@acme.test"))
    assert (parted["same"], parted["chain"]) == (False, [])
    assert {(link["rule"], link["reason"]) for link in parted["cut"]} == {("split", "Two people after all.")}


async def test_an_identifier_that_was_never_seen_is_an_answer(api, shared_device):
    found = await explain(api, a=of("user_id", "ada"), b=of("user_id", "eve"))
    assert (found["same"], found["profileB"], found["chain"]) == (False, None, [])


async def test_identifiers_of_another_workspace_are_not_known_here(
    api, asking, other_workspace, shared_device
):
    stranger = await asking("ADMIN", of=other_workspace)
    found = await explain(stranger, a=of("user_id", "ada"), b=of("user_id", "bob"))
    assert (found["profileA"], found["profileB"], found["refused"]) == (None, None, [])


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ({"a": of("user_id", "ada")}, "BAD_USER_INPUT"),
        ({"a": of("user_id", "ada"), "profileA": "x", "b": of("user_id", "bob")}, "BAD_USER_INPUT"),
        ({"a": of("email", "no address"), "b": of("user_id", "bob")}, "BAD_USER_INPUT"),
        ({"a": of("user_id", "ada"), "profileB": encode_id("Profile", 99)}, "NOT_FOUND"),
        ({"a": of("user_id", "ada"), "profileB": "no id"}, "NOT_FOUND"),
    ],
)
async def test_what_cannot_be_explained_is_an_error(api, shared_device, ends, code):
    answer = await api.ask(EXPLAIN, **ends)
    assert answer["data"] == {"identityExplain": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
