"""What a plugin's field requires of an object: the selection that the planner reads, and the labels of all in it."""

from __future__ import annotations

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    NameNode,
    SelectionSetNode,
    get_named_type,
    is_required_argument,
)
from msgspec import Struct

from cdp.errors import Misconfigured
from cdp.hooks.shapes import Kind, Listed, Made, Maybe, Part, Scalar, Shape, Word
from cdp.plan.fields import Column, Computed, Declaration, declaration_of
from cdp.plan.labels import NONE, Labels


class Required(Struct, frozen=True):
    """A selection, and what it takes to see it."""

    selection: SelectionSetNode
    labels: Labels


def required(type_: GraphQLObjectType, shape: Made, whose: str) -> Required:
    """The selection on a type that fills a Struct.

    Raises:
        Misconfigured: the type has no such field, one that needs arguments or is worked out by a plugin, or one of
            another type than the attribute.
    """
    nodes: list[FieldNode] = []
    labels = NONE
    for part in shape.parts:
        where = f"{whose} requires {type_.name}.{part.name}"
        field = type_.fields.get(part.name)
        if field is None:
            raise Misconfigured(f"{where}, which there is not.")
        declared = declaration_of(field)
        if declared is None or isinstance(declared, Computed):
            raise Misconfigured(f"{where}, which is worked out itself.")
        if needed := [name for name, one in field.args.items() if is_required_argument(one)]:
            raise Misconfigured(f"{where}, which needs the argument {needed[0]}.")
        labels |= _labels_of(declared)
        inner = _inner(field, part, declared, where)
        selection = None
        if isinstance(inner, Made):
            named = get_named_type(field.type)
            if not isinstance(named, GraphQLObjectType):
                raise Misconfigured(f"{where}, which is a {named.name} and no object.")
            below = required(named, inner, whose)
            selection, labels = below.selection, labels | below.labels
        nodes.append(
            FieldNode(
                name=NameNode(value=part.name),
                arguments=(),
                directives=(),
                selection_set=selection,
                alias=None,
            )
        )
    return Required(SelectionSetNode(selections=tuple(nodes)), labels)


def _labels_of(declared: Declaration) -> Labels:
    """What it takes to see a field; less where there is a form of it for everybody that can be worked with."""
    if isinstance(declared, Column) and declared.redacted is not None and not declared.masks:
        return declared.strict
    return declared.labels


def _inner(field: GraphQLField, part: Part, declared: Declaration, where: str) -> Shape:
    """The attribute's shape without lists and nulls.

    Raises:
        Misconfigured: the field is of another type.
    """
    type_, shape = field.type, part.shape
    # What is null only for those who may not see it is never null here.
    seen = bool(declared.labels) and isinstance(get_named_type(type_), GraphQLObjectType)
    while True:
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        elif not isinstance(shape, Maybe) and not seen:
            raise Misconfigured(f"{where}, which may be null; write `| None`.")
        seen = False
        shape = shape.of if isinstance(shape, Maybe) else shape
        if not isinstance(type_, GraphQLList):
            break
        if not isinstance(shape, Listed):
            raise Misconfigured(f"{where}, which is a list.")
        type_, shape = type_.of_type, shape.of
    if not _fits(shape, type_):
        raise Misconfigured(f"{where}, which is of the type {type_}.")
    return shape


def _fits(shape: Shape, type_: object) -> bool:
    match shape, type_:
        case Scalar(kind=kind), GraphQLScalarType(name="ID"):
            return kind in {Kind.STRING, Kind.PROFILE, Kind.ACCOUNT}
        case Scalar(kind=Kind.FLOAT), GraphQLScalarType(name="Int"):
            return True
        case Scalar(kind=kind), GraphQLScalarType(name=name):
            return kind.value == name
        case ((Scalar(kind=Kind.STRING) | Word()), GraphQLEnumType()):
            return True
        case Made(), GraphQLObjectType():
            return True
        case _:
            return False
