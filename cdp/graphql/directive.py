"""`@requires`: the schema's own text says which scopes a field, an argument, a filter or a sort key takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphql import (
    DirectiveLocation,
    EnumTypeDefinitionNode,
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLDirective,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    Node,
    ObjectTypeDefinitionNode,
    parse,
)
from graphql.type import GraphQLDefaultInput

from cdp.graphql.requirements import Requirement, Scopes
from cdp.plan.labels import Label, PluginScope

REQUIRES = GraphQLDirective(
    name="requires",
    locations=[
        DirectiveLocation.FIELD_DEFINITION,
        DirectiveLocation.ARGUMENT_DEFINITION,
        DirectiveLocation.INPUT_FIELD_DEFINITION,
        DirectiveLocation.ENUM_VALUE,
    ],
    args={
        "scopes": GraphQLArgument(
            GraphQLNonNull(GraphQLList(GraphQLNonNull(GraphQLString))), description="All of these."
        ),
        "masked": GraphQLArgument(
            GraphQLNonNull(GraphQLBoolean),
            default=GraphQLDefaultInput(value=False),
            description="Whether those who lack one see another form of it, in place of nothing.",
        ),
    },
    is_repeatable=True,
    description="Scopes that it takes to ask for this. Those of panels, of personal data and of plugins' labels are "
    "repeated wherever something is reached through them alone; every other scope stands where it is declared.",
)

_INHERITED = frozenset(label.scope for label in (Label.INTENT, Label.USAGE, Label.PII))


def annotated(text: str, requirements: Mapping[str, Requirement]) -> str:
    """The text of a schema with the directive wherever something takes a scope."""
    inserted = sorted(_insertions(text, requirements), reverse=True)
    for place, directives in inserted:
        text = text[:place] + directives + text[place:]
    return text


def _insertions(text: str, requirements: Mapping[str, Requirement]) -> Iterator[tuple[int, str]]:
    for coordinate, node in _coordinates(text):
        directives = _directives(requirements.get(coordinate))
        if directives:
            assert node.loc is not None
            yield node.loc.end, directives


def _coordinates(text: str) -> Iterator[tuple[str, Node]]:
    for definition in parse(text).definitions:
        match definition:
            case ObjectTypeDefinitionNode() | InterfaceTypeDefinitionNode():
                for field in definition.fields or ():
                    coordinate = f"{definition.name.value}.{field.name.value}"
                    yield coordinate, field
                    for argument in field.arguments or ():
                        yield f"{coordinate}({argument.name.value}:)", argument
            case InputObjectTypeDefinitionNode():
                for given in definition.fields or ():
                    yield f"{definition.name.value}.{given.name.value}", given
            case EnumTypeDefinitionNode():
                for value in definition.values or ():
                    yield f"{definition.name.value}.{value.name.value}", value
            case _:
                pass


def _directives(requirement: Requirement | None) -> str:
    if requirement is None:
        return ""
    of_panels = frozenset(
        scope
        for scope in requirement.inherited
        if (scope in _INHERITED or isinstance(scope, PluginScope)) and not requirement.of_argument
    )
    masked = requirement.masked - of_panels
    return _directive(requirement.own - masked | of_panels) + _directive(masked, more=", masked: true")


def _directive(scopes: Scopes, *, more: str = "") -> str:
    if not scopes:
        return ""
    listed = ", ".join(f'"{scope.value}"' for scope in sorted(scopes))
    return f" @requires(scopes: [{listed}]{more})"
