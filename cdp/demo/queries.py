"""Queries to try on the demo: what the two panels show of four accounts and three people in the data."""

from __future__ import annotations

import json
import shlex
from typing import NamedTuple


class Query(NamedTuple):
    """A query, and what it is about."""

    title: str
    text: str


BUYER_AND_USER = Query(
    "One account, two sides: who signed, and who uses and spreads it",
    """{
  account(domain: "goldgrove.example") {
    name
    alignment
    people(first: 6) {
      nodes {
        person { displayName }
        roles { role }
        influence
      }
    }
  }
}""",
)

TWO_PANELS = Query(
    "Two people of that account: the same slot, filled for a buyer and for a user",
    """query Two {
  buyer: profile(identifier: {kind: "email", value: "asha.oakes@goldgrove.example"}) { ...panels }
  user: profile(identifier: {kind: "email", value: "ada.rahman@goldgrove.example"}) { ...panels }
}

fragment panels on Profile {
  displayName
  buyerIntent {
    stage
    purchases { count totals { currency amount } }
  }
  usage {
    phase
    activeDays
    features(first: 3) { feature { name } count }
  }
  personalisation(slot: "home.hero") { variant reason }
}""",
)

ALIGNMENT = Query(
    "Where the two sides do not meet: paid and unused, used and unpaid, one person on both",
    """{
  churnRisk: account(domain: "sageby.example") { ...sides }
  expansion: account(domain: "birchcliff.example") { ...sides }
  both: account(domain: "ashland.example") { ...sides }
}

fragment sides on Account {
  name
  alignment
  people(first: 3) {
    nodes {
      person { displayName }
      roles { role }
    }
  }
}""",
)

QUERIES = (BUYER_AND_USER, TWO_PANELS, ALIGNMENT)


def curl(url: str, key: str, query: str) -> str:
    """A command that sends the query, to be pasted into a shell as it is."""
    body = json.dumps({"query": query})
    headers = f"-H {shlex.quote(f'Authorization: Bearer {key}')} -H 'Content-Type: application/json'"
    return f"curl -s {url}/graphql {headers} -d {shlex.quote(body)}"
