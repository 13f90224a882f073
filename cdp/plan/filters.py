"""Filters: input types whose fields declare what they compare, and how a filter becomes a condition.

    @strawberry.input(description="…")
    class ProfileFilter:
        and_: list[ProfileFilter] | None = all_of("…")
        display_name: TextFilter | None = compares("p.display_name", labels=PII, description="…")
        memberships: MembershipsFilter | None = related("membership m", "m.profile_id = p.profile_id", …)

A filter that is absent, null or empty holds for every row; `and: []` holds, `or: []` does not. Operators take no null:
`exists: false` asks for what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import strawberry
from graphql import GraphQLInputField, GraphQLInputObjectType, GraphQLList, GraphQLNonNull
from msgspec import Struct
from msgspec.structs import replace
from strawberry.types.unset import UNSET

from cdp.errors import BadInput, DiptychError, Forbidden
from cdp.model.classes import TraitOf
from cdp.plan.labels import NONE, Labels, lacking
from cdp.plan.operators import OPERATORS, TRAIT_OPERATORS, Operand, numbers_of, path_of
from cdp.plan.personal import CLASSED, OPEN_PATHS, seen_trait, seen_traits, told_of_people
from cdp.plan.statement import Convert, Scope, as_given, as_text
from cdp.plan.values import Leaf, Tree

CONDITION = "condition"
"""Key of a filter field's declaration in its metadata."""

MOST_CONDITIONS = 200

_NO_NULL = "The operator `{}` takes no null; ask with `exists: false` for what is missing."
MOST_RELATIONS = 5
"""Within each other: each one goes through all rows of the one around it."""


class TooManyConditions(DiptychError):
    """A filter with more conditions, or with more relations within each other, than the message says."""

    code = "COMPLEXITY"


class Compares(Struct, frozen=True, kw_only=True):
    """Operators on one value of the row."""

    sql: str
    sql_type: str = "text"
    convert: Convert = as_text
    source: str | None = None
    """FROM clause of the rows of which one must have such a value, where it is not the row itself."""
    names: Mapping[str, str] = {}
    labels: Labels = NONE
    redacted: str | None = None
    """The value for those who lack a label; None: they may not compare it."""


class Banded(Struct, frozen=True, kw_only=True):
    """`eq`, `ne` and `in` on the bands that a value falls into: each set of the enum's members with its condition."""

    bands: Mapping[frozenset[Any], str]
    labels: Labels = NONE


class Related(Struct, frozen=True, kw_only=True):
    """`some`, `every`, `none` of the rows of a relation."""

    source: str
    where: str
    names: Mapping[str, str] = {}
    labels: Labels = NONE


class Within(Struct, frozen=True, kw_only=True):
    """A filter on the row that `source` finds, or on the same row under further names."""

    source: str | None = None
    names: Mapping[str, str] = {}
    labels: Labels = NONE


class Combined(Struct, frozen=True, kw_only=True):
    """`and`, `or`, `not` of filters of the same type."""

    joined: str


class Traits(Struct, frozen=True, kw_only=True):
    """Operators on values inside JSON, each with its path; those who may not see all of it look into what they see."""

    sql: str
    of: TraitOf
    where: str | None = None
    """Condition under which one of undeclared class may be personal at all."""
    labels: Labels = CLASSED

    @property
    def redacted(self) -> str:
        """What those look into who lack a label."""
        return seen_traits(self.of, self.sql, where=self.where)


class Identified(Struct, frozen=True, kw_only=True):
    """`eq` and `in` on global ids; ids of what went into another one find that."""

    type_name: str
    sql: str
    """Condition on the row; `{ids}` is the array of the ids' numbers."""
    labels: Labels = NONE


Filtered: TypeAlias = tuple[TraitOf, Leaf]
"""A trait that is filtered by: whose, and its path."""

Condition: TypeAlias = Compares | Banded | Related | Within | Combined | Traits | Identified


def condition(declared: Condition, description: str, name: str | None = None) -> Any:
    """A field of a filter."""
    return strawberry.field(description=description, name=name, default=UNSET, metadata={CONDITION: declared})


def compares(
    sql: str,
    *,
    description: str,
    sql_type: str = "text",
    convert: Convert | None = None,
    source: str | None = None,
    names: Mapping[str, str] | None = None,
    labels: Labels = NONE,
    redacted: str | None = None,
) -> Any:
    """Operators on one value of the row, or of one of `source`'s; texts are checked, all else is bound as read."""
    checked = convert or (as_text if sql_type == "text" else as_given)
    declared = Compares(
        sql=sql,
        sql_type=sql_type,
        convert=checked,
        source=source,
        names=names or {},
        labels=labels,
        redacted=redacted,
    )
    return condition(declared, description)


def related(
    source: str,
    where: str,
    *,
    description: str,
    names: Mapping[str, str] | None = None,
    labels: Labels = NONE,
) -> Any:
    """`some`, `every`, `none` of the rows of a relation."""
    return condition(Related(source=source, where=where, names=names or {}, labels=labels), description)


def within(
    source: str | None = None,
    *,
    description: str,
    names: Mapping[str, str] | None = None,
    labels: Labels = NONE,
) -> Any:
    """A filter on the row that `source` finds, or on a view of the same row."""
    return condition(Within(source=source, names=names or {}, labels=labels), description)


def all_of() -> Any:
    """`and`."""
    return condition(Combined(joined="AND"), "All of these hold; an empty list holds.", "and")


def any_of() -> Any:
    """`or`."""
    return condition(Combined(joined="OR"), "At least one of these holds; an empty list does not.", "or")


def none_of() -> Any:
    """`not`."""
    return condition(Combined(joined="NOT"), "This does not hold.", "not")


class Writer:
    """Writes one filter's condition; counts its parts."""

    def __init__(self, scopes: frozenset[Any]) -> None:
        self._scopes = scopes
        self._count = 0
        self._relations = 0
        self.traits: list[Filtered] = []
        """By which traits it filters that the caller may or may not see, which shows when it runs."""

    def write(self, tree: Tree, type_: Any, scope: Scope) -> str:
        """The condition of a filter.

        Raises:
            Forbidden: it looks at what the caller may not see.
            BadInput: an operator is given null.
            TooManyConditions: it has more parts than MOST_CONDITIONS, or goes further than MOST_RELATIONS.
        """
        while isinstance(type_, (GraphQLNonNull, GraphQLList)):
            type_ = type_.of_type
        assert isinstance(type_, GraphQLInputObjectType)
        if not tree:
            return "true"
        parts = []
        for name, value in tree.items():
            if value is not None:
                parts.append(self._field(name, value, type_.fields[name], scope))
                labels = getattr(_declared(type_.fields[name]), "labels", NONE)
                if told_of_people(type_.name, name, labels, self._scopes):
                    scope.statement.personal.add(f"{type_.name}.{name}")
        return _joined("AND", parts, empty="true")

    def _field(  # noqa: PLR0911 - a case each
        self, name: str, value: Tree, field: GraphQLInputField, scope: Scope
    ) -> str:
        self._count += 1
        if self._count > MOST_CONDITIONS:
            raise TooManyConditions(f"A filter may have {MOST_CONDITIONS} conditions; this one has more.")
        declared = _declared(field)
        missing = lacking(getattr(declared, "labels", NONE), self._scopes)
        if missing is not None and isinstance(declared, Compares) and declared.redacted is not None:
            declared = replace(declared, sql=declared.redacted)
        elif missing is not None and not isinstance(declared, Traits):
            raise Forbidden(f"To filter by `{name}` needs the scope {missing.value}.")
        match declared:
            case Combined(joined=joined):
                return self._combined(joined, value, field, scope)
            case Compares():
                return self._compares(declared, value, scope)
            case Banded():
                return self._banded(declared, value, scope)
            case Related():
                return self._related(declared, value, field, scope)
            case Within(source=None, names=names):
                return self.write(value, field.type, scope.inner(names))
            case Within(source=str(source), names=names):
                inner = scope.inner(names)
                return f"EXISTS (SELECT FROM {inner.sql(source)} AND {self.write(value, field.type, inner)})"
            case Identified():
                return self._identified(declared, value, scope)
            case Traits():
                return _joined("AND", [self._trait(declared, one, scope) for one in value], empty="true")
        raise AssertionError(declared)

    def _combined(self, joined: str, value: Tree, field: GraphQLInputField, scope: Scope) -> str:
        if joined == "NOT":
            return f"NOT coalesce({self.write(value, field.type, scope)}, false)"
        parts = [self.write(one, field.type, scope) for one in value]
        return _joined(joined, parts, empty="true" if joined == "AND" else "false")

    def _related(self, declared: Related, value: Tree, field: GraphQLInputField, scope: Scope) -> str:
        assert isinstance(field.type, GraphQLInputObjectType)
        if self._relations == MOST_RELATIONS:
            raise TooManyConditions(f"A filter may follow {MOST_RELATIONS} relations from one to the next.")
        self._relations += 1
        inner = scope.inner(declared.names)
        rows = inner.sql(f"{declared.source} WHERE {declared.where}")
        parts = []
        for name, tree in value.items():
            if tree is None:
                continue
            holds = self.write(tree, field.type.fields[name].type, inner)
            match name:
                case "some":
                    parts.append(f"EXISTS (SELECT FROM {rows} AND {holds})")
                case "none":
                    parts.append(f"NOT EXISTS (SELECT FROM {rows} AND {holds})")
                case _:
                    parts.append(f"NOT EXISTS (SELECT FROM {rows} AND NOT coalesce({holds}, false))")
        self._relations -= 1
        return _joined("AND", parts, empty="true")

    def _compares(self, declared: Compares, value: Tree, scope: Scope) -> str:
        scope = scope.inner(declared.names) if declared.names else scope
        sql = f"({scope.sql(declared.sql)})"
        parts = []
        for name, given in value.items():
            if given is None:
                raise BadInput(_NO_NULL.format(name))
            self._count += 1
            parts.append(OPERATORS[name](sql, Operand(given, declared.sql_type, declared.convert, scope)))
        compared = _joined("AND", parts, empty="true")
        if declared.source is None or compared == "true":
            return compared
        return f"EXISTS (SELECT FROM {scope.sql(declared.source)} AND {compared})"

    def _identified(self, declared: Identified, value: Tree, scope: Scope) -> str:
        parts = []
        for name, given in value.items():
            self._count += 1
            if given is None:
                raise BadInput(_NO_NULL.format(name))
            ids = scope.bind(given, "int8[]", numbers_of(declared.type_name))
            parts.append(scope.inner({"ids": ids}).sql(declared.sql))
        return _joined("AND", parts, empty="true")

    def _banded(self, declared: Banded, value: Tree, scope: Scope) -> str:
        parts = []
        for name, given in value.items():
            self._count += 1
            if given is None:
                raise BadInput(_NO_NULL.format(name))
            held = scope.sql(declared.bands[frozenset(given if name == "in" else [given])])
            parts.append(f"NOT ({held})" if name == "ne" else held)
        return _joined("AND", parts, empty="true")

    def _trait(self, declared: Traits, value: Tree, scope: Scope) -> str:
        self._count += len(value)
        traits = scope.sql(declared.sql)
        if lacking(declared.labels, self._scopes) is None:
            path = scope.bind(value["path"], "text[]", path_of)
            sql = f"({traits} #> {path})"
        else:
            self.traits.append((declared.of, value["path"]))
            path = scope.bind(value["path"], "text[]", OPEN_PATHS[declared.of])
            sql = scope.sql(seen_trait(declared.of, traits, path, where=declared.where))
        parts = [f"{sql} IS NOT NULL"] if len(value) == 1 else []
        for name, given in value.items():
            if name == "path":
                continue
            if given is None:
                raise BadInput(_NO_NULL.format(name))
            parts.append(TRAIT_OPERATORS[name](sql, given, scope))
        return _joined("AND", parts, empty="true")


def _declared(field: GraphQLInputField) -> Any:
    return field.extensions["strawberry-definition"].metadata[CONDITION]


def _joined(word: str, parts: list[str], *, empty: str) -> str:
    parts = [part for part in parts if not (word == "AND" and part == "true")]
    if not parts:
        return empty
    return parts[0] if len(parts) == 1 else "(" + f" {word} ".join(parts) + ")"
