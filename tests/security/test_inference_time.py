"""Nobody learns from how long an answer takes what they may not see.

Time itself is noise on a machine that others use. What it comes from is not: how many rows PostgreSQL looks at. For a
reader who may not see a panel that must be the same however much the panel holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest

from cdp.app import Application
from cdp.plan import running
from tests.security.conftest import NOW, Side, track

HIDDEN = 3_000
"""Events of the hidden panel that one of two people has more."""
FILL = """
    INSERT INTO event (workspace_id, occurred_at, received_at, message_id, type, name, node_id, intent, usage, source,
                       properties, context)
    SELECT $1, $2::timestamptz - make_interval(mins => i), $2, i::text, 'track', 'hidden', n.node_id, $4, NOT $4,
           'test', '{}', '{}'
    FROM generate_series(1, $5::int) AS i (i), node n WHERE n.workspace_id = $1 AND n.value = $3"""

ASKED = (
    "timeline(first: 5) { nodes { id } }",
    "timeline(first: 5) { totalCount pageInfo { hasNextPage } }",
    "timeline(first: 5, lens: [INTENT]) { nodes { id } }",
    "timeline(first: 5, lens: [USAGE]) { totalCount }",
    "timeline(first: 5, lens: [NONE]) { totalCount }",
    "memberships { nodes { influence roles(ended: true) { role } heldRoles { role } account { alignment } } }",
)


@pytest.mark.parametrize(
    ("role", "intent"), [("SUPPORT", True), ("SALES", False), ("PARTNER", True), ("PARTNER", False)]
)
async def test_the_work_of_an_answer_does_not_grow_with_a_hidden_panel(
    ours: Side, application: Application, superuser: asyncpg.Connection, role: str, intent: bool
) -> None:
    for who in ("few", "many"):
        seen = "Signed In" if intent else "Pricing Viewed"
        await ours.tell(*(track(who, seen, timestamp=f"2026-11-{day:02}T12:00:00Z") for day in range(1, 9)))
        await ours.tell(track(who, "Something Else"))
    await superuser.execute(FILL, ours.workspace_id, NOW, "many", intent, HIDDEN)
    await superuser.execute("ANALYZE")
    document = 'query ($who: String!) { profile(identifier: { kind: "user_id", value: $who }) { %s } }'
    for asked in ASKED:
        few, many = [
            await _work(ours, application, document % asked, role=role, who=who) for who in ("few", "many")
        ]
        assert many <= few, asked
    everything = [
        await _work(ours, application, document % ASKED[1], role="ADMIN", who=who) for who in ("few", "many")
    ]
    assert everything[1] > everything[0] + HIDDEN, "there was something to be found out"


async def _work(ours: Side, application: Application, document: str, **given: Any) -> float:
    """How many rows PostgreSQL looks at for an answer."""
    asked: list[tuple[str, Any]] = []
    run_plan = running.run_plan

    async def spy(plan: Any, connect: Any, moment: Any, variables: Any, context: Any) -> Any:
        asked.append((plan.sql, running._bind(plan, moment, variables)[0]))
        return await run_plan(plan, connect, moment, variables, context)

    with patch("cdp.graphql.reading.run_plan", spy):
        await ours.ask(document, **given)
    ((sql, values),) = asked
    async with application.database.connection(ours.workspace_id) as connection:
        explained = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *values)
    looked_at: float = sum(
        (
            step["Actual Rows"]
            + step.get("Rows Removed by Filter", 0)
            + step.get("Rows Removed by Index Recheck", 0)
        )
        * step["Actual Loops"]
        for step in _steps(json.loads(explained)[0]["Plan"])
        if "Relation Name" in step
    )
    return looked_at


def _steps(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _steps(below)
