"""Fields that answer under one key must be one field with the same arguments: the specification's "Field Selection
Merging", in time that grows with the document.

The rule of graphql-core compares every pair of fields, and every pair of fragments again; a document of a few kilobytes
keeps it busy for seconds. Here fields are gathered by key once a level and each is compared with the first, as Sangria
does (S. Adamovskiy, S. Grigoriev: "GraphQL OverlappingFieldsCanBeMerged, fast"). It expects a document that is valid
otherwise: fields and fragments are known, and no fragment is within itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    get_named_type,
    is_leaf_type,
    print_ast,
)

Members: TypeAlias = Sequence[tuple[GraphQLNamedType, SelectionSetNode]]
"""Selection sets that are answered as one object, with the types of which they are."""


class _Asked:
    """A field where it is asked for."""

    __slots__ = ("declared", "node", "parent")

    def __init__(self, parent: GraphQLNamedType, node: FieldNode, declared: GraphQLField) -> None:
        self.parent = parent
        self.node = node
        self.declared = declared


def overlaps(schema: GraphQLSchema, document: DocumentNode) -> Iterator[GraphQLError]:
    """An error for each key that fields which cannot be merged answer under."""
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    merging = _Merging(schema, fragments)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            root = schema.get_root_type(definition.operation)
            assert root is not None
            yield from merging.together([(root, definition.selection_set)])


class _Merging:
    """Looks for conflicts in the operations of one document."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments

    def together(self, members: Members) -> Iterator[GraphQLError]:
        """Conflicts among fields that may all be answered by the same object."""
        for key, fields in self._by_key(members).items():
            sames = list(_by_parent(fields)) if len(fields) > 1 else [fields]
            yield from _shapes(key, fields)
            for same in sames:
                yield from _differences(key, same)
                yield from self.together(_below(same))
            if len(sames) > 1:
                yield from self.alike(_below(fields))

    def alike(self, members: Members) -> Iterator[GraphQLError]:
        """Conflicts among fields of objects of different types: their answers only have to look alike."""
        for key, fields in self._by_key(members).items():
            yield from _shapes(key, fields)
            yield from self.alike(_below(fields))

    def _by_key(self, members: Members) -> dict[str, list[_Asked]]:
        found: dict[str, list[_Asked]] = {}
        visited: set[str] = set()
        for type_, selection_set in members:
            self._collect(type_, selection_set, found, visited)
        return found

    def _collect(
        self,
        type_: GraphQLNamedType,
        selection_set: SelectionSetNode,
        found: dict[str, list[_Asked]],
        visited: set[str],
    ) -> None:
        for node in selection_set.selections:
            match node:
                case FieldNode():
                    declared = self._schema.get_field(type_, node.name.value)  # type: ignore[arg-type]
                    assert declared is not None
                    key = node.alias.value if node.alias else node.name.value
                    found.setdefault(key, []).append(_Asked(type_, node, declared))
                case InlineFragmentNode(type_condition=condition):
                    self._collect(self._type(condition, type_), node.selection_set, found, visited)
                case FragmentSpreadNode():
                    name = node.name.value
                    if name not in visited:
                        visited.add(name)
                        fragment = self._fragments[name]
                        self._collect(
                            self._type(fragment.type_condition, type_), fragment.selection_set, found, visited
                        )

    def _type(self, condition: Any, around: GraphQLNamedType) -> GraphQLNamedType:
        return around if condition is None else self._schema.type_map[condition.name.value]


def _below(fields: Iterable[_Asked]) -> Members:
    return [
        (get_named_type(field.declared.type), field.node.selection_set)
        for field in fields
        if field.node.selection_set is not None
    ]


def _by_parent(fields: Sequence[_Asked]) -> Iterator[Sequence[_Asked]]:
    """The fields that one object may answer all of, for each type of object that there is."""
    objects = {field.parent for field in fields if isinstance(field.parent, GraphQLObjectType)}
    if len(objects) < 2:
        yield fields
        return
    for parent in objects:
        yield [
            field
            for field in fields
            if field.parent is parent or not isinstance(field.parent, GraphQLObjectType)
        ]


def _differences(key: str, fields: Sequence[_Asked]) -> Iterator[GraphQLError]:
    """A conflict of names or arguments with the first field, if there is one."""
    first, *others = fields
    given = _arguments(first.node) if others else ()
    for other in others:
        name, another = first.node.name.value, other.node.name.value
        if another != name:
            yield _conflict(key, f"`{name}` and `{another}` are different fields", first, other)
            return
        if _arguments(other.node) != given:
            yield _conflict(key, "they have different arguments", first, other)
            return


def _shapes(key: str, fields: Sequence[_Asked]) -> Iterator[GraphQLError]:
    """A conflict of types with the first field, if there is one."""
    first, *others = fields
    for other in others:
        if not _look_alike(first.declared.type, other.declared.type):
            reason = f"they are of the types {first.declared.type} and {other.declared.type}"
            yield _conflict(key, reason, first, other)
            return


def _look_alike(one: Any, other: Any) -> bool:
    while isinstance(one, GraphQLNonNull | GraphQLList) or isinstance(other, GraphQLNonNull | GraphQLList):
        if type(one) is not type(other):
            return False
        one, other = one.of_type, other.of_type
    return one is other or not (is_leaf_type(one) or is_leaf_type(other))


def _arguments(node: FieldNode) -> Any:
    return {argument.name.value: _canonical(argument.value) for argument in node.arguments or ()}


def _canonical(value: ValueNode) -> Any:
    """A value that is equal to another one exactly if they mean the same: fields of objects have no order."""
    match value:
        case ObjectValueNode(fields=fields):
            return {field.name.value: _canonical(field.value) for field in fields}
        case ListValueNode(values=values):
            return [_canonical(item) for item in values]
        case _:
            return print_ast(value)


def _conflict(key: str, reason: str, one: _Asked, other: _Asked) -> GraphQLError:
    message = f"Fields cannot both be answered as `{key}`, because {reason}; give one of them an alias."
    return GraphQLError(message, [one.node, other.node])
