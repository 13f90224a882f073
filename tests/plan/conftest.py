"""Three thousand people, and how PostgreSQL goes about questions about them."""

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
    workspace = await connection.fetchval("SELECT cdp.create_workspace('Crowd')")
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
    return WorkspaceId(await superuser.fetchval("SELECT workspace_id FROM workspace WHERE name = 'Crowd'"))


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
