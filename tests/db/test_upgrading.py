"""Two versions during an upgrade: the schema grows under servers that run, and nothing that they use is taken away."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from cdp.access.keys import create_key
from cdp.app import Application, create_asgi
from cdp.db import migrate
from cdp.db.pool import Database
from cdp.errors import Misconfigured
from cdp.model import WorkspaceId
from cdp.settings import Settings
from tests.conftest import DatabaseUrls
from tests.db.contracting import taken_away

RELEASED = "20261122999999"
"""Migrations up to here came before there were servers to upgrade."""

GROWS = """-- migrate:up
ALTER TABLE profile ADD COLUMN nickname text;
ALTER TABLE event ADD COLUMN device text NOT NULL DEFAULT 'unknown';
ALTER TABLE settlement ADD COLUMN reason text;
CREATE TABLE nickname_of (workspace_id bigint NOT NULL, profile_id bigint NOT NULL, name text NOT NULL);
CREATE OR REPLACE FUNCTION cdp.bound_workspace() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('cdp.workspace_id', true), '')::bigint $$;
-- migrate:down
"""

BUILDS = """-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY IF NOT EXISTS later ON account (workspace_id, name);
-- migrate:down
"""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The migrations of a version after this one."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.migrations_folder(), folder)
    (folder / "29991231000000_grows.sql").write_text(GROWS)
    return folder


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A server of this version."""
    async with Application.open(Settings(database_url=database_url)) as application:
        transport = httpx.ASGITransport(create_asgi(application))
        async with httpx.AsyncClient(transport=transport, base_url="http://cdp.test") as client:
            yield client


async def test_an_older_server_works_on_while_and_after_the_schema_grows(
    client: httpx.AsyncClient,
    database: Database,
    workspace: WorkspaceId,
    database_urls: DatabaseUrls,
    newer: Path,
) -> None:
    """What it has prepared goes on too: it takes events and answers queries without a single failure."""
    key = await create_key(database, workspace, "ADMIN", "all")
    query = '{ profile(identifier: {kind: "user_id", value: "ada"}) { id traits usage { phase } } }'
    statuses = set()
    sent = 0

    async def work() -> None:
        nonlocal sent
        sent += 1
        item = {"type": "track", "event": "Signed In", "userId": "ada", "messageId": f"m{sent}"}
        batch = await client.post("/v1/batch", json={"batch": [item]}, auth=(key, ""))
        answer = await client.post(
            "/graphql", json={"query": query}, headers={"Authorization": f"Bearer {key}"}
        )
        statuses.update({batch.status_code, answer.status_code, str("errors" in answer.json())})

    for _ in range(3):
        await work()
    migrating = asyncio.create_task(migrate.apply(database_urls.owner, newer))
    while not migrating.done():
        await work()
    for _ in range(3):
        await work()
    assert [one.version for one in migrating.result()] == ["29991231000000"]
    assert statuses == {200, "False"}
    async with database.connection(workspace) as connection:
        stored = await connection.fetchval("SELECT count(*) FROM event WHERE workspace_id = $1", workspace)
    assert stored == sent
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["migrations"]["ok"]) == (200, True)


async def test_a_migration_that_waits_for_a_lock_steps_aside_and_comes_again(
    database_urls: DatabaseUrls,
    owner: asyncpg.Connection,
    superuser: asyncpg.Connection,
    newer: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A long transaction reads a table that it wants to change; others who read it are not held up for long."""
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.3)
    waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'profile'::regclass)"
    reading = await asyncpg.connect(database_urls.superuser)
    async with owner.transaction():
        await owner.execute("LOCK TABLE profile IN ACCESS SHARE MODE")
        migrating = asyncio.create_task(migrate.apply(database_urls.owner, newer))
        while not await superuser.fetchval(waits):  # noqa: ASYNC110 - it is another process that waits
            await asyncio.sleep(0.01)
        async with asyncio.timeout(20):
            await reading.fetchval("SELECT count(*) FROM profile")
    await reading.close()
    assert [one.name for one in await migrating] == ["29991231000000_grows.sql"]


async def test_a_lock_that_is_held_on_and_on_is_named_as_the_reason(
    database_urls: DatabaseUrls, owner: asyncpg.Connection, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.05)
    monkeypatch.setattr(migrate, "PAUSES", (0.0,))
    async with owner.transaction():
        await owner.execute("LOCK TABLE profile IN ACCESS SHARE MODE")
        with pytest.raises(Misconfigured, match="29991231000000_grows.sql failed and was undone.*cdp doctor"):
            await migrate.apply(database_urls.owner, newer)


async def test_an_index_is_built_while_others_write_and_anew_where_that_was_cut_short(
    database_urls: DatabaseUrls,
    owner: asyncpg.Connection,
    workspace: WorkspaceId,
    newer: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A long transaction is waited for; what an attempt that gave up left behind is no index, and does not stay."""
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.3)
    (newer / "29991231000000_grows.sql").write_text(BUILDS)
    there = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('later')"
    others = await asyncpg.connect(database_urls.superuser)
    async with owner.transaction():
        await owner.execute("LOCK TABLE account IN ROW EXCLUSIVE MODE")
        migrating = asyncio.create_task(migrate.apply(database_urls.owner, newer))
        async with asyncio.timeout(20):
            while await others.fetchval(there) is None:  # noqa: ASYNC110 - it is another process that builds
                await asyncio.sleep(0.01)
            await others.execute("INSERT INTO account (workspace_id, name) VALUES ($1, 'Acme')", workspace)
            given_up = "SELECT NOT EXISTS (SELECT FROM pg_stat_progress_create_index)"
            while not await others.fetchval(given_up):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await others.fetchval(there) is False
    assert [one.name for one in await migrating] == ["29991231000000_grows.sql"]
    assert await others.fetchval(there) is True
    await others.close()


def test_a_migration_takes_nothing_away_unless_it_says_who_can_do_without() -> None:
    for path in sorted(migrate.migrations_folder().glob("*.sql")):
        up = path.read_text().partition("-- migrate:down")[0]
        if path.name > RELEASED and "cdp.schema_contract" not in up:
            assert taken_away(up) == [], path.name


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        (GROWS, []),
        ("DROP TABLE link", ["drops link"]),
        ("DROP FUNCTION cdp.find_people(text)", ["drops cdp.find_people"]),
        ("DROP INDEX node_by_profile", []),
        ("ALTER TABLE node DROP COLUMN value", ["node: drops value"]),
        ("ALTER TABLE node ALTER COLUMN value TYPE varchar", ["node: changes the type of value"]),
        ("ALTER TABLE node ALTER COLUMN value SET NOT NULL", ["node: value must not be null any more"]),
        ("ALTER TABLE node RENAME COLUMN value TO text", ["renames value of node"]),
        ("ALTER TABLE node RENAME TO knot", ["renames node"]),
        ("ALTER TABLE node ADD COLUMN x int NOT NULL", ["node: x has no default"]),
        ("ALTER TABLE node ADD COLUMN x int NOT NULL DEFAULT 1", []),
        ("ALTER TABLE node ADD CONSTRAINT c CHECK (kind <> '')", ["node: adds a constraint"]),
        ("CREATE TABLE x (a int); ALTER TABLE x ALTER COLUMN a SET NOT NULL; DROP TABLE x", []),
        ("CREATE INDEX i ON node (value)", ["node: an index that keeps writers out while it is built"]),
        ("CREATE INDEX CONCURRENTLY i ON node (value)", []),
        ("CREATE TABLE x (a int); CREATE INDEX ON x (a)", []),
    ],
)
def test_what_takes_something_away_is_seen(sql: str, found: list[str]) -> None:
    assert taken_away(sql) == found
