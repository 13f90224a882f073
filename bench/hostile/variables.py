"""Documents that are harmless, with variables that are not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

TRAIT = 'query ($j: JSON!) { profiles(where: {traits: [{path: "a", eq: $j}]}) { totalCount } }'
WHERE = "query ($w: ProfileFilter) { profiles(where: $w) { totalCount } }"


def by_variables() -> Iterator[tuple[str, str, Any]]:
    """Name, document and variables of each."""
    deep: Any = {}
    for _ in range(450):
        deep = {"not": deep}
    yield "variables 450 deep", WHERE, {"w": deep}
    nested: Any = 1
    for _ in range(900):
        nested = [nested]
    yield "JSON 900 deep", TRAIT, {"j": nested}
    yield (
        "a filter of 10,000 terms in variables",
        WHERE,
        {"w": {"or": [{"displayName": {"eq": "x"}}] * 10_000}},
    )
    yield "a filter of 10,000 wrong terms", WHERE, {"w": {"or": [{"displayNam": {"eq": "x"}}] * 10_000}}
    yield "a filter of 10,000 wrong values", WHERE, {"w": {"or": [{"displayName": {"eq": 1}}] * 10_000}}
    yield "10,000 unknown input fields", WHERE, {"w": {f"displayName{n}": 1 for n in range(10_000)}}
    yield "10,000 traits", WHERE, {"w": {"traits": [{"path": "a.b", "eq": n} for n in range(10_000)]}}
    yield (
        "1 MB for an enum",
        "query ($o: [ProfileOrder!]) { profiles(orderBy: $o) { totalCount } }",
        {"o": [{"field": "x" * 900_000}]},
    )
    yield "1 MB for a number", "query ($n: Int) { profiles(first: $n) { totalCount } }", {"n": "9" * 900_000}
    yield (
        "1 MB for a cursor",
        "query ($c: String) { profiles(after: $c) { totalCount } }",
        {"c": "W" * 900_000},
    )
    yield "1 MB for an id", "query ($i: ID!) { node(id: $i) { id } }", {"i": "U" * 900_000}
    yield (
        "1 MB for a time",
        ("query ($t: DateTime) { profiles(where: {createdAt: {gt: $t}}) { totalCount } }"),
        {"t": "2" * 900_000},
    )
    yield (
        "1 MB for a duration",
        ('query ($d: Duration!) { profile(id: "UHJvZmlsZTox") { usage(window: $d) { activeDays } } }'),
        {"d": "P" + "9" * 900_000},
    )
    yield (
        "1 MB of a path",
        ("query ($p: String!) { profiles(where: {traits: [{path: $p, exists: true}]}) { totalCount } }"),
        {"p": "a." * 450_000},
    )
    yield (
        "1 MB to search for",
        "query ($s: String!) { profiles(search: $s) { totalCount } }",
        {"s": "ab " * 300_000},
    )
    yield (
        "1 MB of orders",
        "query ($o: [ProfileOrder!]) { profiles(orderBy: $o) { totalCount } }",
        {"o": [{"field": "INTENT_SCORE"}] * 30_000},
    )
    yield "1 MB of a trait", TRAIT, {"j": [[]] * 200_000}
    yield "a number of 4,000 digits in JSON", TRAIT, {"j": 10**4_000}
    yield (
        "half a surrogate pair",
        "query ($s: String!) { profiles(search: $s) { totalCount } }",
        {"s": "\ud800"},
    )
    yield "NUL", "query ($s: String!) { profiles(search: $s) { totalCount } }", {"s": "\x00"}
