"""What generated documents draw their arguments from: mostly what is in the workspace, and some of what is nowhere."""

from __future__ import annotations

from tests.graphql.conftest import World
from tests.graphql.documents import Pools

EVERYTHING = """{
  profiles(first: 60) { nodes { id identifiers { kind value } timeline(first: 2) { nodes { id } }
    memberships { edges { cursor node { id } } } } edges { cursor } }
  accounts { nodes { id domain } edges { cursor } }
  hot: profiles(first: 8, orderBy: [{ field: INTENT_SCORE, direction: DESC }]) { edges { cursor } }
}"""

GARBAGE = [
    "",
    "nonsense",
    "UHJvZmlsZTo5OTk5OTk=",
    "UHJvZmlsZTo=",
    "QWNjb3VudDo5OTk5OTk=",
    "\u0000",
    "Ω" * 300,
]
TEXTS = [
    "Ann",
    "a",
    "Zoë",
    "李",
    "%",
    "_",
    "\\",
    "'; --",
    "e\u0301",
    "",
    "🧑🏽‍🚀",
    "x" * 300,
    "acme-works.com",
    "gmail.com",
]
NAMED = ["ECONOMIC_BUYER", "CHAMPION", "END_USER", "nobody"]
INTEGERS = [1, 0, 2, 3, 5, 40, -1, 2**31 - 1, -(2**31)]
FLOATS = [0, 0.5, 1, 3.25, -1e300, 1e-300, 12345678901234567890]
MOMENTS = [
    "2026-11-01T00:00:00Z", "2026-11-19T12:00:00+02:00", "1999-12-31T23:59:59.999999-11:30", "2030-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z",
]  # fmt: skip
VALUES = [
    "pro", 40, None, True, 0, "Oslo", 2**53 + 1, 10**30, 1e-30, {"name": "pro"}, ["a", "é", None], [], {}, -1.5e10,
    "\u2028",
    {"a b": {"ünï": 1}}, "x\u0000y", [[[[1]]]],
]  # fmt: skip
PATHS = [
    "plan.name",
    "city",
    "plan",
    "seats",
    "tags",
    "big",
    "key with spaces",
    "",
    "plan.seats",
    "a.b.c.d",
    "'",
    "$1",
]


def pools_of(world: World) -> Pools:
    """Of what a workspace holds."""
    data = world.data(EVERYTHING)
    people = data["profiles"]["nodes"]
    profiles = [each["id"] for each in people]
    accounts = [each["id"] for each in data["accounts"]["nodes"]]
    memberships = [edge["node"]["id"] for each in people for edge in each["memberships"]["edges"]]
    events = [event["id"] for each in people for event in each["timeline"]["nodes"]][:40]
    identifiers = [one for each in people for one in each["identifiers"]]
    cursors = [
        edge["cursor"]
        for edges in (data["hot"]["edges"], data["profiles"]["edges"][:12], data["accounts"]["edges"])
        for edge in edges
    ]
    cursors += [edge["cursor"] for each in people for edge in each["memberships"]["edges"]][:12]
    domains = [each["domain"] for each in data["accounts"]["nodes"] if each["domain"]]
    sizes = [2, 1, 3, 5, 5, 8, 20, 0, 7, 4, 6, 9, 2, 3, 200, -1, 201]
    return {
        "id": [*profiles[:20], *accounts, *memberships[:20], *events[:20], *GARBAGE],
        "profile.id": [*profiles, *accounts[:1], *GARBAGE[:3]],
        "account.id": [*accounts, *accounts, *profiles[:1], *GARBAGE[:3]],
        "account": [*accounts, *accounts, *accounts, *profiles[:1], *GARBAGE[:3]],
        "profileA": [*profiles, *GARBAGE[:2]],
        "profileB": [*profiles, *GARBAGE[:2]],
        "IdentifierInput": [
            *identifiers,
            {"kind": "nonsense", "value": "x"},
            {"kind": "email", "value": "not one"},
        ],
        "kind": ["email", "user_id", "anonymous_id", "phone", "nonsense"],
        "value": [one["value"] for one in identifiers] + TEXTS,
        "domain": [*domains, *domains, "WWW.acme-works.com ", ""],
        "first": sizes,
        "last": sizes,
        "after": [*cursors, *GARBAGE[:3]],
        "before": [*cursors, *GARBAGE[:3]],
        "search": ["ann", "acme", "u1", "zoë", "李", *TEXTS],
        "path": PATHS,
        "role": NAMED,
        "code": ["MISSING_ID", "nonsense"],
        "slot": ["next_step", "nonsense", "tips"],
        "ID": [*profiles, *accounts, *GARBAGE],
        "String": [*TEXTS, *domains],
        "Int": INTEGERS,
        "Float": FLOATS,
        "Boolean": [True, False],
        "DateTime": [*MOMENTS * 4, "x"],
        "Date": ["2026-11-01", "0001-01-01"],
        "Decimal": ["1.50", "0", "-99999999999999999999.5"],
        "Duration": [
            "P28D",
            "P7D",
            "PT1H",
            "P0D",
            "-P1D",
            "P365D",
            "P3660D",
            "PT0.000001S",
            "P28D",
            "P90D",
            "P1M",
        ],
        "JSON": VALUES,
    }
