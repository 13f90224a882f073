"""What every part of the schema takes to be seen, by its schema coordinate: what it declares, and what it inherits.

    Profile.buyerIntent          a field            ProfileFilter.displayName          an input field
    Query.profiles(search:)      an argument        ProfileOrderField.INTENT_SCORE     an enum's value

What is reached only through something that takes a scope takes that scope, too: where there are several ways to it, it
inherits what all of them take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
)
from msgspec import Struct

from cdp.graphql.labelled import needs_of
from cdp.plan.entities import Entity, SortKey
from cdp.plan.fields import AnyNode, Column, Connected, declaration_of
from cdp.plan.filters import CONDITION
from cdp.plan.labels import NONE, AnyScope, Labels

Scopes = frozenset[AnyScope]
NOTHING: Scopes = frozenset()


class Requirement(Struct, frozen=True, kw_only=True):
    """What one coordinate takes."""

    coordinate: str
    own: Scopes = NOTHING
    """What it declares itself."""
    inherited: Scopes = NOTHING
    """What every way to it takes."""
    masked: Scopes = NOTHING
    """Of what it declares, the scopes without which there is another form of it, in place of nothing."""

    @property
    def of_argument(self) -> bool:
        """Whether it is an argument, which inherits all from its field."""
        return self.coordinate.endswith(")")

    @property
    def scopes(self) -> Scopes:
        """All that it takes."""
        return self.own | self.inherited


def requirements_of(schema: GraphQLSchema) -> Mapping[str, Requirement]:
    """Everything that can be asked for, in the schema's order."""
    return _Walk(schema).found()


class _Own(Struct, frozen=True):
    """What something declares."""

    scopes: Scopes = NOTHING
    masked: Scopes = NOTHING


class _Walk:
    """Goes from the roots to everything, until nothing is reached by less than was known."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._at: dict[str, Scopes] = {}
        self._sorts: dict[str, Mapping[str, SortKey]] = {}
        for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
            if root is not None:
                self._reach(root, NOTHING)

    def _reach(self, type_: GraphQLNamedType, scopes: Scopes) -> None:
        known = self._at.get(type_.name)
        reached = scopes if known is None else known & scopes
        if reached == known:
            return
        self._at[type_.name] = reached
        match type_:
            case GraphQLObjectType() | GraphQLInterfaceType():
                for field in type_.fields.values():
                    self._follow(field, reached | own_of_field(field).scopes)
                if isinstance(type_, GraphQLInterfaceType):
                    for one in self._schema.get_possible_types(type_):
                        self._reach(one, reached)
            case GraphQLUnionType():
                for one in type_.types:
                    self._reach(one, reached)
            case GraphQLInputObjectType():
                for given in type_.fields.values():
                    self._reach(get_named_type(given.type), reached | _own_of_input(given).scopes)

    def _follow(self, field: GraphQLField, scopes: Scopes) -> None:
        declared = declaration_of(field)
        entity = declared.entity() if isinstance(declared, Connected) else None
        for name, argument in field.args.items():
            type_ = get_named_type(argument.type)
            if name == "orderBy" and entity is not None and isinstance(type_, GraphQLInputObjectType):
                words = get_named_type(type_.fields["field"].type)
                self._sorts[words.name] = {word.name: key for word, key in entity.sorts.items()}
            self._reach(type_, scopes | own_of_argument(name, argument, entity).scopes)
        below = get_named_type(field.type)
        if isinstance(declared, AnyNode):
            for name, one in declared.entities().items():
                found = self._schema.get_type(name)
                assert found is not None
                self._reach(found, scopes | of_labels(_closing(one)))
            self._at[below.name] = self._at.get(below.name, scopes) & scopes
        else:
            self._reach(below, scopes)

    def found(self) -> dict[str, Requirement]:
        """What each coordinate takes."""
        return {one.coordinate: one for one in self._all()}

    def _all(self) -> Iterator[Requirement]:
        for name in sorted(self._at):
            type_, inherited = self._schema.type_map[name], self._at[name]
            match type_:
                case GraphQLObjectType() | GraphQLInterfaceType():
                    for key, field in type_.fields.items():
                        yield from self._of_field(f"{name}.{key}", field, inherited)
                case GraphQLInputObjectType():
                    for key, given in type_.fields.items():
                        yield _requirement(f"{name}.{key}", _own_of_input(given), inherited)
                case GraphQLEnumType():
                    for key in type_.values:
                        yield _requirement(f"{name}.{key}", self._own_of_value(name, key), inherited)

    def _of_field(self, coordinate: str, field: GraphQLField, inherited: Scopes) -> Iterator[Requirement]:
        own = own_of_field(field)
        yield _requirement(coordinate, own, inherited)
        declared = declaration_of(field)
        entity = declared.entity() if isinstance(declared, Connected) else None
        for name, argument in field.args.items():
            of_argument = own_of_argument(name, argument, entity)
            yield _requirement(f"{coordinate}({name}:)", of_argument, inherited | own.scopes)

    def _own_of_value(self, type_name: str, name: str) -> _Own:
        key = self._sorts.get(type_name, {}).get(name)
        if key is None:
            return _Own()
        return _own(key.labels, masked=key.redacted is not None)


def of_labels(labels: Labels) -> Scopes:
    """The scopes that labels take."""
    return frozenset(label.scope for label in labels)


def own_of_field(field: GraphQLField) -> _Own:
    """What a field declares."""
    declared = declaration_of(field)
    if declared is None:
        return _Own(needs_of(field.extensions))
    if isinstance(declared, Column) and declared.redacted is not None:
        return _Own(of_labels(declared.labels), of_labels(declared.labels - declared.strict))
    return _Own(of_labels(declared.labels))


def own_of_argument(name: str, argument: GraphQLArgument, entity: Entity | None) -> _Own:
    """What an argument declares; to search is to read what is searched."""
    searched = of_labels(entity.search_labels) if name == "search" and entity is not None else NOTHING
    masked = searched if entity is not None and entity.search_redacted is not None else NOTHING
    return _Own(searched | needs_of(argument.extensions), masked)


def _own_of_input(given: GraphQLInputField) -> _Own:
    declared: Any = _metadata(given.extensions).get(CONDITION)
    if declared is None:
        return _Own(needs_of(given.extensions))
    return _own(getattr(declared, "labels", NONE), masked=getattr(declared, "redacted", None) is not None)


def _own(labels: Labels, *, masked: bool) -> _Own:
    scopes = of_labels(labels)
    return _Own(scopes, scopes if masked else NOTHING)


def _metadata(extensions: Mapping[str, Any]) -> Mapping[str, Any]:
    return getattr(extensions.get("strawberry-definition"), "metadata", None) or {}


def _closing(entity: Entity) -> Labels:
    """Labels without which there is no row of an entity."""
    return frozenset(label for label, rows in entity.hidden.items() if rows == "false")


def _requirement(coordinate: str, own: _Own, inherited: Scopes) -> Requirement:
    return Requirement(coordinate=coordinate, own=own.scopes, inherited=inherited, masked=own.masked)
