"""How PostgreSQL goes about the hot queries: pages are ranges of an index, whatever comes behind them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from cdp.access.scopes import SCOPES, KeyRole
from cdp.db.embedded import EmbeddedPostgres
from cdp.db.pool import Database
from cdp.graphql.schema import build_schema
from cdp.model import WorkspaceId
from cdp.model.ids import encode_id
from cdp.plan.moment import Moment
from cdp.plan.plans import Plan
from cdp.plan.running import _bind
from cdp.workspaces.cache import Workspaces

NOW = datetime(2026, 11, 20, tzinfo=UTC)
PEOPLE = 3_000

FILL = f"""
    INSERT INTO profile (workspace_id, profile_id, display_name, search_text, traits, created_at, last_seen_at,
                         intent_rank)
    SELECT $1, i, 'Person ' || i, 'person ' || i || E'\nperson' || i || '@example.com',
           jsonb_build_object('plan', CASE WHEN i % 2 = 0 THEN 'pro' ELSE 'free' END, 'code', i, 'deep',
                              jsonb_build_object('code', i), 'ends', CASE i WHEN 1 THEN '2026-11-20' WHEN 2
                              THEN '2026-11-20T12:00:00+02:00' WHEN 3 THEN '2026-99-99' WHEN 4 THEN 'tomorrow' END),
           $2::timestamptz - make_interval(secs => i * 6007 % 5000),
           CASE WHEN i % 10 > 0 THEN $2::timestamptz - make_interval(secs => i * 7919 % 5000) END, i * 7919 % 1009
    FROM generate_series(1, {PEOPLE}) AS i (i)"""
NODES = f"""
    INSERT INTO node (workspace_id, kind, value, profile_id, born_profile_id)
    SELECT $1, kind, i::text, i, i
    FROM generate_series(1, {PEOPLE}) AS i (i), (VALUES ('user_id'), ('anonymous_id')) AS k (kind)"""
REGISTERS = """
    INSERT INTO summary_register (workspace_id, node_id, account_id, kind, key, value, occurred_at, message_id, source)
    SELECT $1, n.node_id, 0, 'trait', t.key, t.value, now(), 'm', 'test'
    FROM node n JOIN profile p ON p.workspace_id = $1 AND p.profile_id = n.profile_id
    CROSS JOIN LATERAL jsonb_each(p.traits) AS t WHERE n.workspace_id = $1 AND n.kind = 'user_id'"""
ACCOUNTS = """
    INSERT INTO account (workspace_id, account_id, name, domain, created_at)
    SELECT $1, i, 'Account ' || i, 'a' || i || '.example', now() - make_interval(secs => i * 6007 % 5000)
    FROM generate_series(1, 1000) AS i (i)"""
EVENTS = """
    INSERT INTO event (workspace_id, occurred_at, received_at, message_id, type, name, node_id, intent, usage, source,
                       properties, context)
    SELECT $1, $2::timestamptz - make_interval(mins => i), $2, i::text, 'track', 'Signed In', n.node_id, false, true,
           'test', '{}', '{}'
    FROM generate_series(1, 2000) AS i (i), node n WHERE n.workspace_id = $1 AND n.profile_id = 1"""


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres, template: str) -> str:
    """A database with three thousand people, one of whom has done a lot: made once, and cloned for each test."""
    return asyncio.run(_fill(postgres.superuser_url, template))


async def _fill(url: str, template: str) -> str:
    connection = await asyncpg.connect(url)
    await connection.execute(
        f"CREATE DATABASE crowd TEMPLATE {template} OWNER diptych_owner STRATEGY file_copy"
    )
    await connection.close()
    connection = await asyncpg.connect(urlunsplit(urlsplit(url)._replace(path="/crowd")))
    workspace = await connection.fetchval("SELECT cdp.create_workspace('Acme')")
    await connection.execute(FILL, workspace, NOW)
    for statement in (NODES, REGISTERS, ACCOUNTS):
        await connection.execute(statement, workspace)
    await connection.execute(EVENTS, workspace, NOW)
    await connection.execute("ANALYZE")
    await connection.close()
    return "crowd"


@pytest.fixture
async def crowd(superuser: asyncpg.Connection) -> WorkspaceId:
    """Their workspace."""
    return WorkspaceId(await superuser.fetchval("SELECT workspace_id FROM workspace"))


class Asking:
    """Documents of one workspace: their answers, and how these are come by."""

    def __init__(self, database: Database, workspace_id: WorkspaceId) -> None:
        self._database = database
        self._workspace_id = workspace_id

    async def plan(self, document: str, **variables: Any) -> tuple[Plan, list[Any]]:
        schema = build_schema()
        operation = schema.documents.read(document).operation(None)
        assert operation is not None
        plan = schema.plans.of_query(operation, variables, SCOPES[KeyRole.ADMIN], completing=False)
        workspace = await Workspaces(self._database).get(self._workspace_id)
        moment = Moment(workspace=workspace, as_of=NOW, normalise=lambda _kind, _value: None)
        values, failed = _bind(plan, moment, variables)
        assert not failed
        return plan, values

    async def answer(self, document: str, **variables: Any) -> Any:
        plan, values = await self.plan(document, **variables)
        async with self._database.connection(self._workspace_id) as connection:
            return json.loads((await connection.fetchrow(plan.sql, *values))[0])

    async def steps(self, document: str, **variables: Any) -> list[dict[str, Any]]:
        """All nodes of the plan that was run."""
        plan, values = await self.plan(document, **variables)
        async with self._database.connection(self._workspace_id) as connection:
            explained = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {plan.sql}", *values)
        return list(_steps(json.loads(explained)[0]["Plan"]))


def _steps(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _steps(below)


@pytest.fixture
def asking(database: Database, crowd: WorkspaceId) -> Asking:
    return Asking(database, crowd)


def read(steps: list[dict[str, Any]], table: str) -> float:
    """How many rows of a table were looked at."""
    return sum(
        (step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) * step["Actual Loops"]
        for step in steps
        if step.get("Relation Name", "").startswith(table)
    )


PAGE = """query ($order: [ProfileOrder!], $where: ProfileFilter, $after: String, $last: Int) {
  profiles(orderBy: $order, where: $where, first: %s, after: $after, last: $last) {
    nodes { id } pageInfo { endCursor hasNextPage } } }"""
FORWARDS, BACKWARDS = PAGE % 20, PAGE % "null"
SCORE = [{"field": "INTENT_SCORE", "direction": "DESC"}]


@pytest.mark.parametrize(
    ("index", "variables"),
    [
        ("profile_by_seen", {}),
        ("profile_by_seen", {"order": [{"field": "LAST_SEEN_AT", "direction": "ASC"}]}),
        ("profile_by_creation", {"order": [{"field": "CREATED_AT", "direction": "DESC"}]}),
        ("profile_by_creation", {"order": [{"field": "CREATED_AT", "direction": "ASC"}]}),
        ("profile_by_intent", {"order": SCORE}),
        ("profile_by_intent", {"order": [{"field": "INTENT_SCORE"}]}),
        ("profile_by_intent", {"order": SCORE, "where": {"buyerIntent": {"level": {"in": ["HOT", "WARM"]}}}}),
        (
            "profile_by_intent",
            {"order": [{"field": "INTENT_SCORE"}], "where": {"buyerIntent": {"score": {"gt": 100.0}}}},
        ),
    ],
    ids=str,
)
async def test_a_page_reads_as_many_people_as_it_shows(
    asking: Asking, index: str, variables: dict[str, Any]
) -> None:
    """The first page and the one behind its cursor, from the index of the order, never sorted."""
    variables = _coerced(variables)
    first = await asking.answer(FORWARDS, **variables)
    for after in (None, first["pageInfo"]["endCursor"]):
        steps = await asking.steps(FORWARDS, **variables, after=after)
        assert index in {step.get("Index Name") for step in steps}
        assert "Sort" not in {step["Node Type"] for step in steps}
        assert read(steps, "profile") == 21
    last = await asking.steps(BACKWARDS, **variables, last=20)
    assert read(last, "profile") == 21


async def test_a_page_of_accounts_is_a_range_of_an_index(asking: Asking) -> None:
    document = """query ($order: [AccountOrder!], $after: String) {
      accounts(first: 20, after: $after, orderBy: $order) { nodes { id } pageInfo { endCursor } } }"""
    for field, index in {
        "CREATED_AT": "account_by_creation",
        "NAME": "account_by_name",
        "DOMAIN": "account_in_order_of_domains",
    }.items():
        order = _coerced({"order": [{"field": field}]}, document)["order"]
        first = await asking.answer(document, order=order)
        for after in (None, first["pageInfo"]["endCursor"]):
            steps = await asking.steps(document, order=order, after=after)
            assert index in {step.get("Index Name") for step in steps}
            assert read(steps, "account") == 21


TRAIT = "query ($w: ProfileFilter) { profiles(where: $w, first: 20) { totalCount nodes { displayName } } }"


async def test_a_rare_trait_is_found_by_index(asking: Asking) -> None:
    rare = {"traits": [{"path": "code", "eq": 1234.0}]}
    assert await asking.answer(TRAIT, w=rare) == {"totalCount": 1, "nodes": [{"displayName": "Person 1234"}]}
    assert read(await asking.steps(TRAIT, w=rare), "profile") <= 2, "the one page, and the one count"
    either = {"and": [{"traits": [{"path": "code", "in": [7, 8, "x"]}]}]}
    assert (await asking.answer(TRAIT, w=either))["totalCount"] == 2
    assert read(await asking.steps(TRAIT, w=either), "profile") <= 4


FOUND = [
    ([{"path": "plan", "eq": "pro"}], PEOPLE // 2),
    ([{"path": "plan", "eq": "free"}, {"path": "code", "in": [1, 2, 3]}], 2),
    ([{"path": "code", "in": [1, 2, 3]}, {"path": "plan", "eq": "pro"}], 1),
    ([{"path": "code", "in": list(range(1, 151))}], 150),
    ([{"path": "code", "eq": "7"}], 0),
    ([{"path": "deep.code", "eq": 7}], 1),
    ([{"path": "deep", "eq": {"code": 7}}], 1),
    ([{"path": "code", "ne": 7}], PEOPLE - 1),
    ([{"path": "code", "in": []}], 0),
    ([{"path": "code", "notIn": [7, 8, "9"]}], PEOPLE - 2),
    ([{"path": "plan", "startsWith": "P"}], PEOPLE // 2),
    ([{"path": "plan", "endsWith": "EE"}], PEOPLE // 2),
    ([{"path": "ends", "after": datetime(2026, 11, 20, 9, 59, tzinfo=UTC)}], 1),
    ([{"path": "ends", "before": datetime(2026, 11, 20, 10, 1, tzinfo=UTC)}], 2),
    ([{"path": "ends", "before": datetime(2026, 11, 20, tzinfo=UTC)}], 0),
    ([{"path": "code", "after": datetime(1, 1, 1, tzinfo=UTC)}], 0),
]


async def test_whoever_is_found_by_a_trait_has_it(asking: Asking) -> None:
    """Whichever way it is found."""
    for traits, expected in FOUND:
        assert (await asking.answer(TRAIT, w={"traits": traits}))["totalCount"] == expected, traits
        others = await asking.answer(TRAIT, w={"not": {"traits": traits}})
        assert others["totalCount"] == PEOPLE - expected, traits


async def test_ids_find_their_people_by_index_and_those_that_they_went_into(
    asking: Asking, superuser: asyncpg.Connection, crowd: WorkspaceId
) -> None:
    await superuser.execute(
        "UPDATE profile SET merged_into = 7 WHERE workspace_id = $1 AND profile_id = 1234", crowd
    )
    where = {"id": {"in": [encode_id("Profile", number) for number in (1234, 8, 99999)]}}
    steps = await asking.steps(TRAIT, w=where)
    assert read(steps, "profile") <= 10, "each id and its person, for the page and for the count"
    nodes = [{"displayName": "Person 7"}, {"displayName": "Person 8"}]
    found = await asking.answer(TRAIT, w=where)
    assert sorted(found["nodes"], key=str) == nodes
    assert found["totalCount"] == 2


async def test_nobody_of_another_workspace_and_no_former_trait_is_found(
    asking: Asking, database: Database, crowd: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    find = "SELECT cdp.find_people_by_trait('code', ARRAY['1234'::jsonb], 10)"
    async with database.connection(other_workspace) as connection:
        assert await connection.fetchval(find) == []
    async with database.unbound() as connection:
        assert await connection.fetchval(find) == []
    async with database.connection(crowd) as connection:
        assert await connection.fetchval(find) == [1234]
        await connection.execute(
            "UPDATE profile SET traits = '{\"code\": 1}' WHERE workspace_id = $1 AND profile_id = 1234", crowd
        )
    found = await asking.answer(TRAIT, w={"traits": [{"path": "code", "eq": 1234}]})
    assert found == {"totalCount": 0, "nodes": []}


def _coerced(variables: dict[str, Any], document: str = FORWARDS) -> dict[str, Any]:
    from graphql.execution import get_variable_values

    definitions = build_schema().documents.read(document).operation(None).node.variable_definitions  # type: ignore[union-attr]
    return get_variable_values(build_schema().graphql_schema, definitions, variables).coerced  # type: ignore[union-attr, arg-type]


async def test_a_timeline_reads_the_beginning_of_each_identifiers_events(asking: Asking) -> None:
    """Not all the events that there are: two identifiers with two thousand events each."""
    document = """query ($after: String) { profile(id: "UHJvZmlsZTox") {
      timeline(first: 20, after: $after) { nodes { id occurredAt } pageInfo { endCursor } } } }"""
    first = (await asking.answer(document))["timeline"]
    assert len(first["nodes"]) == 20
    for after in (None, first["pageInfo"]["endCursor"]):
        steps = await asking.steps(document, after=after)
        assert read(steps, "event") <= 2 * 201
    second = (await asking.answer(document, after=first["pageInfo"]["endCursor"]))["timeline"]
    times = [node["occurredAt"] for node in first["nodes"] + second["nodes"]]
    assert times == sorted(times, reverse=True)
    assert len({node["id"] for node in first["nodes"] + second["nodes"]}) == 40


async def test_a_list_is_counted_up_to_a_bound(
    asking: Asking, superuser: asyncpg.Connection, crowd: WorkspaceId
) -> None:
    document = "{ profiles { totalCount totalCountIsEstimated } }"
    assert await asking.answer(document) == {"totalCount": PEOPLE, "totalCountIsEstimated": False}
    await superuser.execute(
        "INSERT INTO profile (workspace_id, profile_id) SELECT $1, i FROM generate_series(10000, 20000) AS i (i)",
        crowd,
    )
    assert await asking.answer(document) == {"totalCount": 10_000, "totalCountIsEstimated": True}


async def test_a_rare_word_is_found_by_index_and_a_common_one_by_reading_in_order(asking: Asking) -> None:
    document = "query ($s: String) { profiles(search: $s, first: 20) { totalCount nodes { displayName } } }"
    rare = await asking.steps(document, s="person1234@EXAMPLE")
    assert read(rare, "profile") <= 4, "the one page, and the one count, of one person"
    assert (await asking.answer(document, s="person1234@EXAMPLE"))["nodes"] == [
        {"displayName": "Person 1234"}
    ]
    common = "query ($s: String) { profiles(search: $s, first: 20) { nodes { displayName } } }"
    assert read(await asking.steps(common, s="person"), "profile") <= 201
    assert (await asking.answer(document, s="person"))["totalCount"] == PEOPLE


@pytest.mark.parametrize(
    "words", ["%", "_", "person_1", r"\\", "12", "", "1 2 3", "son2 example", "zzz", "Person 77"]
)
async def test_what_is_found_has_every_word_in_its_text(asking: Asking, words: str) -> None:
    """Whichever way it is found, and though the index knows some signs as wildcards."""
    document = "query ($s: String) { profiles(search: $s, first: 1) { totalCount } }"
    texts = [f"person {i}\nperson{i}@example.com" for i in range(1, PEOPLE + 1)]
    expected = sum(all(word in text for word in words.lower().split()) for text in texts)
    assert (await asking.answer(document, s=words))["totalCount"] == expected


async def test_nobody_of_another_workspace_is_found(
    database: Database, crowd: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """The look-up by words runs with the owner's rights; it asks for the connection's workspace only."""
    find = "SELECT cdp.find_people(ARRAY['person1234'], 10)"
    async with database.connection(crowd) as connection:
        assert await connection.fetchval(find) == [1234]
    async with database.connection(other_workspace) as connection:
        assert await connection.fetchval(find) == []
    async with database.unbound() as connection:
        assert await connection.fetchval(find) == []


async def test_who_was_merged_or_renamed_is_found_as_what_they_are_now(
    database: Database, crowd: WorkspaceId
) -> None:
    find = "SELECT cdp.find_people(ARRAY[$1], 10)"
    async with database.connection(crowd) as connection:
        await connection.execute(
            "UPDATE profile SET merged_into = 1 WHERE workspace_id = $1 AND profile_id = 1234", crowd
        )
        await connection.execute(
            "UPDATE profile SET search_text = 'ann archer' WHERE workspace_id = $1 AND profile_id = 2345",
            crowd,
        )
        assert await connection.fetchval(find, "person1234") == []
        assert await connection.fetchval(find, "person2345") == []
        assert await connection.fetchval(find, "archer") == [2345]
