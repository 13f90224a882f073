"""Plans: a statement with all that it takes to run it again, kept for as long as it is asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from graphql import FieldNode, GraphQLField, GraphQLObjectType, GraphQLSchema
from msgspec import Struct

from cdp.access.scopes import Scopes
from cdp.errors import DiptychError
from cdp.plan.compiled import Compiled, Computation, Refused
from cdp.plan.compiler import Compiler
from cdp.plan.entities import Entity
from cdp.plan.moment import Moment
from cdp.plan.selection import Selection
from cdp.plan.statement import Parameter, Statement
from cdp.plan.values import Variables


class PlannedField(Struct, frozen=True):
    """One field of the answer: a column of the statement's single row."""

    key: str
    """Response key at the root of the document."""
    path: tuple[str, ...]
    """Response path; longer than the key for an object inside a mutation's payload."""
    node: FieldNode
    completing: bool
    """Whether its JSON is to be parsed and completed, rather than passed through."""
    refused: tuple[Refused, ...] = ()
    computations: tuple[Computation, ...] = ()
    column: int | None = None
    constant: str | None = None
    """Its value, where that is known before anything is read: `__typename`."""
    failure: DiptychError | None = None
    """Why it cannot be planned at all."""


class Plan(Struct, frozen=True):
    """A statement and what is bound to it."""

    sql: str
    parameters: tuple[Parameter, ...]
    fields: tuple[PlannedField, ...]
    guards: Mapping[str, int]
    """Response key → index of the parameter that switches the field off when its arguments cannot be bound."""
    unused: tuple[Parameter, ...] = ()
    """Arguments that the statement has no use for, such as the page of a list that is only counted."""
    personal: tuple[str, ...] = ()
    """What its reader is told of people by it, by coordinate (`Profile.displayName`)."""


def plan_fields(
    schema: GraphQLSchema,
    selection: Selection,
    type_: GraphQLObjectType,
    selected: Mapping[str, Sequence[FieldNode]],
    scopes: Scopes,
    *,
    completing: bool,
) -> Plan:
    """One statement for these fields of Query, by response key."""

    def compile_one(compiler: Compiler, key: str) -> Compiled:
        nodes = selected[key]
        field: GraphQLField = type_.fields[nodes[0].name.value]
        return compiler.field(field, nodes, (key,))

    paths = {key: (key,) for key in selected}
    return _assemble(
        schema, selection, scopes, compile_one, selected=selected, paths=paths, completing=completing
    )


def plan_object(
    schema: GraphQLSchema,
    selection: Selection,
    scopes: Scopes,
    *,
    entity: Entity,
    nodes: Sequence[FieldNode],
    path: tuple[str, ...],
    completing: bool,
) -> Plan:
    """A statement for one object of an entity; the numbers of its id are bound as the variables `$0` and on."""
    type_ = schema.get_type(entity.type_name)
    assert isinstance(type_, GraphQLObjectType)

    def compile_one(compiler: Compiler, _key: str) -> Compiled:
        statement = compiler.statement
        keys = {
            f"key_{at}": statement.parameter(_variable(f"${at}"), part.sql_type)
            for at, part in enumerate(entity.key)
        }
        return compiler.object_by_key(entity, type_, nodes, path, keys)

    key = path[0]
    return _assemble(
        schema,
        selection,
        scopes,
        compile_one,
        selected={key: nodes},
        paths={key: path},
        completing=completing,
    )


def _assemble(
    schema: GraphQLSchema,
    selection: Selection,
    scopes: Scopes,
    compile_one: Callable[[Compiler, str], Compiled],
    *,
    selected: Mapping[str, Sequence[FieldNode]],
    paths: Mapping[str, tuple[str, ...]],
    completing: bool,
) -> Plan:
    statement = Statement()
    fields: list[PlannedField] = []
    columns: list[str] = []
    guards: dict[str, int] = {}
    for key, nodes in selected.items():
        if nodes[0].name.value == "__typename":
            assert schema.query_type is not None
            name = schema.query_type.name
            fields.append(PlannedField(key, paths[key], nodes[0], completing=False, constant=name))
            continue
        try:
            completes = completing
            compiled = compile_one(Compiler(schema, selection, statement, scopes, completing=completes), key)
            if compiled.computations and not completes:
                completes = True
                compiled = compile_one(Compiler(schema, selection, statement, scopes, completing=True), key)
        except DiptychError as error:
            fields.append(PlannedField(key, paths[key], nodes[0], completing=False, failure=error))
            continue
        sql = compiled.sql
        if len(selected) > 1:
            guards[key] = len(statement.parameters)
            sql = f"CASE WHEN {statement.constant(True, 'bool')} THEN {sql} END"
        # As bytes they go into the answer untouched.
        sql = f"convert_to({sql}, 'UTF8')"
        fields.append(
            PlannedField(
                key,
                paths[key],
                nodes[0],
                completes,
                compiled.refused,
                compiled.computations,
                len(columns),
            )
        )
        columns.append(sql)
    sql, used = statement.close(f"SELECT {', '.join(columns)}" if columns else "")
    kept = set(used)
    return Plan(
        sql,
        tuple(statement.parameters[index] for index in used),
        tuple(fields),
        {key: used.index(index) for key, index in guards.items()},
        tuple(one for index, one in enumerate(statement.parameters) if one.path and index not in kept),
        tuple(sorted(statement.personal)),
    )


def _variable(name: str) -> Callable[[Variables, Moment], object]:
    return lambda variables, _moment: variables[name]


V = TypeVar("V")


class Recent(Generic[V]):
    """The most recently used of many values, at most `size` of them, and at most `characters` of text behind them."""

    def __init__(self, size: int, *, characters: int) -> None:
        self._size = size
        self._characters = characters
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self._lengths: dict[Hashable, int] = {}
        self._held = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> V | None:
        """The value, which so becomes the most recent."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Hashable, value: V, length: int) -> V:
        """Keep a value that was made of so many characters; the least recent ones go if there is too much."""
        self._values[key] = value
        self._held += length - self._lengths.get(key, 0)
        self._lengths[key] = length
        while len(self._values) > self._size or (self._held > self._characters and self._values):
            oldest, _ = self._values.popitem(last=False)
            self._held -= self._lengths.pop(oldest)
        return value
