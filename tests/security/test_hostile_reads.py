"""Queries that are cheap to send and dear to answer, and errors that say more than they should."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from cdp.app import Application
from cdp.db.pool import Database
from cdp.errors import Unavailable
from cdp.graphql.documents import MOST_CHARACTERS, STRANGERS_TOKENS
from cdp.plan import running
from cdp.plan.plans import Recent
from tests.security.conftest import Side, track

WITHIN = """query ($first: Int) { profiles(first: $first) { nodes { memberships(first: $first) { nodes {
  account { people(first: $first) { nodes { id } } } } } } } }"""


async def test_lists_within_lists_are_held_to_a_size_whatever_the_variables(ours: Side) -> None:
    """Eight nested pages used to make three hundred megabytes of a thousand people."""
    assert await ours.codes(WITHIN, first=20) == []
    assert await ours.codes(WITHIN, first=200) == ["COMPLEXITY"]
    assert await ours.codes(WITHIN) == []
    literal = WITHIN.replace("query ($first: Int) ", "").replace("$first", "100")
    assert await ours.codes(literal) == ["COMPLEXITY"]


async def test_an_operation_that_asks_for_too_much_is_refused_before_anything_is_read(
    ours: Side, application: Application
) -> None:
    """The error says what it would cost, and what it may."""
    assert await ours.codes(WITHIN, first=20) == []
    away = Unavailable("Nothing may be asked of the database.")
    with patch.object(application.database, "connection", side_effect=away):
        assert await ours.codes(WITHIN, first=20) == ["UNAVAILABLE"]
        answer = await ours.ask(WITHIN.removesuffix("}") + " accounts { totalCount } }", first=200)
    (error,) = answer["errors"]
    assert "data" not in answer
    assert error["extensions"] == {"code": "COMPLEXITY", "cost": 16_842_320, "limit": 1_000_000}
    assert "16,842,320" in error["message"]
    assert "1,000,000" in error["message"]


async def test_a_filter_follows_only_so_many_relations(ours: Side) -> None:
    where: dict[str, object] = {"memberships": {"some": {"own": {"eq": True}}}}
    document = "query ($where: ProfileFilter) { profiles(where: $where) { totalCount } }"
    for _ in range(2):
        assert await ours.codes(document, where=where) == []
        where = {"memberships": {"some": {"account": {"members": {"every": {"person": where}}}}}}
    assert await ours.codes(document, where=where) == []
    where = {"memberships": {"some": {"person": where}}}
    assert await ours.codes(document, where=where) == ["COMPLEXITY"]


async def test_a_statement_that_takes_too_long_is_given_up_and_its_connection_serves_on(
    ours: Side, application: Application
) -> None:
    await ours.tell(*(track(f"u{number}", "Signed In") for number in range(50)))
    document = "{ profiles { totalCount } }"
    assert await ours.data(document) == {"profiles": {"totalCount": 50}}
    with patch.object(running, "MOST_SECONDS", 0.000_001):
        assert await ours.codes(document) == ["COMPLEXITY"]
    assert await ours.data(document) == {"profiles": {"totalCount": 50}}


async def test_documents_of_strangers_are_small_and_are_not_kept(ours: Side) -> None:
    introspection = "{ __schema { queryType { name } } }"
    assert (await ours.post(introspection, role=None)).json()["data"] == {
        "__schema": {"queryType": {"name": "Query"}}
    }
    fields = " ".join(
        f'a{number}: __type(name: "A") {{ name }}' for number in range(STRANGERS_TOKENS // 10 + 1)
    )
    answer = (await ours.post(f"{{ {fields} }}", role=None)).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["COMPLEXITY"]
    assert await ours.codes(f"{{ {fields} }}") == []


def test_what_is_kept_is_bounded_by_its_text_too() -> None:
    """Two thousand parsed documents of a hundred thousand characters would take more memory than there is."""
    kept: Recent[str] = Recent(10, characters=100)
    for name in ("a", "b", "c"):
        kept.put(name, name, 40)
    assert [kept.get(name) for name in ("a", "b", "c")] == [None, "b", "c"]
    kept.put("d", "d", 101)
    assert [kept.get(name) for name in ("b", "c", "d")] == [None, None, None]
    kept.put("c", "c", 30)
    kept.put("c", "c", 60)
    kept.put("e", "e", 40)
    assert [kept.get(name) for name in ("c", "e")] == ["c", "e"]
    assert MOST_CHARACTERS <= 10_000_000


@pytest.mark.parametrize("document", ["{ profiles { totalCount } }", "{ workspace { name } }"])
async def test_nobody_is_told_where_the_database_lives(
    ours: Side, application: Application, document: str
) -> None:
    await ours.data(document)
    application.workspaces.forget(ours.workspace_id)
    away = Unavailable("The connection to PostgreSQL at db.internal:5432 was lost; try again.")
    with patch.object(Database, "_acquire", side_effect=away):
        response = await ours.post(document)
        ready = await ours.client.get("/readyz")
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert "db.internal" not in response.text
    assert (ready.status_code, "db.internal" in ready.text) == (503, False)
