"""What a reader can ask about people and accounts: every field, every filter and every sort key, from the schema.

`answers` asks all of it; `differences` tells what in two rounds of answers is not the same, by schema coordinate. Two
rounds around something that the reader must not learn of are an attack by everything at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
)

from cdp.graphql.schema import build_schema
from tests.security.conftest import Side

SCHEMA = build_schema().graphql_schema

ARGUMENTS = {
    "slot": '"hero"',
    "slots": '["hero", "undefined"]',
    "ended": "true",
    "first": "3",
}
"""Of fields, by name; others are left out."""

ROOTS = (
    "profiles(first: 3, orderBy: [{ field: CREATED_AT }])",
    "accounts(first: 3)",
    "catalogue",
    "personalisationSlots",
    "workspace",
)
"""Of Query; what takes an id is found below these, or attacked by tests of its own."""

BETWEEN = "2026-11-15T00:00:00Z"
"""A moment after all that is known at first, and before most of what is told later."""
EARLIER = "2026-11-05T00:00:00Z"
"""A moment before all that is known at first."""

OPERATIONS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "TextFilter": [{"exists": True}],
    "DateTimeFilter": [{"gt": BETWEEN}, {"lt": EARLIER}],
    "DateFilter": [{"exists": True}],
    "DurationFilter": [{"exists": True}],
    "IntFilter": [{"gt": 0}, {"gt": 3}, {"gt": 6}],
    "DecimalFilter": [{"gt": "1"}],
    "RangeFilter": [{"gt": threshold} for threshold in (0.2, 0.4, 0.65, 0.92, 10)],
    "BooleanFilter": [{"eq": True}],
    "IdFilter": [],
}
"""What is asked of values; of an enum, whether it is each of its values."""

_ALIASES = 65
"""Fields of a document: more take more tokens than a document may have."""


def answers_of(name: str) -> str:
    """Everything that can be selected below a field of Query."""
    assert SCHEMA.query_type is not None
    type_ = get_named_type(SCHEMA.query_type.fields[name.partition("(")[0]].type)
    assert isinstance(type_, GraphQLObjectType)
    return f"{{ {name} {{ {_selection(type_, (type_.name,))} }} }}"


def _selection(type_: GraphQLObjectType | GraphQLInterfaceType, above: tuple[str, ...]) -> str:
    chosen = ["__typename"]
    for name, field in type_.fields.items():
        given = [f"{one}: {ARGUMENTS[one]}" for one in field.args if one in ARGUMENTS]
        arguments = f"({', '.join(given)})" if given else ""
        below = get_named_type(field.type)
        if is_leaf_type(below):
            chosen.append(name + arguments)
        elif isinstance(below, GraphQLObjectType) and below.name not in above and name != "nodes":
            chosen.append(f"{name}{arguments} {{ {_selection(below, (*above, below.name))} }}")
    return " ".join(chosen)


def filters(
    type_: GraphQLInputObjectType, above: tuple[str, ...] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each thing that a filter can compare, with the filter that does: (`ProfileFilter.usage.phase`, {…})."""
    for name, field in type_.fields.items():
        inner = get_named_type(field.type)
        if name in {"and", "or", "not", "every", "none"} or inner.name in above:
            continue
        if inner.name == "TraitFilter":
            yield name, {name: [{"path": "plan", "exists": True}]}
        elif inner.name in OPERATIONS:
            yield from ((name, {name: one}) for one in OPERATIONS[inner.name])
        elif isinstance(inner, GraphQLInputObjectType) and "eq" in inner.fields:
            words = get_named_type(inner.fields["eq"].type)
            assert isinstance(words, GraphQLEnumType), inner.name
            yield from ((name, {name: {"eq": word}}) for word in words.values)
        else:
            assert isinstance(inner, GraphQLInputObjectType), inner.name
            for path, below in filters(inner, (*above, type_.name)):
                yield f"{name}.{path}", {name: below}


class Reader:
    """One role that asks. What it is forbidden once is not asked again: whether it is does not depend on data."""

    def __init__(self, side: Side, role: str, *, counts: bool = True) -> None:
        self._side = side
        self.role = role
        self._probes = [*(self._counts() if counts else ()), *self._orders()]
        self.forbidden: set[str] = set()

    async def answers(self) -> dict[str, Any]:
        """Everything that the reader is answered now, by what was asked."""
        found = await self.shown()
        probes = [one for one in self._probes if one[0] not in self.forbidden]
        for start in range(0, len(probes), _ALIASES):
            found |= await self._probe(probes[start : start + _ALIASES])
        return found

    async def shown(self) -> dict[str, Any]:
        """What fields alone show."""
        found: dict[str, Any] = {}
        for root in ROOTS:
            answer = await self._side.ask(answers_of(root), role=self.role)
            codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
            assert codes <= {"FORBIDDEN"}, answer["errors"]
            found[root] = answer
        return found

    async def _probe(self, probes: Sequence[tuple[str, str, str, Any]]) -> dict[str, Any]:
        """(name, type of the variable, field of Query with `$it`, value of the variable) each."""
        if not probes:
            return {}
        declared = ", ".join(f"$v{at}: {type_}" for at, (_, type_, _, _) in enumerate(probes))
        asked = " ".join(
            f"a{at}: {text.replace('$it', f'$v{at}')}" for at, (_, _, text, _) in enumerate(probes)
        )
        variables = {f"v{at}": value for at, (_, _, _, value) in enumerate(probes)}
        answer = await self._side.ask(f"query ({declared}) {{ {asked} }}", role=self.role, **variables)
        for error in answer.get("errors", ()):
            assert error["extensions"]["code"] == "FORBIDDEN", error
            self.forbidden.add(probes[int(error["path"][0][1:])][0])
        data = answer["data"]
        if data is None:  # one that may not be null was forbidden: the others are asked again without it
            return await self._probe([one for one in probes if one[0] not in self.forbidden])
        return {f"{name} {value}": data[f"a{at}"] for at, (name, _, _, value) in enumerate(probes)}

    def _counts(self) -> Iterator[tuple[str, str, str, Any]]:
        for root, name in (("profiles", "ProfileFilter"), ("accounts", "AccountFilter")):
            type_ = SCHEMA.type_map[name]
            assert isinstance(type_, GraphQLInputObjectType)
            for path, value in filters(type_):
                yield f"{name}.{path}", name, f"{root}(where: $it) {{ totalCount }}", value

    def _orders(self) -> Iterator[tuple[str, str, str, Any]]:
        found = "edges { cursor node { id } }"
        people = f"accounts(first: 3) {{ nodes {{ people(orderBy: $it) {{ {found} }} }} }}"
        for name, text in (
            ("Profile", f"profiles(orderBy: $it) {{ {found} }}"),
            ("Account", f"accounts(orderBy: $it) {{ {found} }}"),
            ("Membership", people),
        ):
            type_ = SCHEMA.type_map[f"{name}OrderField"]
            assert isinstance(type_, GraphQLEnumType)
            for word in type_.values:
                order = [{"field": word, "of": _OF.get(word.partition("_")[0], "EUR")}]
                if word.partition("_")[0] not in _OF and word != "PURCHASE_TOTAL":
                    del order[0]["of"]
                yield f"{name}OrderField.{word}", f"[{name}Order!]", text, order
            yield f"{name}OrderField, none given", f"[{name}Order!]", text, []


_OF = {"SIGNAL": "pricing_viewed", "FEATURE": "export", "TRAIT": "plan"}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Schema coordinates, or names of probes, whose answers are not the same."""
    found: set[str] = set()
    for name in before.keys() | after.keys():
        if name in ROOTS:
            found |= set(_differing(before[name], after[name], name))
        elif before.get(name) != after.get(name):
            found.add(name.partition(" ")[0] if "Filter" in name else name.partition(" [")[0])
    return found


def _differing(one: Any, other: Any, at: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict) and one.get("__typename") == other.get("__typename"):
        for key in one.keys() | other.keys():
            inner = f"{one['__typename']}.{key}" if "__typename" in one else at
            yield from _differing(one.get(key), other.get(key), inner)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for left, right in zip(one, other, strict=True):
            yield from _differing(left, right, at)
    elif one != other:
        yield at
