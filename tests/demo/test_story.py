"""What the demo has to tell, asked as its reader would ask."""

from __future__ import annotations

from typing import Any

from cdp.app import Application
from cdp.demo.load import B2B, load
from cdp.demo.queries import ALIGNMENT, QUERIES, REASONS, TWO_SIDES, curl
from tests.demo.told import TOLD, Ask, quietly


async def test_the_queries_that_the_demo_prints_have_the_answers_that_it_promises(ask: Ask) -> None:
    """Whoever signed and whoever spread it are two people; accounts without one side are told; one person is both."""
    answers = [(await ask(query.text))["data"] for query in QUERIES]
    sides, reasons, alignment = answers
    signed, spread = sides["account"]["signed"]["nodes"], sides["account"]["spread"]["nodes"]
    assert [one["person"]["displayName"] for one in (*signed, *spread)] == ["Asha Oakes", "Ada Rahman"]
    assert signed[0]["person"]["usage"] == {"phase": "NONE", "activeDays": 0}
    assert spread[0]["person"]["buyerIntent"]["purchases"] == {"count": 0}
    variants = {name: reasons[name]["personalisation"]["variant"] for name in ("buyer", "user")}
    assert len(set(variants.values())) == 2
    (user,) = reasons["user"]["memberships"]["nodes"]
    assert user["influence"] > 0.2
    assert all(evidence["reason"] for role in user["roles"] for evidence in role["evidence"])
    assert alignment["churnRisk"]["alignment"] == "BUYER_WITHOUT_USERS"
    assert alignment["expansion"]["alignment"] == "USERS_WITHOUT_BUYER"
    (both,) = alignment["both"]["memberships"]["nodes"]
    assert {role["role"] for role in both["roles"]} >= {"ECONOMIC_BUYER", "END_USER"}


async def test_the_invitations_came_before_the_upgrade(ask: Ask) -> None:
    """Ada invited five people; after the last of them had come, Asha took the larger plan."""
    query = """{
      user: profile(identifier: {kind: "email", value: "ada.rahman@goldgrove.example"}) { ...events }
      buyer: profile(identifier: {kind: "email", value: "asha.oakes@goldgrove.example"}) { ...events }
    }
    fragment events on Profile { timeline(first: 200) { nodes { name occurredAt properties } } }"""
    data = (await ask(query))["data"]

    def times(person: str, event: str) -> list[str]:
        nodes: list[dict[str, Any]] = data[person]["timeline"]["nodes"]
        return [node["occurredAt"] for node in nodes if node["name"] == event]

    invitations, (upgrade,) = times("user", "Invite Sent"), times("buyer", "Subscription Upgraded")
    assert len(invitations) == 5
    assert max(invitations) < upgrade


async def test_whatever_was_simulated_says_so_on_the_timeline(ask: Ask) -> None:
    """Every usage event of a person whom the CRM knows."""
    query = """{ profile(identifier: {kind: "email", value: "ada.rahman@goldgrove.example"}) {
      timeline(lens: [USAGE], first: 200) { nodes { name properties } } } }"""
    nodes = (await ask(query))["data"]["profile"]["timeline"]["nodes"]
    assert len(nodes) > 50
    assert all(node["properties"]["simulated"] is True for node in nodes)


async def test_loading_again_adds_nothing(application: Application) -> None:
    """A demo that was interrupted goes on, and one that was complete is left alone."""
    first = await load(application, quietly, names=(B2B,), only=TOLD)
    second = await load(application, quietly, names=(B2B,), only=TOLD)
    assert first.events > 500
    assert first.settled > 10
    assert (second.events, second.settled) == (0, 0)


def test_a_query_is_printed_as_a_command_that_a_shell_takes() -> None:
    """Quotes and newlines of the query arrive."""
    import json
    import shlex

    words = shlex.split(curl("http://127.0.0.1:8000", "cdp_sec_x", TWO_SIDES.text))
    assert words[:2] == ["curl", "-s"]
    assert words[2] == "http://127.0.0.1:8000/graphql"
    assert "Authorization: Bearer cdp_sec_x" in words
    assert json.loads(words[-1]) == {"query": TWO_SIDES.text}
    assert {query.title for query in (REASONS, ALIGNMENT)} < {query.title for query in QUERIES}
