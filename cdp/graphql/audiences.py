"""Audiences of variants: filters of people, stored as GraphQL writes them, and read by the planner as any `where` is.

All audiences that a choice needs are one statement: for each person, which of them hold. What a reader may not filter
by hides the variant, so that the labels of filters are those of audiences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import structlog
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    NameNode,
    Undefined,
    VariableNode,
    is_leaf_type,
)
from graphql.utilities import coerce_input_value
from msgspec import Struct, json
from strawberry.types.unset import UNSET

from cdp.access.personal import identifies, scope_to_see
from cdp.access.scopes import Scope as Permission
from cdp.access.scopes import Scopes
from cdp.db.pool import Connection
from cdp.errors import BadInput, DiptychError, Forbidden
from cdp.model import ProfileId
from cdp.model.classes import TraitClasses
from cdp.personalisation.gather import HIDDEN, Inside
from cdp.personalisation.slots import Variant
from cdp.plan.filters import Filtered, Writer
from cdp.plan.moment import Moment
from cdp.plan.plans import Recent
from cdp.plan.running import MOST_SECONDS
from cdp.plan.statement import Parameter, Scope, Statement
from cdp.plan.values import Variables, tree_of

log = structlog.get_logger(__name__)

_MOST_STATEMENTS = 200
_MOST_CHARACTERS = 20_000_000

_PEOPLE = "profiles"
"""Variable of the people whom a statement is about."""


class _Compiled(Struct, frozen=True):
    """One statement for several audiences."""

    sql: str
    parameters: tuple[Parameter, ...]
    variables: Variables
    """What the audiences compare with."""
    columns: tuple[int | Inside, ...]
    """For each audience its column in the answer; HIDDEN or None where it has none."""
    traits: Mapping[str, Sequence[Filtered]]
    """By which traits each audience filters that this caller may not see if they are of some class."""

    def closed(self, classes: TraitClasses, scopes: Scopes) -> frozenset[str]:
        """The audiences that the caller may not know of, with what the workspace has declared of its traits by now.

        An audience with somebody's address in it is personal, whichever trait is compared with that.
        """
        return frozenset(
            text
            for text, traits in self.traits.items()
            if traits
            and (
                (Permission.PII_READ not in scopes and identifies(text))
                or any(self._is_closed(one, classes, scopes) for one in traits)
            )
        )

    def _is_closed(self, filtered: Filtered, classes: TraitClasses, scopes: Scopes) -> bool:
        of, path = filtered
        scope = scope_to_see(classes, of, str(path.read(self.variables)).partition(".")[0])
        return scope is not None and scope not in scopes


class AudienceStatements:
    """Statements for audiences that were asked for lately, as one process holds them."""

    def __init__(self) -> None:
        self._statements: Recent[_Compiled] = Recent(_MOST_STATEMENTS, characters=_MOST_CHARACTERS)

    def statement(self, variants: Sequence[Variant], scopes: Scopes, type_: GraphQLInputType) -> _Compiled:
        """The statement for these variants' audiences, as a caller with these scopes may see them."""
        texts = tuple(map(_text, variants))
        known = (texts, scopes)
        found = self._statements.get(known)
        if found is None:
            found = _compile(texts, scopes, type_)
            self._statements.put(known, found, len(found.sql) + sum(map(len, texts)))
        return found


class AudiencesOf:
    """Tells who is in audiences, as far as one reader may see."""

    def __init__(self, statements: AudienceStatements, moment: Moment, scopes: Scopes) -> None:
        self._statements = statements
        self._moment = moment
        self._scopes = scopes

    async def __call__(
        self, connection: Connection, variants: Sequence[Variant], profile_ids: Sequence[ProfileId]
    ) -> Sequence[Inside]:
        """For each variant which of these people are in its audience; see cdp.personalisation.gather."""
        compiled = self._statements.statement(variants, self._scopes, filter_type())
        closed = compiled.closed(self._moment.workspace.trait_classes, self._scopes)
        if closed:
            others = [variant for variant in variants if _text(variant) not in closed]
            told = iter(await self(connection, others, profile_ids))
            return [HIDDEN if _text(variant) in closed else next(told) for variant in variants]
        inside: dict[int, set[ProfileId]] = {at: set() for at in compiled.columns if isinstance(at, int)}
        if inside:
            variables = {**compiled.variables, _PEOPLE: list(profile_ids)}
            values = [parameter.read(variables, self._moment) for parameter in compiled.parameters]
            for row in await connection.fetch(compiled.sql, *values, timeout=MOST_SECONDS):
                for at in row["holds"]:
                    inside[at].add(ProfileId(row["profile_id"]))
        return [frozenset(inside[at]) if isinstance(at, int) else at for at in compiled.columns]


def filter_type() -> GraphQLInputObjectType:
    """The type of filters of people in the schema."""
    from cdp.graphql.schema import build_schema  # noqa: PLC0415 - the schema has this module's users in it

    type_ = build_schema().graphql_schema.type_map["ProfileFilter"]
    assert isinstance(type_, GraphQLInputObjectType)
    return type_


def check_audience(audience: Mapping[str, Any], scopes: Scopes, moment: Moment) -> None:
    """Do nothing if the filter can be an audience that this caller may set.

    Raises:
        Forbidden: it looks at what the caller may not see.
        BadInput: a value in it cannot be used.
        TooManyConditions: it is too large.
    """
    statement, scope = _begin()
    variables = {"audience": _read(audience, filter_type())}
    sql, _ = _condition("audience", variables, scopes, filter_type(), scope)
    _, used = statement.close(sql)
    for index in used:
        parameter = statement.parameters[index]
        if parameter.path:
            parameter.read(variables, moment)


def audience_of(given: object, type_: GraphQLInputType | None = None) -> Any:
    """A filter that a mutation was given, as GraphQL writes it: JSON, to be stored."""
    type_ = type_ or filter_type()
    if isinstance(type_, GraphQLNonNull):
        return audience_of(given, type_.of_type)
    if given is None:
        return None
    if isinstance(type_, GraphQLList):
        items = given if isinstance(given, (list, tuple)) else [given]
        return [audience_of(one, type_.of_type) for one in items]
    if isinstance(type_, GraphQLInputObjectType):
        written = {}
        for name, field in type_.fields.items():
            value = getattr(given, field.extensions["strawberry-definition"].python_name, UNSET)
            if value is not UNSET:
                written[name] = audience_of(value, field.type)
        return written
    if isinstance(type_, GraphQLEnumType):
        return given.name if isinstance(given, Enum) else given
    assert is_leaf_type(type_)
    assert isinstance(type_, GraphQLScalarType)
    return type_.serialize(given)


def _compile(audiences: Sequence[str], scopes: Scopes, type_: GraphQLInputType) -> _Compiled:
    statement, scope = _begin()
    variables: dict[str, Any] = {}
    conditions: list[str] = []
    columns: list[int | Inside] = []
    places: dict[str, int | Inside] = {}
    traits: dict[str, Sequence[Filtered]] = {}
    for text in audiences:
        if text not in places:
            name = f"audience{len(places)}"
            try:
                variables[name] = _read(json.decode(text), type_)
                condition, traits[text] = _condition(name, variables, scopes, type_, scope)
            except Forbidden:
                places[text] = HIDDEN
            except DiptychError as error:
                # Not the filter, nor the error's words: they may quote somebody's data.
                log.warning("audience_unreadable", error=error.code)
                places[text] = None
            else:
                places[text] = len(conditions)
                conditions.append(f"CASE WHEN {condition} THEN {len(conditions)} END")
        columns.append(places[text])
    people = statement.parameter(lambda given, _moment: given[_PEOPLE], "int8[]")
    sql, used = statement.close(
        f"SELECT p.profile_id, array_remove(ARRAY[{', '.join(conditions)}]::int4[], NULL) AS holds FROM profile p"
        f" WHERE p.workspace_id = $1 AND p.profile_id = ANY({people})"
        if conditions
        else ""
    )
    parameters = tuple(statement.parameters[index] for index in used)
    return _Compiled(sql, parameters, variables, tuple(columns), traits)


def _text(variant: Variant) -> str:
    return variant.audience or "{}"


def _begin() -> tuple[Statement, Scope]:
    statement = Statement()
    # A path, so that what cannot be bound is known to be the caller's.
    return statement, Scope(statement, {"row": "p"}, ("audience",))


def _read(audience: Mapping[str, Any] | None, type_: GraphQLInputType) -> Any:
    """The stored filter with its scalars read.

    Raises:
        BadInput: it is no filter of this schema.
    """
    read = coerce_input_value(audience, type_)
    if read is Undefined:
        raise BadInput("This is no ProfileFilter.", field=("audience",))
    return read


def _condition(
    name: str, variables: Variables, scopes: Scopes, type_: GraphQLInputType, scope: Scope
) -> tuple[str, Sequence[Filtered]]:
    tree = tree_of(VariableNode(name=NameNode(value=name)), type_, variables)
    writer = Writer(scopes)
    return writer.write(tree, type_, scope), writer.traits
