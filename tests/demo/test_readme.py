"""The README's query has the README's answer."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cdp.demo.queries import TWO_SIDES
from tests.demo.told import Ask

README = Path(__file__).parents[2] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


async def test_the_readmes_first_query_has_the_answer_printed_there(ask: Ask) -> None:
    """To the letter, and it is the first that `cdp demo` prints."""
    (query,), (answer,) = blocks("graphql"), blocks("json")
    assert query.strip() == TWO_SIDES.text
    assert await ask(query) == json.loads(answer)


async def test_the_readmes_story_is_in_the_data(ask: Ask) -> None:
    """Figures and names that the text mentions, asked for one by one."""
    data = (
        await ask(
            """{
              goldgrove: account(domain: "goldgrove.example") {
                name
                signed: people(where: {buyerIntent: {purchaseCount: {gte: 1}}}) {
                  nodes { person { displayName traits
                    buyerIntent { signals { name } purchases { totals { currency amount } } } usage { lastUsedAt } } }
                }
              }
              ada: profile(identifier: {kind: "email", value: "ada.rahman@goldgrove.example"}) {
                memberships { nodes { roles { role } } }
                buyerIntent { purchases { count } }
              }
              alderton: account(domain: "alderton.example") { name alignment usage { seats { licensed active } } }
              birchcliff: account(domain: "birchcliff.example") {
                name alignment alignmentFigures { people activePeople }
              }
              irma: profile(identifier: {kind: "email", value: "irma.penrose@ashland.example"}) {
                displayName memberships { nodes { account { name } roles { role } } }
              }
            }"""
        )
    )["data"]
    (asha,) = [node["person"] for node in data["goldgrove"]["signed"]["nodes"]]
    assert (asha["displayName"], asha["traits"]["title"]) == ("Asha Oakes", "VP Finance")
    assert asha["buyerIntent"]["purchases"]["totals"] == [{"currency": "USD", "amount": "77591"}]
    assert asha["usage"]["lastUsedAt"] is None
    signals = {signal["name"] for signal in asha["buyerIntent"]["signals"]}
    assert signals >= {"sales_meeting_held", "negotiation_started", "contract_signed"}
    assert data["ada"]["buyerIntent"]["purchases"]["count"] == 0
    roles = {role["role"] for role in data["ada"]["memberships"]["nodes"][0]["roles"]}
    assert roles >= {"END_USER", "INFLUENCER", "ADVOCATE"}
    assert data["alderton"] == {
        "name": "Alderton Health Services",
        "alignment": "BUYER_WITHOUT_USERS",
        "usage": {"seats": {"licensed": 15, "active": 0}},
    }
    assert data["birchcliff"]["alignment"] == "USERS_WITHOUT_BUYER"
    assert data["birchcliff"]["alignmentFigures"] == {"people": 4, "activePeople": 4}
    (both,) = data["irma"]["memberships"]["nodes"]
    assert (data["irma"]["displayName"], both["account"]["name"]) == (
        "Irma Penrose",
        "Ashland Health Services",
    )
    assert {role["role"] for role in both["roles"]} >= {"ECONOMIC_BUYER", "END_USER"}


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)", README.read_text())
    assert len(links) > 10
    missing = [link for link in links if "://" not in link and not (README.parent / link).exists()]
    assert missing == []
