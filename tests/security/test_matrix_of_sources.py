"""Whatever the planner reads for a question is covered by what the question takes: labels follow from the database.

Each field, argument, filter and sort key is compiled for a caller who has exactly the scopes that it declares, and once
more without those whose lack is masked, and the statement is parsed: no column in it may tell more than the caller's
scopes allow, but for what is declassified there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

import asyncpg
import pytest
from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    parse,
)

from cdp.graphql.documents import Operation
from cdp.graphql.extending import NONE
from cdp.graphql.labelled import needs_of
from cdp.graphql.profiles import PROFILES
from cdp.graphql.reading import is_planned
from cdp.graphql.requirements import Requirement, of_labels, requirements_of
from cdp.graphql.schema import _build, build_schema
from cdp.plan.declassified import DECLASSIFIED, declassified_at
from cdp.plan.entities import SortKey
from cdp.plan.fields import Column, Computed, column, declaration_of
from cdp.plan.filters import compares
from cdp.plan.plans import plan_fields
from cdp.plan.selection import Selection
from tests.security.asking import Asked, Questions
from tests.security.columns import COLUMNS
from tests.security.sources import COLUMN_LABELS, read_by


def statement_of(schema: GraphQLSchema, document: str, scopes: AbstractSet[str]) -> str:
    """The SQL of a document for a caller with these scopes, which have to be enough."""
    parsed = parse(document)
    node = parsed.definitions[0]
    assert isinstance(node, OperationDefinitionNode)
    operation = Operation(schema, parsed, node)
    selection = Selection(schema, {}, {})
    selected = {
        key: nodes
        for key, nodes in selection.fields(operation.root, [node.selection_set]).items()
        if is_planned(operation.root, nodes[0].name.value)
    }
    plan = plan_fields(schema, selection, operation.root, selected, frozenset(scopes), completing=False)
    for field in plan.fields:
        assert field.failure is None, (document, field.failure)
        assert not field.refused, (document, field.refused)
    return plan.sql


def leaks(
    schema: GraphQLSchema, core: Mapping[str, Requirement], asked: Asked, scopes: AbstractSet[str]
) -> Iterator[str]:
    """One sentence for each thing that is read beyond what these scopes allow."""
    coordinates = {one for at in asked.coordinates for one in (at, *_required(schema, at))}
    columns = {
        column
        for coordinate in coordinates
        for one in declassified_at(_decided(coordinate, core))
        for column in one.columns
    }
    for read in sorted(read_by(statement_of(schema, asked.document, scopes)), key=lambda one: one.what):
        missing = of_labels(read.labels) - scopes
        table = read.what.partition(".")[0]
        if missing and read.what not in columns and f"{table}.*" not in columns:
            takes = ", ".join(sorted(missing))
            yield f"{asked.coordinates[-1]} reads {read.what}, which takes {takes} too: {asked.document}"


def _required(schema: GraphQLSchema, coordinate: str) -> Iterator[str]:
    """What a plugin's field is made of, which may be declassified itself."""
    name, _, member = coordinate.partition(".")
    type_ = schema.type_map[name]
    if isinstance(type_, GraphQLObjectType) and "(" not in member:
        declared = declaration_of(type_.fields[member])
        if isinstance(declared, Computed) and declared.needs is not None:
            yield from _selected(type_, declared.needs)


def _selected(type_: GraphQLObjectType, selection: SelectionSetNode) -> Iterator[str]:
    for node in selection.selections:
        assert isinstance(node, FieldNode)
        yield f"{type_.name}.{node.name.value}"
        below = get_named_type(type_.fields[node.name.value].type)
        if node.selection_set is not None and isinstance(below, GraphQLObjectType):
            yield from _selected(below, node.selection_set)


def _decided(coordinate: str, core: Mapping[str, Requirement]) -> str:
    """Where it is decided what may be shown: a plugin's field of a trait is shown as traits are."""
    return coordinate if coordinate in core else f"{coordinate.partition('.')[0]}.traits"


def all_leaks(schema: GraphQLSchema, core: Mapping[str, Requirement]) -> list[str]:
    found: list[str] = []
    for asked in Questions(schema, requirements_of(schema)).all():
        found += leaks(schema, core, asked, asked.scopes)
        if asked.masked:
            found += leaks(schema, core, asked, asked.scopes - asked.masked)
    return found


@pytest.fixture(scope="module")
def core() -> Mapping[str, Requirement]:
    """Of the schema without plugins."""
    return requirements_of(_build.__wrapped__(NONE).graphql_schema)


def test_nothing_is_read_beyond_what_a_question_takes(core: Mapping[str, Requirement]) -> None:
    assert all_leaks(build_schema().graphql_schema, core) == []


# ── that this would be noticed ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def changed() -> GraphQLSchema:
    """A schema of its own, to be spoilt."""
    return _build.__wrapped__(NONE).graphql_schema


def _leaks_at(schema: GraphQLSchema, coordinate: str) -> set[str]:
    requirements = requirements_of(schema)
    return {
        sentence.partition(" too: ")[0]
        for asked in Questions(schema, requirements).all()
        if coordinate in asked.coordinates
        for sentence in leaks(schema, requirements, asked, asked.scopes)
    }


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("p.furthest_stage", "profile.furthest_stage, which takes intent:read"),
        ("p.activated_at IS NOT NULL", "profile.activated_at, which takes usage:read"),
        ("left(p.display_name, 1)", "profile.display_name, which takes pii:read"),
        (
            "(SELECT count(*) FROM summary_day d WHERE d.workspace_id = $1)",
            "summary_day.workspace_id, which takes usage:read",
        ),
        (
            "(SELECT max(s.last_at) FROM (SELECT t.last_at FROM summary_tally t WHERE t.kind = 'signal') s)",
            "summary_tally.*, which takes intent:read",
        ),
        (
            "(SELECT count(*) FROM event e JOIN node n ON n.node_id = e.node_id AND NOT e.usage)",
            "event.*, which takes intent:read",
        ),
    ],
)
def test_a_field_over_labelled_data_without_its_label_is_noticed(
    changed: GraphQLSchema, sql: str, told: str
) -> None:
    """Shown, or reached through a condition, a subquery, a count: it makes no difference."""
    profile = changed.type_map["Profile"]
    assert isinstance(profile, GraphQLObjectType)
    profile.fields["spoilt"] = GraphQLField(
        GraphQLString, extensions={"strawberry-definition": column(sql, description="Unlabelled.")}
    )
    assert isinstance(declaration_of(profile.fields["spoilt"]), Column)
    assert any(
        sentence == f"Profile.spoilt reads {told}" for sentence in _leaks_at(changed, "Profile.spoilt")
    ), _leaks_at(changed, "Profile.spoilt")


def test_a_filter_over_labelled_data_without_its_label_is_noticed(changed: GraphQLSchema) -> None:
    filter_ = changed.type_map["ProfileFilter"]
    assert isinstance(filter_, GraphQLInputObjectType)
    declared = compares("p.stage::text", description="Unlabelled.")
    filter_.fields["spoilt"] = GraphQLInputField(
        changed.type_map["TextFilter"],  # type: ignore[arg-type]
        extensions={"strawberry-definition": declared},
    )
    assert _leaks_at(changed, "ProfileFilter.spoilt") == {
        "ProfileFilter.spoilt reads profile.stage, which takes intent:read"
    }


def test_a_sort_key_over_labelled_data_without_its_label_is_noticed(
    changed: GraphQLSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = changed.type_map["ProfileOrderField"]
    assert isinstance(words, GraphQLEnumType)
    member = next(word for word in PROFILES.sorts if word.name == "NPS")
    key = SortKey(sql="p.intent_rank", sql_type="float8", nullable=True)
    monkeypatch.setitem(PROFILES.sorts, member, key)
    assert _leaks_at(changed, "ProfileOrderField.NPS") == {
        "ProfileOrderField.NPS reads profile.intent_rank, which takes intent:read"
    }


async def test_of_every_table_that_the_planner_reads_each_column_is_known(owner: asyncpg.Connection) -> None:
    """A column that is added has to say what it tells before anything can read it."""
    rows = await owner.fetch(
        "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE c.relname = ANY($1) AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0"
        " AND NOT a.attisdropped",
        list(COLUMNS),
    )
    there: dict[str, set[str]] = {}
    for row in rows:
        there.setdefault(row["relname"], set()).add(row["attname"])
    assert {table: set(columns) for table, columns in COLUMN_LABELS.items()} == there


# ── what is declassified, and what Python resolves ───────────────────────────────────────────────────────────────────


def test_what_is_declassified_is_there() -> None:
    """No decision outlives what it was about."""
    known = requirements_of(build_schema().graphql_schema)
    assert [at for one in DECLASSIFIED for at in one.at if at not in known] == []
    columns = {column for one in DECLASSIFIED for column in one.columns}
    assert [
        column
        for column in columns
        if column.partition(".")[2] not in {"*", *COLUMN_LABELS[column.partition(".")[0]]}
    ] == []


PYTHON = {
    "Query.accessExplain",
    "Query.catalogue",
    "Query.identityExplain",
    "Query.nextSteps",
    "Query.personalisationReport",
    "Query.personalisationSlots",
    "Query.roleExplain",
    "Query.workspace",
}
"""Fields that Python resolves for others than administrators. Nothing parses what they read: before one is added here,
somebody has to look at what it shows, and give labels to what takes more than the field."""


def test_of_what_python_resolves_somebody_has_looked_at_what_it_shows() -> None:
    schema = build_schema().graphql_schema
    assert schema.query_type is not None
    open_ = {
        f"Query.{name}"
        for name, field in schema.query_type.fields.items()
        if declaration_of(field) is None
        and not needs_of(field.extensions) & {"workspace:admin", "audit:read"}
    }
    assert open_ == PYTHON


def test_every_field_of_the_roots_takes_something() -> None:
    """But for the one that says why: about themselves, everybody may ask."""
    schema = build_schema().graphql_schema
    found = requirements_of(schema)
    roots = [schema.query_type, schema.mutation_type, schema.subscription_type]
    assert [
        f"{root.name}.{name}"
        for root in roots
        if root is not None
        for name in root.fields
        if not found[f"{root.name}.{name}"].own
    ] == ["Query.accessExplain"]
