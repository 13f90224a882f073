"""Documents over the whole schema, as a client with a wild mind would write them, with variables to go with them.

hypothesis-graphql writes every argument of a field and no fragment, directive or variable; these documents have all.
Most are valid. Their arguments come mostly from what is really there, so that most of them find something.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

Pools = Mapping[str, Sequence[Any]]
"""What to draw arguments from: by the name of an argument or input field, else by the name of its type."""

ODD_ALIASES = ("select", "_", "__proto", "id", "nodes", "x" * 70, "user", "item", "constructor", "a1")

MOST_FIELDS = 40

UNSTEADY = (
    *(("HookHealth", name) for name in ("calls", "seconds", "slowestSeconds")),
    *(("Plugin", name) for name in ("blockedSeconds", "memoryMegabytes")),
)
"""Fields whose value asking changes, by type: two ways cannot agree on them."""


@dataclass(frozen=True)
class Asked:
    """A document and two sets of variables, which mostly lead to the same plan."""

    document: str
    variables: dict[str, Any]
    others: dict[str, Any]


@dataclass
class _Written:
    """A value, as a literal of a document and as JSON for a variable."""

    literal: str
    given: Any


def a_query(schema: GraphQLSchema, pools: Pools, random: Random, *, aliases: Sequence[str] = ()) -> Asked:
    """A query; with aliases, these alone and often, so that fields get in each other's way."""
    assert schema.query_type is not None
    return _Author(schema, pools, random, aliases).write("query", schema.query_type)


def a_mutation(schema: GraphQLSchema, pools: Pools, random: Random) -> Asked:
    """A mutation of one or a few fields."""
    assert schema.mutation_type is not None
    return _Author(schema, pools, random).write("mutation", schema.mutation_type)


def a_subscription(schema: GraphQLSchema, pools: Pools, random: Random) -> Asked:
    """A subscription, which has one field."""
    assert schema.subscription_type is not None
    return _Author(schema, pools, random).write("subscription", schema.subscription_type)


@dataclass
class _Author:
    """Writes one document."""

    schema: GraphQLSchema
    pools: Pools
    random: Random
    crowded: Sequence[str] = ()
    left: int = MOST_FIELDS
    declared: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    fragments: dict[str, tuple[str, str]] = field(default_factory=dict)
    aliases: int = 0

    def write(self, kind: str, root: GraphQLObjectType) -> Asked:
        """A whole document."""
        roots = tuple(root.fields)
        alone = kind == "subscription"
        fields = 1 if alone else 1 + self.rarely(3)
        selections = [self.field(root, self.one_of(roots), 7) for _ in range(fields)]
        if not alone and self.chance(8):
            selections.append(self.fragment(root, [self.field(root, self.one_of(roots), 3)]))
        if not alone and self.chance(5):
            selections.append("__typename")
        declared = f"({', '.join(self.declared)})" if self.declared else ""
        parts = [f"{kind} Q{declared} {{ {' '.join(selections)} }}"]
        parts += [f"fragment {name} on {on} {text}" for name, (on, text) in self.fragments.items()]
        return Asked(" ".join(parts), self.variables, self.others)

    # ── choosing ─────────────────────────────────────────────────────────────────────────────────────────────────

    def one_of(self, choices: Sequence[Any]) -> Any:
        return self.random.choice(choices)

    def chance(self, percent: int) -> bool:
        return self.random.random() * 100 < percent

    def rarely(self, most: int) -> int:
        """0 to `most`, each number half as likely as the one before it."""
        return next((count for count in range(most) if self.random.random() < 0.5), most)

    # ── selections ───────────────────────────────────────────────────────────────────────────────────────────────

    def below_field(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        """A selection set."""
        if isinstance(type_, GraphQLInterfaceType):
            return self.any_of(type_, depth)
        written: list[str] = []
        for _ in range(1 + self.random.randrange(5)):
            names = [
                name
                for name in self.steady(type_)
                if (depth > 0 and self.left > 0) or self.is_leaf(type_, name)
            ]
            if not names:
                written.append("__typename")
                continue
            text = self.field(type_, self.one_of(names), depth)
            written.append(self.wrapped(type_, text) if self.chance(15) else text)
        if self.chance(6):
            written.append(self.one_of(written))
        if self.chance(8):
            written.append("__typename")
        return f"{{ {' '.join(written)} }}"

    def any_of(self, type_: GraphQLInterfaceType, depth: int) -> str:
        written = ["id" if self.chance(50) else "__typename"]
        for possible in self.schema.get_possible_types(type_):
            if self.chance(60):
                text = self.below_field(possible, depth - 1)
                written.append(f"... on {possible.name}{self.directive()} {text}")
        return f"{{ {' '.join(written)} }}"

    @staticmethod
    def steady(type_: GraphQLObjectType) -> list[str]:
        return [name for name in type_.fields if (type_.name, name) not in UNSTEADY]

    @staticmethod
    def is_leaf(type_: GraphQLObjectType, name: str) -> bool:
        return is_leaf_type(get_named_type(type_.fields[name].type))

    def wrapped(self, type_: GraphQLObjectType, text: str) -> str:
        match self.random.randrange(4):
            case 0:
                return f"...{self.directive()} {{ {text} }}"
            case 1:
                return f"... on {type_.name}{self.directive()} {{ {text} }}"
            case 2 if type_.interfaces:
                return f"... on {type_.interfaces[0].name} {{ id ... on {type_.name} {{ {text} }} }}"
            case _:
                return self.fragment(type_, [text])

    def fragment(self, type_: GraphQLObjectType, selections: Sequence[str]) -> str:
        known = [name for name, (on, _) in self.fragments.items() if on == type_.name]
        if known and self.chance(40):
            return f"...{self.one_of(known)}{self.directive()}"
        name = f"F{len(self.fragments)}"
        self.fragments[name] = (type_.name, f"{{ {' '.join(selections)} }}")
        return f"...{name}{self.directive()}"

    def directive(self) -> str:
        if not self.chance(9):
            return ""
        name = self.one_of(("include", "skip"))
        if self.chance(60):
            variable = self.variable("Boolean!", [self.chance(50)], [self.chance(50)])
            return f" @{name}(if: {variable})"
        return f" @{name}(if: {'true' if self.chance(50) else 'false'})"

    def field(self, type_: GraphQLObjectType, name: str, depth: int) -> str:
        """A field with all that belongs to it."""
        self.left -= 1
        declared = type_.fields[name]
        arguments = self.arguments(declared, name)
        alias = ""
        if self.crowded and self.chance(20):
            alias = f"{self.one_of(self.crowded)}: "
        elif self.chance(90 if arguments else 12):
            self.aliases += 1
            alias = f"a{self.aliases}: " if not self.chance(4) else f"{self.one_of(ODD_ALIASES)}: "
        text = f"{alias}{name}{arguments}{self.directive()}"
        named = get_named_type(declared.type)
        if is_leaf_type(named):
            return text
        assert isinstance(named, GraphQLObjectType | GraphQLInterfaceType)
        return f"{text} {self.below_field(named, depth - 1)}"

    def arguments(self, declared: GraphQLField, name: str) -> str:
        given = [
            each
            for each, argument in declared.args.items()
            if is_required_argument(argument) or self.chance(30)
        ]
        if not self.chance(10):
            given = self.sensible(declared, given)
        written = {
            each: self.value(
                declared.args[each].type,
                each,
                within=name,
                optional=not is_required_argument(declared.args[each]),
            )
            for each in given
        }
        return f"({', '.join(f'{each}: {text}' for each, text in written.items())})" if written else ""

    def sensible(self, declared: GraphQLField, given: list[str]) -> list[str]:
        """Of arguments that exclude each other, one."""
        for choices in (("id", "identifier"), ("id", "domain"), ("first", "last"), ("after", "before")):
            if all(choice in declared.args for choice in choices):
                found = [choice for choice in choices if choice in given]
                if len(found) > 1:
                    given = [each for each in given if each not in found or each == found[0]]
                if not found and choices[0] == "id":
                    given = [*given, self.one_of(choices)]
        if "last" in given:
            given = ["before" if each == "after" else each for each in given]
        elif "before" in given:
            given = ["after" if each == "before" else each for each in given]
        return given

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────────

    def value(self, type_: Any, name: str, *, within: str, optional: bool = True, depth: int = 4) -> str:
        """An argument or an input field: a literal, or a variable."""
        if not self.chance(25):
            return self.written(type_, name, within, depth).literal
        first = self.written(type_, name, within, depth, whole=True)
        second = self.written(type_, name, within, depth, whole=True) if self.chance(70) else first
        if optional and not isinstance(type_, GraphQLNonNull) and self.chance(10):
            return self.variable(str(type_), [], [])
        default = ""
        if self.chance(15):
            default = f" = {self.written(type_, name, within, depth, whole=True).literal}"
        absent = bool(default) and self.chance(30)
        return self.variable(f"{type_}{default}", [] if absent else [first.given], [second.given])

    def variable(self, declared: str, first: list[Any], second: list[Any]) -> str:
        name = f"v{len(self.declared)}"
        self.declared.append(f"${name}: {declared}")
        for values, given in ((self.variables, first), (self.others, second)):
            if given:
                values[name] = given[0]
        return f"${name}"

    def written(self, type_: Any, name: str, within: str, depth: int, *, whole: bool = False) -> _Written:
        """A value of an input type; `whole` ones have no variables within."""
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        elif self.chance(4):
            return _Written("null", None)
        pool = self.pools.get(f"{within}.{name}") or self.pools.get(name)
        if isinstance(type_, GraphQLInputObjectType):
            if type_.name in self.pools:
                return _literal(self.one_of(self.pools[type_.name]))
            return self.object(type_, depth, whole=whole)
        if isinstance(type_, GraphQLList):
            return self.list(type_, name, within, depth, whole=whole)
        if isinstance(type_, GraphQLEnumType):
            chosen = self.one_of(tuple(type_.values))
            return _Written(chosen, chosen)
        return _literal(self.one_of(pool if pool is not None else self.pools[type_.name]))

    def list(self, type_: GraphQLList[Any], name: str, within: str, depth: int, *, whole: bool) -> _Written:
        items = [
            self.item(type_.of_type, name, within, depth - 1, whole=whole)
            for _ in range(self.rarely(3) if depth > 0 else 0)
        ]
        if len(items) == 1 and self.chance(15):
            return items[0]
        return _Written(f"[{', '.join(item.literal for item in items)}]", [item.given for item in items])

    def item(self, type_: Any, name: str, within: str, depth: int, *, whole: bool) -> _Written:
        if whole or not self.chance(5):
            return self.written(type_, name, within, depth, whole=whole)
        return _Written(self.value(type_, name, within=within, depth=depth), None)

    def object(self, type_: GraphQLInputObjectType, depth: int, *, whole: bool) -> _Written:
        required = {name for name, each in type_.fields.items() if is_required_input_field(each)}
        optional = [
            name
            for name, each in type_.fields.items()
            if name not in required and (depth > 0 or is_leaf_type(get_named_type(each.type)))
        ]
        chosen = set(required)
        for _ in range(1 + self.rarely(3) if optional else 0):
            chosen.add(self.one_of(optional))
        literals, given = [], {}
        for name in type_.fields:
            if name not in chosen:
                continue
            if whole:
                value = self.written(type_.fields[name].type, name, type_.name, depth - 1, whole=True)
                literals.append(f"{name}: {value.literal}")
                given[name] = value.given
            else:
                text = self.value(
                    type_.fields[name].type,
                    name,
                    within=type_.name,
                    optional=name not in required,
                    depth=depth - 1,
                )
                literals.append(f"{name}: {text}")
        return _Written(f"{{{', '.join(literals)}}}", given)


def _literal(value: Any) -> _Written:
    return _Written(literal(value), value)


def literal(value: Any) -> str:
    """A JSON value as a document writes it."""
    match value:
        case dict():
            # Variables may have any key, literals only names.
            named = {
                name: each for name, each in value.items() if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII)
            }
            return f"{{{', '.join(f'{name}: {literal(each)}' for name, each in named.items())}}}"
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case _:
            return json.dumps(value)
