"""Arguments while a plan is made: their structure is known and shapes the SQL, their scalars are bound later.

A coerced argument becomes a tree: None, enum values, and lists and dicts of input objects stand as they are, since SQL
depends on them; every scalar (and every list of scalars) is a `Leaf` that is read anew at each execution. `shape` of
the variables says whether two sets of them make the same trees, and so may share a plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_leaf_type,
)
from graphql.utilities import coerce_input_literal
from graphql.utilities.coerce_input_value import coerce_default_value
from msgspec import Struct

Variables: TypeAlias = Mapping[str, Any]
"""Coerced, by name; a variable that was not given and has no default is absent."""


class Leaf(Struct, frozen=True, eq=False):
    """A scalar, or a list of scalars, that each execution reads for itself."""

    read: Callable[[Variables], Any]
    sample: Any
    """Its value in the execution that the plan was made for."""
    is_default: bool = False
    """Whether the schema's default stands because nothing was given."""


Tree: TypeAlias = Any
"""None, an enum's value, a Leaf, a list of trees or a dict of trees by the names of the schema."""

MISSING = Undefined
"""An argument that was not given and has no default."""


def tree_of(node: ValueNode, type_: GraphQLInputType, variables: Variables) -> Tree:  # noqa: PLR0911 - a case each
    """The argument or input field that `node` gives, or MISSING where it is a variable that was not given."""
    if isinstance(type_, GraphQLNonNull):
        return tree_of(node, type_.of_type, variables)
    if isinstance(node, VariableNode):
        name = node.name.value
        if name not in variables:
            return MISSING
        return _tree_of_value(variables[name], type_, (name,))
    if isinstance(node, NullValueNode):
        return None
    if isinstance(type_, GraphQLInputObjectType) and isinstance(node, ObjectValueNode):
        given = {field.name.value: field.value for field in node.fields}
        return _fields_of(
            type_,
            lambda name: (
                tree_of(given[name], type_.fields[name].type, variables) if name in given else MISSING
            ),
        )
    if isinstance(type_, GraphQLList) and not _is_scalar(type_):
        items = node.values if isinstance(node, ListValueNode) else (node,)
        return [tree_of(item, type_.of_type, variables) for item in items]
    if not _is_scalar(type_):
        return _word(coerce_input_literal(node, type_), type_)
    return _literal(node, type_, variables)


def default_of(declared: GraphQLArgument | GraphQLInputField) -> Tree:
    """The tree of an argument's or input field's default; MISSING where it has none."""
    value = coerce_default_value(declared)
    if value is Undefined:
        return MISSING
    return _map_value(
        value, declared.type, lambda leaf, _path: Leaf(lambda _variables: leaf, leaf, is_default=True), ()
    )


def shape(value: Any, type_: GraphQLInputType) -> Any:
    """What of a variable's value shapes the SQL, hashable."""
    if isinstance(type_, GraphQLNonNull):
        return shape(value, type_.of_type)
    if value is None:
        return None
    if _is_scalar(type_):
        return True
    if isinstance(type_, GraphQLList):
        return tuple(shape(item, type_.of_type) for item in value)
    if isinstance(type_, GraphQLInputObjectType):
        return tuple(
            (name, shape(value[name], field.type)) for name, field in type_.fields.items() if name in value
        )
    return value


def _tree_of_value(value: Any, type_: GraphQLInputType, path: tuple[str | int, ...]) -> Tree:
    return _map_value(value, type_, lambda leaf, at: Leaf(_reader(at), leaf), path)


def _map_value(
    value: Any,
    type_: GraphQLInputType,
    make: Callable[[Any, tuple[str | int, ...]], Leaf],
    path: tuple[str | int, ...],
) -> Tree:
    if isinstance(type_, GraphQLNonNull):
        return _map_value(value, type_.of_type, make, path)
    if value is None:
        return None
    if _is_scalar(type_):
        return make(value, path)
    if isinstance(type_, GraphQLList):
        return [_map_value(item, type_.of_type, make, (*path, at)) for at, item in enumerate(value)]
    if isinstance(type_, GraphQLInputObjectType):
        return {
            name: _map_value(value[name], field.type, make, (*path, name))
            for name, field in type_.fields.items()
            if name in value
        }
    return _word(value, type_)


def _word(value: Any, type_: GraphQLInputType) -> Any:
    """A value of an enum as the member that Python knows."""
    words = getattr(type_, "wrapped_cls", None)
    return value if words is None or value is None else words(getattr(value, "value", value))


def _fields_of(type_: GraphQLInputObjectType, given: Callable[[str], Tree]) -> dict[str, Tree]:
    fields: dict[str, Tree] = {}
    for name, field in type_.fields.items():
        tree = given(name)
        if tree is MISSING:
            tree = default_of(field)
        if tree is not MISSING:
            fields[name] = tree
    return fields


def _literal(node: ValueNode, type_: GraphQLInputType, variables: Variables) -> Leaf | None:
    if not _holds_variable(node):
        value = coerce_input_literal(node, type_)
        return Leaf(lambda _variables: value, value)

    def read(variables: Variables) -> Any:
        return _with_variables(node, type_, variables)

    return Leaf(read, read(variables))


def _with_variables(node: ValueNode, type_: GraphQLInputType, variables: Variables) -> Any:
    """A list of scalars, or JSON, with variables inside."""
    if isinstance(type_, GraphQLNonNull):
        return _with_variables(node, type_.of_type, variables)
    if isinstance(node, VariableNode):
        return variables.get(node.name.value)
    if isinstance(type_, GraphQLList) and isinstance(node, ListValueNode):
        return [_with_variables(item, type_.of_type, variables) for item in node.values]
    if isinstance(node, ListValueNode):
        return [_with_variables(item, type_, variables) for item in node.values]
    if isinstance(node, ObjectValueNode):
        return {field.name.value: _with_variables(field.value, type_, variables) for field in node.fields}
    return coerce_input_literal(node, type_)


def _holds_variable(node: ValueNode) -> bool:
    match node:
        case VariableNode():
            return True
        case ListValueNode():
            return any(_holds_variable(item) for item in node.values)
        case ObjectValueNode():
            return any(_holds_variable(field.value) for field in node.fields)
        case _:
            return False


def _is_scalar(type_: GraphQLInputType) -> bool:
    """A scalar, or lists of one; enums shape the SQL and are not."""
    while isinstance(type_, (GraphQLNonNull, GraphQLList)):
        type_ = type_.of_type
    return is_leaf_type(type_) and not isinstance(type_, GraphQLEnumType)


def _reader(path: tuple[str | int, ...]) -> Callable[[Variables], Any]:
    if len(path) == 1:
        (name,) = path
        return lambda variables: variables[name]  # type: ignore[index]

    def read(variables: Variables) -> Any:
        value: Any = variables
        for step in path:
            value = value[step]
        return value

    return read
