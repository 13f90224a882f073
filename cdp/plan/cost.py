"""What an operation may cost, reckoned from its document and its variables before anything else is done with them.

A field costs 1; one that reads further rows, READING; a count, COUNTING. What is inside a list costs that as often as
the list may have items: of a page its size, of another list its `first`, or USUAL_ITEMS where it has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import prod
from typing import TypeAlias

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
)
from msgspec import Struct

from cdp.plan.fields import AnyNode, Computed, Connected, Found, Nested, Rows, declaration_of
from cdp.plan.pages import DEFAULT_SIZE, LARGEST_SIZE
from cdp.plan.values import Variables

READING = 10
"""Of a field that reads rows besides the one that it hangs on."""
COUNTING = 100
"""Of a count."""
USUAL_ITEMS = 10
"""Of a list that is no page, where nothing is said."""
MOST_ITEMS = 1_000
"""Of such a list, whatever is said."""

INTROSPECTED: Mapping[str, int] = {
    "types": 200,
    "fields": 12,
    "args": 4,
    "inputFields": 8,
    "enumValues": 6,
    "possibleTypes": 4,
    "interfaces": 2,
    "directives": 6,
}
"""Items of the schema's own lists, about."""

_COUNTS = frozenset({"totalCount", "totalCountIsEstimated"})
_ITEMS = frozenset({"nodes", "edges"})


class Size(Struct, frozen=True):
    """How often something may be answered, as a variable says."""

    variable: str
    usual: int
    """Where the variable is not given, or null."""
    most: int
    """A size beyond is refused when it is used."""

    def read(self, variables: Variables) -> int:
        """The size with these variables."""
        value = variables.get(self.variable)
        return self.usual if value is None else max(0, min(int(value), self.most))


class Given(Struct, frozen=True):
    """Whether something is answered at all, as a variable in `@include` or `@skip` says."""

    variable: str
    includes: bool

    def read(self, variables: Variables) -> int:
        """1 or 0 with these variables."""
        return int(bool(variables.get(self.variable)) == self.includes)


Factor: TypeAlias = int | Size | Given


class Cost(Struct, frozen=True):
    """A sum of products: of a number and of what variables decide."""

    terms: Mapping[tuple[Size | Given, ...], int]

    def at(self, variables: Variables) -> int:
        """The cost with these variables, coerced."""
        return sum(
            number * prod(factor.read(variables) for factor in factors)
            for factors, number in self.terms.items()
        )


def cost_of(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> Cost:
    """What a valid operation may cost."""
    root = schema.get_root_type(operation.operation)
    return _Reckoning(schema, fragments).selection(root, operation.selection_set, 1)


def _sum(costs: Iterable[Cost]) -> Cost:
    terms: dict[tuple[Size | Given, ...], int] = {}
    for cost in costs:
        for factors, number in cost.terms.items():
            terms[factors] = terms.get(factors, 0) + number
    return Cost(terms)


def _times(factor: Factor, cost: Cost) -> Cost:
    if factor == 1:
        return cost
    if isinstance(factor, int):
        return Cost({factors: number * factor for factors, number in cost.terms.items()})
    return Cost({(factor, *factors): number for factors, number in cost.terms.items()})


class _Reckoning:
    """Goes through one operation; through each fragment once for each size of the list that it is in."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self._known: dict[tuple[str, Factor], Cost] = {}

    def selection(self, type_: GraphQLNamedType | None, selected: SelectionSetNode, size: Factor) -> Cost:
        """Of a selection on this type; `size` is that of the page, if it is a connection's."""
        return _sum(self._one(type_, node, size) for node in selected.selections)

    def _one(self, type_: GraphQLNamedType | None, node: object, size: Factor) -> Cost:
        match node:
            case FieldNode():
                cost = self._field(type_, node, size)
            case InlineFragmentNode():
                named = node.type_condition
                inner = self._schema.get_type(named.name.value) if named else type_
                cost = self.selection(inner, node.selection_set, size)
            case FragmentSpreadNode():
                cost = self._spread(node.name.value, size)
            case _:
                raise AssertionError(node)
        for directive in node.directives or ():
            cost = _times(_included(directive), cost)
        return cost

    def _spread(self, name: str, size: Factor) -> Cost:
        known = self._known.get((name, size))
        if known is None:
            fragment = self._fragments[name]
            type_ = self._schema.get_type(fragment.type_condition.name.value)
            known = self._known[name, size] = self.selection(type_, fragment.selection_set, size)
        return known

    def _field(self, type_: GraphQLNamedType | None, node: FieldNode, size: Factor) -> Cost:
        name = node.name.value
        if name in _COUNTS:
            return Cost({(): COUNTING})
        field = (
            self._schema.get_field(type_, name)
            if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType))
            else None
        )
        declared = declaration_of(field) if field is not None else None
        if isinstance(declared, Computed) and declared.needs is not None:
            return _sum([Cost({(): 1}), self.selection(type_, declared.needs, 1)])
        if field is None or node.selection_set is None:
            return Cost({(): 1})
        own, times, inner_size = self._reading(field, node)
        if type_ is not None and type_.name.startswith("__"):
            times = INTROSPECTED.get(name, 1)
        below = self.selection(get_named_type(field.type), node.selection_set, inner_size)
        if name in _ITEMS:
            # Of a connection: as many as its page has; each is an object itself.
            return _times(size, _sum([Cost({(): 1}), below]))
        return _sum([Cost({(): own}), _times(times, below)])

    def _reading(self, field: GraphQLField, node: FieldNode) -> tuple[int, Factor, Factor]:
        """What a field costs by itself, how often what is below it, and of what size its page is."""
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        match declaration_of(field):
            case Connected():
                wanted = [given[name] for name in ("first", "last") if name in given]
                return READING, 1, _size(wanted, DEFAULT_SIZE, LARGEST_SIZE)
            case Rows():
                wanted = [given["first"]] if "first" in given else []
                return READING, _size(wanted, USUAL_ITEMS, MOST_ITEMS), 1
            case Found() | AnyNode():
                return READING, 1, 1
            case Nested(source=source) if source is not None and (given or not callable(source)):
                return READING, 1, 1
            case _:
                return 1, 1, 1


def _size(wanted: Sequence[ValueNode], usual: int, most: int) -> Factor:
    sizes = [found for found in map(partial(_size_of, usual=usual, most=most), wanted) if found is not None]
    return sizes[0] if sizes else usual


def _size_of(node: ValueNode, *, usual: int, most: int) -> Factor | None:
    match node:
        case VariableNode():
            return Size(node.name.value, usual, most)
        case IntValueNode():
            return max(0, min(int(node.value), most))
        case _:
            return None


def _included(directive: DirectiveNode) -> Factor:
    if directive.name.value not in {"skip", "include"}:
        return 1
    includes = directive.name.value == "include"
    (condition,) = directive.arguments or ()
    match condition.value:
        case VariableNode(name=name):
            return Given(name.value, includes)
        case BooleanValueNode(value=value):
            return int(value == includes)
        case _:
            return 1
