"""People who are found by an index under row-level security, by traits and by ids, are those whom the filter means."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg

from cdp.db.pool import Database
from cdp.model import WorkspaceId
from cdp.model.ids import encode_id
from tests.plan.conftest import PEOPLE, Asking, read

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
