"""Limits of a request: of its document, before it is validated, since validating a hostile one is what it wants; of its
variables, before they are read; of what it may cost, before anything is planned or asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)
from msgspec import Struct

from cdp.plan.cost import Cost
from cdp.plan.values import Variables


class Limits(Struct, frozen=True, kw_only=True):
    """What a document may ask for at most."""

    characters: int = 100_000
    tokens: int = 2_500
    """To read one takes some 15 microseconds, in which the process does nothing else."""
    brackets: int = 100
    """Of any kind within each other."""
    directives: int = 300
    spreads: int = 600
    """Of fragments, named and inline."""
    definitions: int = 200
    """Operations and fragments."""
    variables: int = 300
    """Of one operation."""
    depth: int = 25
    """Of fields in fields, fragments spread out. GraphiQL's introspection needs 13."""
    fields: int = 5_000
    """Of all operations together, fragments spread out."""
    subscribed: int = 500
    """Of a subscription; that it has one field at its root is found out in time of the square of these."""
    aliases: int = 500
    cost: int = 1_000_000
    """Of one operation; see cdp.plan.cost."""
    objects: int = 1_000
    """And lists, in the variables of a query; a filter is made of them."""
    inputs: int = 3_000
    """Input objects in the variables of a mutation: a batch of events is 2,500 of them."""
    values: int = 10_000
    """And other values, in these."""
    nesting: int = 50
    """Of lists and objects in these."""


class _Size(Struct, frozen=True):
    """Of a selection set with everything below it."""

    depth: int
    fields: int
    aliases: int


_NOTHING = _Size(0, 0, 0)


class TooComplex(GraphQLError):
    """A document beyond a limit."""

    def __init__(self, message: str, **figures: int) -> None:
        super().__init__(message, extensions={"code": "COMPLEXITY", **figures})


def check(document: DocumentNode, limits: Limits) -> None:
    """Do nothing if the document is within the limits. Fragments that spread themselves are left to validation.

    Raises:
        TooComplex: it is not; the message says which limit and how far.
    """
    if len(document.definitions) > limits.definitions:
        raise TooComplex(
            f"A document may have {limits.definitions:,} operations and fragments; "
            f"this one has {len(document.definitions):,}."
        )
    measuring = _Measuring(document, limits)
    total = _NOTHING
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            if len(definition.variable_definitions or ()) > limits.variables:
                raise TooComplex(f"An operation may have {limits.variables:,} variables; this one has more.")
            size = measuring.measure(definition.selection_set)
            if definition.operation == OperationType.SUBSCRIPTION and size.fields > limits.subscribed:
                raise TooComplex(
                    f"A subscription may ask for {limits.subscribed:,} fields; this one asks for {size.fields:,}."
                )
            total = _Size(
                max(total.depth, size.depth), total.fields + size.fields, total.aliases + size.aliases
            )
        elif isinstance(definition, FragmentDefinitionNode):
            refuse(measuring.spread(definition.name.value), limits)
        refuse(total, limits)


def check_variables(given: Mapping[str, Any], limits: Limits) -> None:
    """Do nothing if the variables of a query, as they came, are within the limits.

    Raises:
        TooComplex: they hold more objects or values, or nest deeper.
    """
    containers = values = 0
    level: list[Any] = list(given.values())
    for _ in range(limits.nesting):
        values += len(level)
        if values > limits.values:
            raise TooComplex(f"The variables of a query may hold {limits.values:,} values; these hold more.")
        level = [value for value in level if type(value) is dict or type(value) is list]
        containers += len(level)
        if containers > limits.objects:
            raise TooComplex(
                f"The variables of a query may hold {limits.objects:,} objects and lists; these hold more."
            )
        if not level:
            return
        level = [inner for value in level for inner in (value.values() if type(value) is dict else value)]
    raise TooComplex(f"The variables of a query may nest {limits.nesting} deep; these nest deeper.")


def check_cost(cost: Cost, variables: Variables, limits: Limits) -> int:
    """What an operation with these variables costs, which is no more than it may.

    Raises:
        TooComplex: it does; the message says how much, and how much is allowed.
    """
    found = cost.at(variables)
    if found > limits.cost:
        raise TooComplex(
            f"This operation may cost {found:,}, and no operation may cost more than {limits.cost:,}: "
            "ask for smaller pages, or for fewer fields inside of lists.",
            cost=found,
            limit=limits.cost,
        )
    return found


class _Measuring:
    """Measures selection sets; each fragment once."""

    def __init__(self, document: DocumentNode, limits: Limits) -> None:
        self._limits = limits
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._measured: dict[str, _Size] = {}
        self._within: set[str] = set()

    def measure(self, selection_set: SelectionSetNode) -> _Size:
        """The size of a selection set with everything below it."""
        size = _NOTHING
        for node in selection_set.selections:
            match node:
                case FieldNode():
                    below = self.measure(node.selection_set) if node.selection_set is not None else _NOTHING
                    below = _Size(below.depth + 1, below.fields + 1, below.aliases + (node.alias is not None))
                case FragmentSpreadNode():
                    below = self.spread(node.name.value)
                case InlineFragmentNode():
                    below = self.measure(node.selection_set)
                case _:
                    raise AssertionError(node)
            size = _Size(
                max(size.depth, below.depth), size.fields + below.fields, size.aliases + below.aliases
            )
            refuse(size, self._limits)
        return size

    def spread(self, name: str) -> _Size:
        """The size of a fragment; nothing where it is not known or spreads itself."""
        if name not in self._fragments or name in self._within:
            return _NOTHING
        if name not in self._measured:
            self._within.add(name)
            self._measured[name] = self.measure(self._fragments[name].selection_set)
            self._within.discard(name)
        return self._measured[name]


def refuse(size: _Size, limits: Limits) -> None:
    """Do nothing if a size is within the limits.

    Raises:
        TooComplex: it is not.
    """
    for what, found, most in (
        ("nest {most} fields deep; this one nests {found} or more", size.depth, limits.depth),
        ("ask for {most:,} fields; this one asks for {found:,} or more", size.fields, limits.fields),
        ("have {most:,} aliases; this one has {found:,} or more", size.aliases, limits.aliases),
    ):
        if found > most:
            raise TooComplex(f"A document may {what.format(most=most, found=found)}.")
