"""Queries to try on the demo: what the two panels show of some accounts and people in the data."""

from __future__ import annotations

import json
import shlex
from typing import NamedTuple


class Query(NamedTuple):
    """A query, and what it is about."""

    title: str
    text: str


TWO_SIDES = Query(
    "One account, two sides: who signed, and who spread it",
    """{
  account(domain: "goldgrove.example") {
    name
    alignment
    signed: people(where: {buyerIntent: {purchaseCount: {gte: 1}}}) { nodes { ...member } }
    spread: people(role: ["INFLUENCER"]) { nodes { ...member } }
  }
}

fragment member on Membership {
  roles { role }
  person {
    displayName
    buyerIntent { stage purchases { count } }
    usage { phase activeDays }
    personalisation(slot: "home_hero") { variant }
  }
}""",
)

REASONS = Query(
    "The same two people, with reasons: why these roles, and why the same place shows each something else",
    """{
  buyer: profile(identifier: {kind: "email", value: "asha.oakes@goldgrove.example"}) { ...reasons }
  user: profile(identifier: {kind: "email", value: "ada.rahman@goldgrove.example"}) { ...reasons }
}

fragment reasons on Profile {
  displayName
  memberships { nodes { influence roles { role confidence evidence { reason } } } }
  personalisation(slot: "home_hero") { variant reason content }
}""",
)

ALIGNMENT = Query(
    "Where the two sides do not meet: paid and unused, used and unpaid; and one person on both sides",
    """{
  churnRisk: account(domain: "alderton.example") { ...sides }
  expansion: account(domain: "birchcliff.example") { ...sides }
  both: profile(identifier: {kind: "email", value: "irma.penrose@ashland.example"}) {
    displayName
    buyerIntent { purchases { totals { currency amount } } }
    usage { phase features(first: 3) { name count } }
    memberships { nodes { roles { role } } }
  }
}

fragment sides on Account {
  name
  alignment
  alignmentFigures { people activePeople buyers purchases }
  usage { phase seats { licensed active } }
}""",
)

QUERIES = (TWO_SIDES, REASONS, ALIGNMENT)


def curl(url: str, key: str, query: str) -> str:
    """A command that sends the query, to be pasted into a shell as it is."""
    body = json.dumps({"query": query})
    headers = f"-H {shlex.quote(f'Authorization: Bearer {key}')} -H 'Content-Type: application/json'"
    return f"curl -s {url}/graphql {headers} -d {shlex.quote(body)}"
