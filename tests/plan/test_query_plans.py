"""How PostgreSQL goes about the hot queries: pages are ranges of an index, whatever comes behind them."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from cdp.db.pool import Database
from cdp.graphql.schema import build_schema
from cdp.model import WorkspaceId
from tests.plan.conftest import PEOPLE, Asking, read

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
