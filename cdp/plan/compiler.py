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
from msgspec.structs import replace

from cdp.access.scopes import Scopes
from cdp.errors import BadInput, Forbidden
from cdp.model.ids import decode_id
from cdp.plan.compiled import NEEDS_KEY, TYPE_KEY, Compiled, Computation, Path, Refused
from cdp.plan.connections import ConnectionParts
from cdp.plan.entities import Entity
from cdp.plan.fields import (
    AnyNode,
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
    Tallied,
    declaration_of,
)
from cdp.plan.filters import Writer
from cdp.plan.labels import lacking
from cdp.plan.moment import Moment
from cdp.plan.pages import page_of, ways_to
from cdp.plan.personal import told_of_people
from cdp.plan.selection import Selection
from cdp.plan.statement import Convert, Scope, Statement
from cdp.plan.writing import (
    NULL,
    Json,
    Pairs,
    alias_of,
    fixed,
    key_of,
    list_of,
    object_of,
    object_type,
    or_null,
    plain,
    read_key,
    scalar,
    text_of,
)

Nodes = Sequence[FieldNode]

MOST_LIST_ITEMS = 1_000


class Compiler:
    """Compiles fields of one operation into expressions of one statement."""

    def __init__(
        self,
        schema: GraphQLSchema,
        selection: Selection,
        statement: Statement,
        scopes: Scopes,
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
        return self._compiled(text_of(self._field(declared, field, nodes, scope)))

    def object_by_key(
        self, entity: Entity, type_: GraphQLObjectType, nodes: Nodes, path: Path, keys: Mapping[str, str]
    ) -> Compiled:
        """The JSON of the entity's object whose id is bound under the names `key_0` and on."""
        scope = Scope(self.statement, {**entity.names, **keys}, path)
        return self._compiled(self._found(entity, scope, entity.by_id, type_, nodes))

    def _compiled(self, sql: str) -> Compiled:
        compiled = Compiled(sql, tuple(self._refused), tuple(self._computations))
        self._refused, self._computations = [], []
        return compiled

    # ── objects ──────────────────────────────────────────────────────────────────────────────────────────────────

    def row_object(self, type_: GraphQLObjectType, nodes: Nodes, scope: Scope) -> str:
        """The JSON of an object of the row that the scope's frame is of, as an expression of type text."""
        return scope.frame.close(text_of(self._object(type_, nodes, scope)))

    def _object(self, type_: GraphQLObjectType, nodes: Nodes, scope: Scope) -> Json:
        pairs = self.opening(type_)
        needs: dict[str, Json] = {}
        for key, field_nodes in self._selection.below(type_, nodes).items():
            name = field_nodes[0].name.value
            written = self.key(key, name)
            if name == "__typename":
                pairs.append((written, fixed(f'"{type_.name}"')))
                continue
            field = type_.fields[name]
            declared = declaration_of(field)
            assert declared is not None, f"{type_.name}.{name} is not planned"
            inner = scope.at((*scope.path, key))
            if told_of_people(type_.name, name, declared.labels, self._scopes):
                self.statement.personal.add(f"{type_.name}.{name}")
            if self._hides(declared, field_nodes[0], inner.path):
                pairs.append((written, self._hidden(declared, field, inner)))
            elif isinstance(declared, Computed):
                needs |= {one: plain(inner.sql(sql)) for one, sql in declared.requires.items()}
                if declared.needs is not None and name not in needs:
                    asked = FieldNode(name=field_nodes[0].name, selection_set=declared.needs)
                    needs[name] = self._object(type_, [asked], inner)
                self._compute(declared, field, field_nodes[0], inner.path, type_.name)
            else:
                pairs.append((written, self._field(declared, field, field_nodes, inner)))
        if needs and self._completing:
            required = [(key_of(one), json) for one, json in needs.items()]
            pairs.append((key_of(NEEDS_KEY), object_of(required)))
        return object_of(pairs)

    def _field(  # noqa: PLR0911 - a case each
        self, declared: Declaration, field: GraphQLField, nodes: Nodes, scope: Scope
    ) -> Json:
        match declared:
            case Column(sql=sql, names=names):
                return scalar((scope.inner(names) if names else scope).sql(sql), field.type)
            case Nested():
                return self._nested(declared, field, nodes, scope)
            case Rows():
                return self._rows(declared, field, nodes, scope)
            case Tallied():
                return self._tallied(declared, field, nodes, scope)
            case Connected():
                return self._connection(declared, field, nodes, scope)
            case Found():
                entity = declared.entity()
                inner = scope.inner(entity.names)
                where = declared.where(inner, self._selection.arguments(field, nodes[0]), self._scopes)
                return (self._found(entity, inner, where, object_type(field.type), nodes),)
            case AnyNode():
                return (self._any_node(declared, field, nodes, scope),)
            case _:
                raise AssertionError(declared)

    def _nested(self, declared: Nested, field: GraphQLField, nodes: Nodes, scope: Scope) -> Json:
        given = self._selection.arguments(field, nodes[0])
        names = _placed(declared.names, scope, given)
        source = declared.source(scope.inner(names), given) if callable(declared.source) else declared.source
        type_ = object_type(field.type)
        if source is None:
            return self._object(type_, nodes, scope.inner(names))
        inner = scope.inner(names, frame=self.statement.frame())
        return or_null(f"(SELECT {self.row_object(type_, nodes, inner)} FROM {inner.sql(source)})")

    def _rows(self, declared: Rows, field: GraphQLField, nodes: Nodes, scope: Scope) -> Json:
        given = self._selection.arguments(field, nodes[0])
        names = _placed(declared.names, scope, given)
        inner = scope.inner(names)
        source, order = declared.seen_by(self._scopes)
        content = self.row_object(
            object_type(field.type), nodes, inner.inner(names, frame=self.statement.frame())
        )
        listed = (
            f"SELECT {content} AS item FROM {inner.sql(source)} ORDER BY {inner.sql(order)}"
            f" LIMIT {_most(given, scope)}"
        )
        found = f"(SELECT string_agg(list.item, ',') FROM ({listed}) list)"
        if declared.unless is not None:
            found = f"CASE WHEN NOT ({inner.sql(declared.unless)}) THEN {found} END"
        return list_of(found)

    def _tallied(self, declared: Tallied, field: GraphQLField, nodes: Nodes, scope: Scope) -> Json:
        given = self._selection.arguments(field, nodes[0])
        inner = scope.inner({}, frame=self.statement.frame())
        content = self.row_object(object_type(field.type), nodes, inner)
        kind = f"'{declared.kind}'"
        items = f"array_agg({content} ORDER BY {scope.sql(declared.order)}) FILTER (WHERE s.kind = {kind})"
        listed = f"array_to_string(({items})[:{_most(given, scope)}], ',')"
        return list_of(
            scope.frame.tallied(scope.sql("{tallies}"), kind, listed, unless=scope.sql(declared.unless))
        )

    def _found(self, entity: Entity, scope: Scope, where: str, type_: GraphQLObjectType, nodes: Nodes) -> str:
        content = self.row_object(type_, nodes, scope.inner(entity.shared, frame=self.statement.frame()))
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
                self._found(entity, scope.inner({**entity.names, **keys}), entity.by_id, type_, nodes)
            )
            self._refused[before:] = [replace(one, concerns=(leaf, name)) for one in self._refused[before:]]
        return f"coalesce({', '.join(choices)})"

    def _connection(self, declared: Connected, field: GraphQLField, nodes: Nodes, scope: Scope) -> Json:
        entity = declared.entity()
        given = self._selection.arguments(field, nodes[0])
        inner = scope.inner({**entity.names, **declared.shared})
        conditions = [inner.sql(entity.seen_by(self._scopes)), inner.sql(declared.where)]
        if given.get("where") is not None:
            conditions.append(Writer(self._scopes).write(given["where"], field.args["where"].type, inner))
        if declared.conditions is not None:
            conditions.extend(inner.sql(one) for one in declared.conditions(inner, given, self._scopes))
        ways = ways_to(entity, given, inner, self._scopes)
        source = inner.sql(entity.source)
        parts = ConnectionParts(
            compiler=self,
            entity=entity,
            page=page_of(entity, given, inner, self._scopes),
            sources=[f"{source} WHERE {_all([*conditions, way])}" for way in ways],
            each=inner.sql(declared.each) if declared.each is not None else None,
            shared={name: one for name, one in entity.shared.items() if name not in declared.shared},
            scope=inner,
        )
        return parts.write(object_type(field.type), nodes)

    # ── what connections need too ────────────────────────────────────────────────────────────────────────────────

    def opening(self, type_: GraphQLObjectType) -> Pairs:
        """What an object's JSON begins with."""
        return [(key_of(TYPE_KEY), fixed(f'"{type_.name}"'))] if self._completing else []

    def key(self, key: str, name: str) -> Json:
        """A response key: the schema's own name as it is, an alias as a parameter."""
        return key_of(name) if key == name else alias_of(self.statement.text(key))

    def selected(self, type_: GraphQLObjectType, nodes: Nodes) -> Mapping[str, list[FieldNode]]:
        """The fields that these nodes ask of an object of this type, by response key."""
        return self._selection.below(type_, nodes)

    # ── what the caller may not see, and what Python computes ────────────────────────────────────────────────────

    def _hides(self, declared: Declaration, node: FieldNode, path: Path) -> bool:
        missing = lacking(declared.labels, self._scopes)
        if missing is None:
            return False
        if self._redacted(declared) is None and all(node is not refused.node for refused in self._refused):
            if isinstance(declared, Column):
                missing = lacking(declared.strict, self._scopes) or missing
            self._refused.append(Refused(path, node, f"`{node.name.value}` needs the scope {missing.value}."))
        return True

    def _redacted(self, declared: Declaration) -> str | None:
        """What is shown in place of what the caller may not see; None: nothing is."""
        if isinstance(declared, Column) and lacking(declared.strict, self._scopes) is None:
            return declared.redacted
        return None

    def _hidden(self, declared: Declaration, field: GraphQLField, scope: Scope) -> Json:
        redacted = self._redacted(declared)
        return NULL if redacted is None else scalar(scope.sql(redacted), field.type)

    def _compute(
        self, declared: Computed, field: GraphQLField, node: FieldNode, path: Path, type_name: str
    ) -> None:
        given = self._selection.arguments(field, node)
        self._computations.append(
            Computation(path, type_name, declared.batch, frozenset(declared.requires), given, node)
        )


def _all(conditions: Sequence[str]) -> str:
    return " AND ".join(one for one in conditions if one != "true")


def _placed(names: Placed | Names | None, scope: Scope, given: Given) -> Names:
    if names is None:
        return {}
    return names(scope, given) if callable(names) else names


def _most(given: Given, scope: Scope) -> str:
    """How many items a list may have, as SQL."""
    first = given.get("first")
    return str(MOST_LIST_ITEMS) if first is None else scope.bind(first, "int4", _limit)


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
