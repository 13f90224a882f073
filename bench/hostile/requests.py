"""Requests to /graphql that are cheap to send and dear to answer, each of which has to be refused at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.hostile.variables import by_variables
from cdp.graphql.limits import Limits

MOST = Limits().tokens
"""Tokens: what fits exactly is the dearest of its kind."""


@dataclass(frozen=True)
class Hostile:
    """One request."""

    name: str
    body: bytes
    codes: frozenset[str] = frozenset({"COMPLEXITY", "BAD_USER_INPUT"})
    """Of the errors that it may be answered with; empty: it is served."""


def hostile_requests() -> Iterator[Hostile]:
    """All of them."""
    for documents in (
        _fragments,
        _fields,
        _depths,
        _filters,
        _overlaps,
        _definitions,
        _introspection,
        _texts,
    ):
        for name, document in documents():
            yield Hostile(name, _body(document))
    for name, document, variables in by_variables():
        yield Hostile(name, _body(document, variables))
    yield from _bodies()


def _body(document: str, variables: Any = None) -> bytes:
    return json.dumps({"query": document, "variables": variables}).encode()


def _repeat(text: str, count: int) -> str:
    return " ".join(text.replace("#", str(number)) for number in range(count))


def _fragments() -> Iterator[tuple[str, str]]:
    yield "a fragment in itself", "{ ...a } fragment a on Query { ...a }"
    yield (
        "fragments in a circle",
        "{ ...a0 } " + " ".join(f"fragment a{n} on Query {{ ...a{(n + 1) % 190} }}" for n in range(190)),
    )
    yield (
        "fragments in each other",
        "{ ...f0 } " + " ".join(f"fragment f{n} on Query {{ {_repeat('...f#', 24)} }}" for n in range(24)),
    )
    yield (
        "fragments that double",
        "{ ...a0 } "
        + " ".join(
            f"fragment a{n} on Query {{ ...a{n + 1} ...a{n + 1} b{n}: __typename }}" for n in range(40)
        )
        + " fragment a40 on Query { __typename }",
    )
    yield (
        "fragments that double a field's own",
        "{ profiles { ...a0 } } "
        + " ".join(
            f"fragment a{n} on ProfileConnection {{ nodes {{ memberships {{ nodes {{ person {{ ...b{n} }} }} }} }} }}"
            f" fragment b{n} on Profile {{ id }}"
            for n in range(85)
        ),
    )


def _fields() -> Iterator[tuple[str, str]]:
    yield "10,000 aliases", "{ " + _repeat("a#: __typename", 10_000) + " }"
    yield "aliases up to the limit of tokens", "{ " + _repeat("a#: __typename", 830) + " }"
    yield "one field as often as there may be tokens", "{ " + "__typename " * MOST + "}"
    yield "unknown fields", "{ " + _repeat("x#", MOST) + " }"
    yield (
        "unknown fields, nearly known",
        "{ profiles { nodes { " + _repeat("displayNam#", MOST - 6) + " } } }",
    )
    yield (
        "unknown arguments, nearly known",
        "{ profiles(" + _repeat("firs#: 1", MOST // 3 - 5) + ") { totalCount } }",
    )
    yield "unknown types, nearly known", "{ " + _repeat("... on Profil# { id }", 400) + " }"
    yield "unknown directives", "{ __typename " + _repeat("@d#", 290) + " }"
    yield (
        "unknown enum values",
        "{ " + _repeat("a#: profiles(orderBy: [{field: INTENT_SCOR}]) { totalCount }", 150) + " }",
    )
    yield (
        "unknown input fields",
        "{ profiles(where: {" + _repeat("displayNam#: 1", MOST // 3 - 5) + "}) { totalCount } }",
    )
    yield "a directive flood", "{ __typename " + "@include(if: true) " * 290 + "}"
    yield "a directive flood on variables", "query ($a: Int " + "@d " * 290 + ") { __typename }"


def _depths() -> Iterator[tuple[str, str]]:
    yield "depth 1,000", "{ a " * 1_000 + "}" * 1_000
    yield (
        "depth 1,000 of what is there",
        (
            '{ node(id: "x") '
            + "{ ... on Profile { memberships { nodes { person " * 200
            + "{ id }"
            + " } } } }" * 200
            + " }"
        ),
    )
    yield "depth 1,000 of inline fragments", "{ " + "... { " * 1_000 + "__typename" + " }" * 1_000 + " }"
    yield "depth 1,000 of lists", "{ profiles(where: " + "[" * 1_000 + "]" * 1_000 + ") { totalCount } }"
    yield (
        "depth 1,000 of objects",
        ("{ profiles(where: " + "{not: " * 1_000 + "{}" + "}" * 1_000 + ") { totalCount } }"),
    )
    yield "depth 4,000 of types", "query ($a: " + "[" * 4_000 + "Int" + "]" * 4_000 + ") { __typename }"
    yield "depth 5,900 of nothing", "{" * 5_900


def _filters() -> Iterator[tuple[str, str]]:
    yield (
        "a filter with 10,000 terms",
        "{ profiles(where: {or: [" + _repeat('{displayName: {eq: "#"}}', 10_000) + "]}) { totalCount } }",
    )
    yield (
        "a filter with terms up to the limit of tokens",
        "{ profiles(where: {or: [" + _repeat('{displayName: {eq: "#"}}', 270) + "]}) { totalCount } }",
    )
    yield (
        "many filters",
        "{ "
        + _repeat(
            'a#: profiles(where: {or: [{displayName: {eq: "a"}}, {displayName: {eq: "b"}}]}) { totalCount }',
            85,
        )
        + " }",
    )
    yield (
        "a list as long as there may be tokens",
        "{ profiles(where: {displayName: {in: [" + _repeat('"#"', MOST - 20) + "]}}) { totalCount } }",
    )


def _overlaps() -> Iterator[tuple[str, str]]:
    yield (
        "overlapping fields, the known attack",
        "{ profiles { nodes { " + "displayName " * (MOST - 12) + "... { displayName: id } } } }",
    )
    yield "overlapping fields in pairs", "{ " + _repeat("profiles { nodes { a: id } }", MOST // 8 - 1) + " }"
    yield (
        "overlapping fields, nested",
        "{ " + "profiles { nodes { memberships { nodes { id } } } } " * (MOST // 13 - 1) + "}",
    )
    yield (
        "overlapping fields, with arguments",
        "{ " + _repeat('a: profile(id: "#") { id }', MOST // 11 - 1) + " }",
    )
    yield (
        "overlapping fields, with long arguments",
        "{ "
        + ("profiles(where: {and: [{displayName: {in: [" + '"x" ' * 40 + "]}}]}) { totalCount } ") * 38
        + "}",
    )
    yield (
        "overlapping fragments",
        "{ "
        + _repeat("...f#", 140)
        + " } "
        + _repeat("fragment f# on Query { profiles { nodes { id } } }", 140),
    )
    yield (
        "overlapping fragments, twice",
        "{ a: profiles { "
        + _repeat("...f#", 170)
        + " } a: profiles { "
        + _repeat("...f#", 170)
        + " } } "
        + _repeat("fragment f# on ProfileConnection { nodes { id displayName } }", 170),
    )
    yield (
        "overlapping fields of types",
        '{ node(id: "x") { ' + _repeat("... on Profile { a: id } ... on Account { a: id }", 150) + " } }",
    )


def _definitions() -> Iterator[tuple[str, str]]:
    yield "many operations", _repeat("query q# { __typename }", 199)
    yield (
        "many operations and one fragment",
        _repeat("query q# { ...f }", 190)
        + " fragment f on Query { "
        + ("__typename " * (MOST - 6 * 195) + "}"),
    )
    yield (
        "many operations, many fragments",
        _repeat("query q# { ...f0 }", 99) + " " + _repeat("fragment f# on Query { ...f#0 }", 99),
    )
    yield "operations of one name", "query q { __typename } " * 199
    yield "fragments of one name", "{ ...f } " + "fragment f on Query { __typename } " * 198
    yield "unused fragments", "{ __typename } " + _repeat("fragment f# on Query { __typename }", 198)
    yield "variables without end", "query (" + _repeat("$v#: Int", 299) + ") { __typename }"
    yield "variables of one name", "query (" + "$v: Int " * 299 + ") { __typename }"
    yield (
        "variables that nobody defined",
        "{ " + _repeat("a#: profiles(first: $v#) { totalCount }", 200) + " }",
    )


def _introspection() -> Iterator[tuple[str, str]]:
    yield (
        "an introspection bomb",
        "{ __schema { types { " + "fields { type { " * 9 + "name" + " } }" * 9 + " } } }",
    )
    yield (
        "a wide introspection bomb",
        "{ "
        + _repeat("a#: __schema { types { fields { args { type { name } } type { name } } } }", MOST // 22)
        + " }",
    )
    yield (
        "introspection in the round",
        (
            "{ __schema { types { "
            + "fields { type { fields { type { possibleTypes { interfaces { " * 2
            + "name"
            + " } " * 12
            + "} } }"
        ),
    )
    yield (
        "introspection of every type",
        "{ " + _repeat('a#: __type(name: "Profile") { fields { name description } }', MOST // 15) + " }",
    )


def _texts() -> Iterator[tuple[str, str]]:
    yield "control characters", "{ __typename \u0000\u0007 }"
    yield "a text with control characters", '{ profiles(search: "\u0001") { totalCount } }'
    yield "1 MB of comment", "{ __typename } #" + "x" * 900_000
    yield "100 KB of commas", "{ __typename " + "," * 99_000 + "}}"
    yield "100 KB of a name", "{ " + "x" * 99_000 + " }"
    yield "100 KB of a number", "{ profiles(first: " + "9" * 99_000 + ") { totalCount } }"
    yield (
        "100 KB of a fraction",
        "{ profiles(where: {buyerIntent: {score: {gt: 1." + "9" * 90_000 + "}}}) { totalCount } }",
    )
    yield (
        "100 KB of an exponent",
        "{ profiles(where: {buyerIntent: {score: {gt: 1e" + "9" * 90_000 + "}}}) { totalCount } }",
    )
    yield "100 KB of a block text", '{ x(a: """' + "\n  " * 30_000 + '""") }'
    yield "100 KB of escapes", '{ x(a: "' + "\\u0061" * 16_000 + '") }'
    yield "a text without an end", '{ x(a: "' + "a" * 90_000
    yield "a long name of a type", "{ ... on " + "P" * 90_000 + " { id } }"
    yield "a subscription", "subscription { " + "a " * (MOST - 3) + "}"


def _bodies() -> Iterator[Hostile]:
    yield Hostile("no UTF-8", b'{"query": "{ __typename \xff }"}')
    yield Hostile("overlong UTF-8", b'{"query": "{ __typename \xc0\xaf }"}')
    yield Hostile("a body that nests 300,000 deep", b"[" * 300_000)
    yield Hostile(
        "variables that nest 300,000 deep", b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 100_000
    )
    yield Hostile(
        "a number of 900,000 digits",
        b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 900_000 + b"}}",
    )
    yield Hostile(
        "100,000 keys", json.dumps({"query": "{", "variables": {str(n): n for n in range(60_000)}}).encode()
    )
    yield Hostile("more than a megabyte", b'{"query": "' + b"x" * 1_200_000 + b'"}')
    yield Hostile("a batch", json.dumps([{"query": "{ __typename }"}] * 10_000).encode())
    yield Hostile(
        "a long name of an operation",
        json.dumps({"query": "query a { __typename }", "operationName": "x" * 900_000}).encode(),
    )
    yield Hostile("nothing", b"")
