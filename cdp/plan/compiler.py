"""The compiler: walks a selection of planned fields and writes the SQL expression of its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
)
from msgspec import Struct
from msgspec.structs import replace

from cdp.access.scopes import Scope as Permission
from cdp.errors import BadInput, Forbidden
from cdp.model.ids import decode_id
from cdp.plan.connections import ConnectionParts, Pairs, json_object
from cdp.plan.entities import Entity
from cdp.plan.fields import (
    AnyNode,
    Batch,
    Column,
    Computed,
    Connected,
    Declaration,
    Found,
    Given,
    Names,
    Nested,
    Placed,
    Rows,
    declaration_of,
)
from cdp.plan.filters import Writer
from cdp.plan.labels import lacking
from cdp.plan.moment import Moment
from cdp.plan.pages import page_of, search_of
from cdp.plan.selection import Selection
from cdp.plan.statement import Convert, Scope, Statement
from cdp.plan.values import Leaf
from cdp.plan.writing import object_type, read_key, written_as

Path = tuple[str, ...]
Nodes = Sequence[FieldNode]

TYPE_KEY = "$type"
"""Where an object that the ordinary executor completes says of which type it is."""
NEEDS_KEY = "$needs"
"""Where it has the columns that its computed fields require."""

MOST_LIST_ITEMS = 1_000


class Refused(Struct, frozen=True):
    """A field of the document that the caller may not see: null, and this error once."""

    path: Path
    node: FieldNode
    message: str
    concerns: tuple[Leaf, str] | None = None
    """The id and the type that it must be of for the field to be asked at all; None: it always is."""


class Computation(Struct, frozen=True):
    """A computed field of the document."""

    path: Path
    type_name: str
    batch: Batch
    requires: frozenset[str]
    given: Given
    node: FieldNode


class Compiled(Struct, frozen=True):
    """What became of one field at the root of a statement."""

    sql: str
    refused: tuple[Refused, ...]
    computations: tuple[Computation, ...]


class Compiler:
    """Compiles fields of one operation into expressions of one statement."""

    def __init__(
        self,
        schema: GraphQLSchema,
        selection: Selection,
        statement: Statement,
        scopes: frozenset[Permission],
        *,
        completing: bool,
    ) -> None:
        self._schema = schema
        self._selection = selection
        self.statement = statement
        self._scopes = scopes
        self._completing = completing
        """Whether the ordinary executor will complete the answer, and so needs hidden keys."""
        self._refused: list[Refused] = []
        self._computations: list[Computation] = []

    def field(self, field: GraphQLField, nodes: Nodes, path: Path) -> Compiled:
        """The JSON of a planned field that hangs on no row: one of Query's.

        Raises:
            Forbidden: the caller may not see it, or filters or sorts by what it may not see.
            BadInput: its arguments contradict each other.
        """
        declared = declaration_of(field)
        assert declared is not None
        missing = lacking(declared.labels, self._scopes)
        if missing is not None:
            raise Forbidden(f"`{nodes[0].name.value}` needs the scope {missing.value}.")
        scope = Scope(self.statement, {}, path)
        return self._compiled(self._field(declared, field, nodes, scope))

    def object_by_key(
        self, entity: Entity, type_: GraphQLObjectType, nodes: Nodes, path: Path, keys: Mapping[str, str]
    ) -> Compiled:
        """The JSON of the entity's object whose id is bound under the names `key_0` and on."""
        scope = Scope(self.statement, {**entity.names, **keys}, path)
        return self._compiled(self._row(entity, scope, entity.by_id, type_, nodes))

    def _compiled(self, sql: str) -> Compiled:
        compiled = Compiled(sql, tuple(self._refused), tuple(self._computations))
        self._refused, self._computations = [], []
        return compiled

    # ── objects ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _object(self, type_: GraphQLObjectType, nodes: Nodes, scope: Scope) -> str:
        pairs = self.opening(type_)
        needs: dict[str, str] = {}
        for key, field_nodes in self._selection.below(type_, nodes).items():
            name = field_nodes[0].name.value
            inner = scope.inner({}, (*scope.path, key))
            written = self.key(key, name)
            if name == "__typename":
                pairs.append((written, f"'{type_.name}'::text"))
                continue
            field = type_.fields[name]
            declared = declaration_of(field)
            assert declared is not None, f"{type_.name}.{name} is not planned"
            if self._hides(declared, field_nodes[0], inner.path):
                pairs.append((written, _hidden(declared, field, inner)))
            elif isinstance(declared, Computed):
                needs |= {one: inner.sql(sql) for one, sql in declared.requires.items()}
                self._compute(declared, field, field_nodes[0], inner.path, type_.name)
            else:
                pairs.append((written, self._field(declared, field, field_nodes, inner)))
        if needs and self._completing:
            pairs.append((f"'{NEEDS_KEY}'", json_object([(f"'{one}'", sql) for one, sql in needs.items()])))
        return json_object(pairs)

    def _field(self, declared: Declaration, field: GraphQLField, nodes: Nodes, scope: Scope) -> str:
        match declared:
            case Column(sql=sql, names=names):
                return written_as((scope.inner(names) if names else scope).sql(sql), field.type)
            case Nested():
                return self._nested(declared, field, nodes, scope)
            case Rows():
                return self._rows(declared, field, nodes, scope)
            case Connected():
                return self._connection(declared, field, nodes, scope)
            case Found():
                entity = declared.entity()
                inner = scope.inner(entity.names)
                where = declared.where(inner, self._selection.arguments(field, nodes[0]), self._scopes)
                return self._row(entity, inner, where, object_type(field.type), nodes)
            case AnyNode():
                return self._any_node(declared, field, nodes, scope)
            case _:
                raise AssertionError(declared)

    def _nested(self, declared: Nested, field: GraphQLField, nodes: Nodes, scope: Scope) -> str:
        given = self._selection.arguments(field, nodes[0])
        inner = scope.inner(_placed(declared.names, scope, given))
        content = self._object(object_type(field.type), nodes, inner)
        source = declared.source(inner, given) if callable(declared.source) else declared.source
        if source is None:
            return content
        return f"(SELECT {content} FROM {inner.sql(source)})"

    def _rows(self, declared: Rows, field: GraphQLField, nodes: Nodes, scope: Scope) -> str:
        given = self._selection.arguments(field, nodes[0])
        inner = scope.inner(_placed(declared.names, scope, given))
        content = self._object(object_type(field.type), nodes, inner)
        first = given.get("first")
        limit = f" LIMIT {MOST_LIST_ITEMS if first is None else scope.bind(first, 'int4', _limit)}"
        listed = (
            f"SELECT {content} AS item FROM {inner.sql(declared.source)} ORDER BY {inner.sql(declared.order)}"
        )
        found = f"(SELECT coalesce(json_agg(list.item), '[]') FROM ({listed}{limit}) list)"
        if declared.unless is None:
            return found
        return f"CASE WHEN {inner.sql(declared.unless)} THEN '[]'::json ELSE {found} END"

    def _row(self, entity: Entity, scope: Scope, where: str, type_: GraphQLObjectType, nodes: Nodes) -> str:
        content = self._object(type_, nodes, scope)
        found = f"{scope.sql(entity.seen_by(self._scopes))} AND {scope.sql(where)}"
        return f"(SELECT {content} FROM {scope.sql(entity.source)} WHERE {found})"

    def _any_node(self, declared: AnyNode, field: GraphQLField, nodes: Nodes, scope: Scope) -> str:
        leaf = self._selection.arguments(field, nodes[0])["id"]
        choices = []
        for name, entity in declared.entities().items():
            type_ = self._schema.get_type(name)
            assert isinstance(type_, GraphQLObjectType)
            keys = {
                f"key_{at}": scope.bind(leaf, key.sql_type, _key_of(name, key.sql_type, at, len(entity.key)))
                for at, key in enumerate(entity.key)
            }
            before = len(self._refused)
            choices.append(
                self._row(entity, scope.inner({**entity.names, **keys}), entity.by_id, type_, nodes)
            )
            self._refused[before:] = [replace(one, concerns=(leaf, name)) for one in self._refused[before:]]
        return f"coalesce({', '.join(choices)})"

    def _connection(self, declared: Connected, field: GraphQLField, nodes: Nodes, scope: Scope) -> str:
        entity = declared.entity()
        given = self._selection.arguments(field, nodes[0])
        inner = scope.inner(entity.names)
        conditions = [inner.sql(entity.seen_by(self._scopes)), inner.sql(declared.where)]
        if given.get("where") is not None:
            conditions.append(Writer(self._scopes).write(given["where"], field.args["where"].type, inner))
        if declared.conditions is not None:
            conditions.extend(inner.sql(one) for one in declared.conditions(inner, given, self._scopes))
        ways: Sequence[str] = ["true"]
        if given.get("search") is not None:
            ways = search_of(entity, given["search"], inner, self._scopes)
        source = inner.sql(entity.source)
        parts = ConnectionParts(
            compiler=self,
            entity=entity,
            page=page_of(entity, given, inner, self._scopes),
            sources=[f"{source} WHERE {_all([*conditions, way])}" for way in ways],
            each=inner.sql(declared.each) if declared.each is not None else None,
            scope=inner,
        )
        return parts.write(object_type(field.type), nodes)

    # ── what connections need too ────────────────────────────────────────────────────────────────────────────────

    def opening(self, type_: GraphQLObjectType) -> Pairs:
        """What an object's JSON begins with."""
        return [(f"'{TYPE_KEY}'", f"'{type_.name}'::text")] if self._completing else []

    def key(self, key: str, name: str) -> str:
        """A response key: the schema's own name as a literal, an alias as a parameter."""
        return f"'{name}'" if key == name else self.statement.text(key)

    def selected(self, type_: GraphQLObjectType, nodes: Nodes) -> Mapping[str, list[FieldNode]]:
        """The fields that these nodes ask of an object of this type, by response key."""
        return self._selection.below(type_, nodes)

    def object_json(self, type_: GraphQLObjectType, nodes: Nodes, scope: Scope) -> str:
        """The JSON of an object of the row that the scope names."""
        return self._object(type_, nodes, scope)

    # ── what the caller may not see, and what Python computes ────────────────────────────────────────────────────

    def _hides(self, declared: Declaration, node: FieldNode, path: Path) -> bool:
        missing = lacking(declared.labels, self._scopes)
        if missing is None:
            return False
        redacts = isinstance(declared, Column) and declared.redacted is not None
        if not redacts and all(node is not refused.node for refused in self._refused):
            self._refused.append(Refused(path, node, f"`{node.name.value}` needs the scope {missing.value}."))
        return True

    def _compute(
        self, declared: Computed, field: GraphQLField, node: FieldNode, path: Path, type_name: str
    ) -> None:
        given = self._selection.arguments(field, node)
        self._computations.append(
            Computation(path, type_name, declared.batch, frozenset(declared.requires), given, node)
        )


def _all(conditions: Sequence[str]) -> str:
    return " AND ".join(one for one in conditions if one != "true")


def _hidden(declared: Declaration, field: GraphQLField, scope: Scope) -> str:
    if isinstance(declared, Column) and declared.redacted is not None:
        return written_as(scope.sql(declared.redacted), field.type)
    return "NULL::text"


def _placed(names: Placed | Names | None, scope: Scope, given: Given) -> Names:
    if names is None:
        return {}
    return names(scope, given) if callable(names) else names


def _limit(value: Any, _moment: Moment) -> int:
    if not 0 <= value <= MOST_LIST_ITEMS:
        raise BadInput(f"A list has 0 to {MOST_LIST_ITEMS} items, not {value}.")
    return int(value)


def _key_of(type_name: str, sql_type: str, at: int, length: int) -> Convert:
    """Reads a number out of a global id; None where the id is of another type."""

    def convert(value: Any, _moment: Moment) -> int | datetime | None:
        found, numbers = decode_id(str(value))
        if found != type_name or len(numbers) != length:
            return None
        return read_key(numbers[at], sql_type)

    return convert
