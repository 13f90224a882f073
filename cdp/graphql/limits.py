"""Limits of a document, checked before it is validated: validating a hostile one is what it wants."""

from __future__ import annotations

from collections.abc import Mapping

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
)
from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """What a document may ask for at most."""

    characters: int = 100_000
    tokens: int = 10_000
    depth: int = 25
    """Of fields in fields, fragments spread out. GraphiQL's introspection needs 13."""
    fields: int = 5_000
    """Of all operations together, fragments spread out."""
    aliases: int = 500


class _Size(Struct):
    """Of a selection set with everything below it."""

    depth: int
    fields: int
    aliases: int


class TooComplex(GraphQLError):
    """A document beyond a limit."""

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": "COMPLEXITY"})


def check(document: DocumentNode, limits: Limits) -> None:
    """Do nothing if the document is within the limits. Fragments that spread themselves are left to validation.

    Raises:
        TooComplex: it is not; the message says which limit and how far.
    """
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    measured: dict[str, _Size] = {}
    total = _Size(0, 0, 0)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            size = _measure(definition.selection_set, fragments, measured, frozenset(), limits)
            total = _Size(max(total.depth, size.depth), total.fields + size.fields, total.aliases + size.aliases)
            _refuse(total, limits)
    for name, fragment in fragments.items():
        if name not in measured:
            _refuse(_measure(fragment.selection_set, fragments, measured, frozenset({name}), limits), limits)


def _measure(
    selection_set: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    measured: dict[str, _Size],
    within: frozenset[str],
    limits: Limits,
    depth: int = 0,
) -> _Size:
    if depth > limits.depth * 4:
        raise TooComplex(f"A document may nest {limits.depth} fields deep; this one nests deeper.")
    size = _Size(0, 0, 0)
    for node in selection_set.selections:
        if isinstance(node, FieldNode):
            below = _Size(0, 0, 0)
            if node.selection_set is not None:
                below = _measure(node.selection_set, fragments, measured, within, limits, depth + 1)
            below = _Size(below.depth + 1, below.fields + 1, below.aliases + (node.alias is not None))
        elif isinstance(node, FragmentSpreadNode):
            below = _spread(node.name.value, fragments, measured, within, limits, depth)
        else:
            below = _measure(node.selection_set, fragments, measured, within, limits, depth + 1)
        size = _Size(max(size.depth, below.depth), size.fields + below.fields, size.aliases + below.aliases)
        if size.fields > limits.fields:
            _refuse(size, limits)
    return size


def _spread(
    name: str,
    fragments: Mapping[str, FragmentDefinitionNode],
    measured: dict[str, _Size],
    within: frozenset[str],
    limits: Limits,
    depth: int,
) -> _Size:
    if name not in fragments or name in within:
        return _Size(0, 0, 0)
    if name not in measured:
        measured[name] = _measure(
            fragments[name].selection_set, fragments, measured, within | {name}, limits, depth + 1
        )
    return measured[name]


def _refuse(size: _Size, limits: Limits) -> None:
    for what, found, most in (
        ("nest {most} fields deep; this one nests {found}", size.depth, limits.depth),
        ("ask for {most:,} fields; this one asks for {found:,} or more", size.fields, limits.fields),
        ("have {most:,} aliases; this one has {found:,}", size.aliases, limits.aliases),
    ):
        if found > most:
            raise TooComplex(f"A document may {what.format(most=most, found=found)}.")
