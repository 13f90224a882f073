"""Types of the schema from the Python types that plugins declare."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLString,
)
from graphql.type import GraphQLDefaultInput

from cdp.errors import Misconfigured
from cdp.hooks.shapes import Kind, Listed, Made, Maybe, Part, Scalar, Shape, Word, shown, written

_BUILT_IN: Mapping[Kind, GraphQLScalarType] = {
    Kind.STRING: GraphQLString,
    Kind.INT: GraphQLInt,
    Kind.FLOAT: GraphQLFloat,
    Kind.BOOLEAN: GraphQLBoolean,
    Kind.PROFILE: GraphQLID,
    Kind.ACCOUNT: GraphQLID,
}


def pascal(name: str) -> str:
    """The name of a plugin as types begin with it."""
    return "".join(part[:1].upper() + part[1:] for part in name.replace("-", "_").split("_"))


def capital(name: str) -> str:
    """A field's name as the types of a mutation begin with it."""
    return name[:1].upper() + name[1:]


class Types:
    """The types that plugins bring to one schema.

    Args:
        core: all types of the core by name.
    """

    def __init__(self, core: Mapping[str, GraphQLNamedType]) -> None:
        self._core = core
        self._words: dict[type[Enum], GraphQLNamedType] = {
            words: type_
            for type_ in core.values()
            if (words := getattr(type_, "wrapped_cls", None)) is not None
        }
        self._owners: dict[str, str] = {}
        self._made: dict[tuple[str, type, str], GraphQLNamedType] = {}

    def output(self, plugin: str, shape: Shape) -> Any:
        """The type of an answer."""
        match shape:
            case Maybe(of=inner):
                return self.nullable(plugin, inner)
            case _:
                return GraphQLNonNull(self.nullable(plugin, shape))

    def nullable(self, plugin: str, shape: Shape) -> Any:
        """The type of an answer that may be null, whatever its shape says."""
        match shape:
            case Scalar(kind=kind):
                return self._scalar(kind)
            case Word():
                return self._word(plugin, shape)
            case Listed(of=inner):
                return GraphQLList(self.output(plugin, inner))
            case Maybe(of=inner):
                return self.nullable(plugin, inner)
            case Made():
                return self._object(plugin, shape)

    def input(self, plugin: str, shape: Shape) -> Any:
        """The type of an argument."""
        match shape:
            case Maybe(of=inner):
                return self._nullable_input(plugin, inner)
            case _:
                return GraphQLNonNull(self._nullable_input(plugin, shape))

    def input_object(self, plugin: str, shape: Made, name: str) -> GraphQLInputObjectType:
        """The type of an object in an argument, by this name."""
        key = (plugin, shape.type, name)
        if key not in self._made:
            self._take(name, plugin)
            self._made[key] = GraphQLInputObjectType(
                name,
                {
                    one.name: GraphQLInputField(
                        self.input(plugin, one.shape), default=_default(one), description=one.description
                    )
                    for one in shape.parts
                },
                description=shape.description,
            )
        found = self._made[key]
        assert isinstance(found, GraphQLInputObjectType)
        return found

    def arguments(self, plugin: str, shape: Made) -> dict[str, GraphQLArgument]:
        """The attributes of a Struct as arguments of a field."""
        return {
            one.name: GraphQLArgument(
                self.input(plugin, one.shape), default=_default(one), description=one.description
            )
            for one in shape.parts
        }

    def payload(self, plugin: str, name: str, result: Shape) -> GraphQLObjectType:
        """What a mutation of this name answers."""
        self._take(name, plugin)
        return GraphQLObjectType(
            name,
            {
                "result": GraphQLField(
                    self.nullable(plugin, result), description="What it did; null where it did nothing."
                ),
                "userErrors": GraphQLField(
                    GraphQLNonNull(GraphQLList(GraphQLNonNull(self._core["UserError"]))),
                    description="Why nothing was done; empty where it was.",
                ),
            },
            description=f"What {name.removesuffix('Payload')[:1].lower()}{name.removesuffix('Payload')[1:]} did.",
        )

    def _scalar(self, kind: Kind) -> Any:
        return _BUILT_IN.get(kind) or self._core[kind.value]

    def _word(self, plugin: str, shape: Word) -> GraphQLNamedType:
        if (known := self._words.get(shape.type)) is not None:
            return known
        name = f"{pascal(plugin)}{shape.type.__name__}"
        key = (plugin, shape.type, name)
        if key not in self._made:
            self._take(name, plugin)
            said = dict(shape.descriptions)
            self._made[key] = GraphQLEnumType(
                name,
                {one.name: GraphQLEnumValue(one, description=said[one.name]) for one in shape.type},
                description=shape.description,
            )
        return self._made[key]

    def _object(self, plugin: str, shape: Made) -> GraphQLNamedType:
        name = f"{pascal(plugin)}{shape.type.__name__}"
        key = (plugin, shape.type, name)
        if key not in self._made:
            self._take(name, plugin)
            fields = {
                one.name: GraphQLField(
                    self.output(plugin, one.shape), resolve=_reader(one), description=one.description
                )
                for one in shape.parts
            }
            self._made[key] = GraphQLObjectType(name, fields, description=shape.description)
        return self._made[key]

    def _nullable_input(self, plugin: str, shape: Shape) -> Any:
        match shape:
            case Listed(of=inner):
                return GraphQLList(self.input(plugin, inner))
            case Made():
                name = f"{pascal(plugin)}{shape.type.__name__.removesuffix('Input')}Input"
                return self.input_object(plugin, shape, name)
            case _:
                return self.nullable(plugin, shape)

    def _take(self, name: str, plugin: str) -> None:
        owner = "the core" if name in self._core else self._owners.get(name)
        if owner is not None:
            raise Misconfigured(
                f"The type {name} of the plugin {plugin} is a type of {owner} already; rename one of them."
            )
        self._owners[name] = f"the plugin {plugin}"


def _default(part: Part) -> GraphQLDefaultInput | None:
    if part.required or part.default is None:
        return None
    return GraphQLDefaultInput(value=written(part.shape, part.default))


def _reader(part: Part) -> Any:
    attribute, shape = part.attribute, part.shape

    def read(source: Any, _info: GraphQLResolveInfo[Any]) -> Any:
        return shown(shape, getattr(source, attribute))

    return read
