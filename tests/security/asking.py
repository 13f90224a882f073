"""Every question that the planner answers, one at a time: each field by each way to it, each filter, each sort key.

A way goes through no type twice, and of ways that end in the same steps one is taken: what is around them does not
change how the end is read.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)

from cdp.graphql.requirements import Requirement
from cdp.model.ids import encode_id
from cdp.plan.declassified import declassified_at
from cdp.plan.fields import Computed, declaration_of
from cdp.plan.filters import CONDITION, Combined
from cdp.plan.labels import AnyScope

SAMPLES: Mapping[str, str] = {
    "Boolean": "true",
    "Date": '"2026-11-20"',
    "DateTime": '"2026-11-20T12:00:00Z"',
    "Decimal": '"1"',
    "Duration": '"P7D"',
    "Float": "1.5",
    "ID": f'"{encode_id("Profile", 1)}"',
    "Int": "1",
    "JSON": '"x"',
    "String": '"x"',
}
ARGUMENTS: Mapping[str, str] = {
    "account": f'"{encode_id("Account", 1)}"',
    "identifier": '{ kind: "user_id", value: "u-1" }',
    "slot": '"hero"',
    "slots": '["hero"]',
    "after": "",
    "before": "",
    "where": "",
    "orderBy": "",
}
"""Of arguments by their names; with nothing, they are asked for otherwise, or tell nothing by themselves."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, and all that it touches of the schema."""

    opening: str
    """The document up to what is selected at the end of the way."""
    closing: str
    selected: tuple[str, ...]
    coordinates: tuple[str, ...]
    scopes: frozenset[AnyScope]
    """What all of that takes, as it is declared."""
    steps: tuple[str, ...] = ()
    """The coordinates that lead to the end, without what is selected there."""
    masked: frozenset[AnyScope] = frozenset()
    """Of these, the scopes without which something else is shown."""

    def ends(self, steps: int) -> object:
        """What decides how the end of it is read: what is selected, and the last steps to it."""
        kept = [one for one in self.steps if "Connection." not in one and "Edge." not in one]
        # Which root it hangs on matters to the first step alone.
        below = [one for one in kept if not one.startswith(("Query.", "Subscription.")) or "(" in one]
        return tuple((below if len(below) > 1 else kept)[-steps:]), self.selected

    @property
    def document(self) -> str:
        """As GraphQL."""
        return f"{self.opening} {' '.join(self.selected)} {self.closing}"


class Questions:
    """All questions to a schema.

    Args:
        schema: whom to ask.
        requirements: what everything in it takes.
        steps: so many of the last ones tell two ways to the same thing apart.
    """

    def __init__(
        self, schema: GraphQLSchema, requirements: Mapping[str, Requirement], *, steps: int = 3
    ) -> None:
        self._schema = schema
        self._steps = steps
        self._requirements = requirements
        self._ahead: deque[tuple[GraphQLObjectType, Asked, frozenset[str]]] = deque()

    def all(self) -> Iterator[Asked]:
        """Fields, arguments, filters and sort keys of Query and Subscription, the shortest ways first."""
        seen: set[object] = set()
        for root in (self._schema.query_type, self._schema.subscription_type):
            assert root is not None
            word = "query" if root is self._schema.query_type else "subscription"
            self._ahead.append((root, Asked(f"{word} {{", "}", (), (), frozenset()), frozenset()))
        while self._ahead:
            type_, way, above = self._ahead.popleft()
            end = (type_.name, way.ends(self._steps))
            if end not in seen:
                seen.add(end)
                for asked in self._of_type(type_, way, above):
                    if asked.ends(self._steps) not in seen:
                        seen.add(asked.ends(self._steps))
                        yield asked

    def _of_type(self, type_: GraphQLObjectType, way: Asked, above: frozenset[str]) -> Iterator[Asked]:
        leaves: list[tuple[str, Requirement]] = []
        # By `node` at last: it asks for every type at once.
        for name, field in sorted(type_.fields.items(), key=lambda item: item[0] == "node"):
            declared = declaration_of(field)
            if declared is None:
                continue
            one = self._requirements[f"{type_.name}.{name}"]
            below = get_named_type(field.type)
            given = _needed(name, field)
            if is_leaf_type(below):
                if way.steps:
                    leaves.append((f"{name}{given}", one))
                continue
            if isinstance(declared, Computed):
                # What it is made of is read for all of it; below, nothing is the planner's.
                leaves.append((f"{name}{given} {{ __typename }}", one))
                yield from self._by_arguments(f"{type_.name}.{name}", field, way)
                continue
            inner = _deeper(way, f"{name}{given}", one)
            for object_type, opened in self._within(below, inner):
                if object_type.name not in above:
                    self._ahead.append((object_type, opened, above | {object_type.name}))
            yield from self._by_arguments(f"{type_.name}.{name}", field, way)
        yield from _grouped(way, leaves)

    def _within(self, below: object, way: Asked) -> Iterator[tuple[GraphQLObjectType, Asked]]:
        match below:
            case GraphQLObjectType():
                yield below, way
            case GraphQLInterfaceType():
                for one in self._schema.get_possible_types(below):
                    opened = replace(
                        way,
                        opening=f"{way.opening} ... on {one.name} {{",
                        closing=f"}} {way.closing}",
                        # Some have no rows for those who lack more.
                        scopes=way.scopes | self._requirements[f"{one.name}.id"].inherited,
                    )
                    yield one, opened
            case _:
                raise AssertionError(below)

    # ── arguments ────────────────────────────────────────────────────────────────────────────────────────────────

    def _by_arguments(self, coordinate: str, field: GraphQLField, way: Asked) -> Iterator[Asked]:
        for name, argument in field.args.items():
            key = f"{coordinate}({name}:)"
            asked = _deeper(way, "", self._requirements[coordinate], self._requirements[key])
            field_name = coordinate.rpartition(".")[2]
            for literal, more in self._literals(name, argument, way):
                written = _id_of(field_name) if name == "id" else literal
                given = _arguments(field, name, written)
                selected = _smallest(field, name)
                chain = [self._requirements[coordinate], self._requirements[key], *more]
                opened = replace(
                    asked,
                    opening=f"{way.opening} {field_name}{given} {{",
                    selected=(selected,),
                    coordinates=(*asked.coordinates, *(one.coordinate for one in more)),
                    steps=(*asked.steps, *(one.coordinate for one in more)),
                    scopes=asked.scopes.union(*(one.own for one in more)),
                    masked=chain[-1].masked.difference(way.scopes, *(one.own for one in chain[:-1])),
                )
                yield opened

    def _literals(
        self, name: str, argument: GraphQLArgument, way: Asked
    ) -> Iterator[tuple[str, tuple[Requirement, ...]]]:
        type_ = get_named_type(argument.type)
        if name == "where" and isinstance(type_, GraphQLInputObjectType):
            yield from self._filters(type_, frozenset({type_.name}))
        elif name == "orderBy" and isinstance(type_, GraphQLInputObjectType):
            words = get_named_type(type_.fields["field"].type)
            assert isinstance(words, GraphQLEnumType)
            for word in words.values:
                one = self._requirements[f"{words.name}.{word}"]
                of = ', of: "x"' if _OF.fullmatch(word) else ""
                yield f"[{{ field: {word}{of}, direction: DESC }}]", (one,)
        elif literal := ARGUMENTS.get(name, _sample(argument.type)):
            yield literal, ()

    def _filters(
        self, type_: GraphQLInputObjectType, above: frozenset[str]
    ) -> Iterator[tuple[str, tuple[Requirement, ...]]]:
        for name, field in type_.fields.items():
            one = self._requirements[f"{type_.name}.{name}"]
            if isinstance(combined := _condition(field), Combined):
                yield from self._combined(name, combined, one, type_)
                continue
            below = get_named_type(field.type)
            if not isinstance(below, GraphQLInputObjectType):
                continue
            many = isinstance(_nullable(field.type), GraphQLList)
            if _compares(below):
                literal = _operators(below).replace(SAMPLES["ID"], _id_of(type_.name))
                yield f"{{ {name}: {f'[{literal}]' if many else literal} }}", (one,)
            elif below.name not in above:
                yield f"{{ {name}: {{}} }}", (one,)
                for literal, more in self._filters(below, above | {below.name}):
                    yield f"{{ {name}: {literal} }}", (one, *more)

    def _combined(
        self, name: str, combined: Combined, one: Requirement, type_: GraphQLInputObjectType
    ) -> Iterator[tuple[str, tuple[Requirement, ...]]]:
        """`and`, `or` or `not` of each comparison of the same type that takes something."""
        for other, field in type_.fields.items():
            below, inner = get_named_type(field.type), self._requirements[f"{type_.name}.{other}"]
            if inner.own and isinstance(below, GraphQLInputObjectType) and _compares(below):
                literal = _operators(below)
                many = isinstance(_nullable(field.type), GraphQLList)
                literal = f"{{ {other}: {f'[{literal}]' if many else literal} }}"
                yield f"{{ {name}: {literal if combined.joined == 'NOT' else f'[{literal}]'} }}", (one, inner)


_OF = re.compile("SIGNAL_(COUNT|WEIGHT|.*_AT)|FEATURE_(COUNT|.*_AT)|PURCHASE_TOTAL|TRAIT_.*")
"""Sort keys that are of something."""


def _condition(field: object) -> object:
    metadata = getattr(field.extensions.get("strawberry-definition"), "metadata", None) or {}  # type: ignore[attr-defined]
    return metadata.get(CONDITION)


def _compares(type_: GraphQLInputObjectType) -> bool:
    """Whether it is made of operators; those of relations have filters in them."""
    return all(is_leaf_type(get_named_type(field.type)) for field in type_.fields.values())


def _operators(type_: GraphQLInputObjectType) -> str:
    """Every operator at once, but for the path of a trait, which stands first."""
    given = [f"{name}: {_sample(field.type)}" for name, field in type_.fields.items()]
    return f"{{ {', '.join(given)} }}"


def _sample(type_: GraphQLInputType) -> str:
    match type_:
        case GraphQLNonNull():
            return _sample(type_.of_type)
        case GraphQLList():
            inner = _sample(type_.of_type)
            return f"[{inner}]" if inner else ""
        case GraphQLEnumType():
            return str(next(iter(type_.values)))
        case GraphQLInputObjectType():
            return ""
        case _:
            return SAMPLES[str(type_)]


def _nullable(type_: object) -> object:
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_


def _id_of(name: str) -> str:
    """An id of what a field or a filter is about, by its name."""
    return ARGUMENTS["account"] if name.lower().startswith("account") else SAMPLES["ID"]


def _needed(name: str, field: GraphQLField) -> str:
    given = [
        f"{key}: {ARGUMENTS.get(key) or _sample(one.type)}"
        for key, one in field.args.items()
        if isinstance(one.type, GraphQLNonNull) and one.default is None
    ]
    if not given and "id" in field.args:
        given = [f"id: {SAMPLES['ID']}"]
    return f"({', '.join(given)})".replace(SAMPLES["ID"], _id_of(name)) if given else ""


def _arguments(field: GraphQLField, name: str, literal: str) -> str:
    needed = [
        f"{other}: {ARGUMENTS.get(other) or _sample(one.type)}"
        for other, one in field.args.items()
        if other != name and isinstance(one.type, GraphQLNonNull) and one.default is None
    ]
    return f"({', '.join([*needed, f'{name}: {literal}'])})"


def _smallest(field: GraphQLField, argument: str) -> str:
    """As little as shows what an argument does: a filter shows in a count, an order in cursors."""
    type_ = get_named_type(field.type)
    assert isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType))
    if "totalCount" not in type_.fields:
        return "__typename"
    return "edges { cursor }" if argument == "orderBy" else "totalCount"


def _deeper(way: Asked, field: str, *requirements: Requirement) -> Asked:
    return replace(
        way,
        opening=f"{way.opening} {field} {{",
        closing=f"}} {way.closing}",
        coordinates=(*way.coordinates, *(one.coordinate for one in requirements)),
        steps=(*way.steps, *(one.coordinate for one in requirements)),
        scopes=way.scopes.union(*(one.own for one in requirements)),
    )


def _grouped(way: Asked, leaves: Iterable[tuple[str, Requirement]]) -> Iterator[Asked]:
    """Fields that take the same, together; those for which something is declassified, one by one."""
    groups: dict[object, list[tuple[str, Requirement]]] = {}
    for field, one in leaves:
        alone = one.coordinate if any(declassified_at(one.coordinate)) else ""
        groups.setdefault((one.own, one.masked, alone), []).append((field, one))
    for group in groups.values():
        first = group[0][1]
        yield replace(
            way,
            selected=tuple(field for field, _ in group),
            coordinates=(*way.coordinates, *(one.coordinate for _, one in group)),
            scopes=way.scopes | first.own,
            masked=first.masked - way.scopes,
        )
