"""The doctor: things are broken one by one, and it says which and what to do."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from cdp.cli import run
from cdp.cli.doctor import Finding, Level, schema, server, work
from cdp.cli.options import Place
from cdp.db.pool import Database
from cdp.ingest import refused
from cdp.ingest.results import Refusal
from cdp.model import WorkspaceId
from cdp.settings import Settings
from cdp.settle import upkeep

Urls = object

pytestmark = pytest.mark.usefixtures("logs_as_before")


@pytest.fixture
def place(database_url: str) -> Place:
    return Place(
        owner_url=database_url,
        app_url=database_url,
        inspect_url=database_url,
        embedded=False,
        shown="--database-url URL",
        described="a clone",
    )


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


@asynccontextmanager
async def undone(connection: asyncpg.Connection, *statements: str) -> AsyncIterator[None]:
    """What the statements broke, for as long as the block lasts."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        for statement in statements:
            await connection.execute(statement)
        yield
    finally:
        await transaction.rollback()


def test_a_sound_installation_is_found_well(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All but the settings of the tests' own server, which need not survive a crash."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert run(["doctor"]) == 1
    said = capsys.readouterr().out
    for subject in (
        "Diptych",
        "Python",
        "plugin diptych_roles",
        "database",
        "migrations",
        "settling",
        "locks",
    ):
        assert re.search(rf"^OK    {subject}: ", said, re.MULTILINE), said
    failures = re.findall(r"^FAIL  (.*?) is off", said, re.MULTILINE)
    assert failures == ["settings: fsync", "settings: full_page_writes", "settings: synchronous_commit"]
    assert said.count("FAIL") == 3
    assert "→ ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf()" in said


def test_machines_are_told_in_json(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert run(["doctor", "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)
    by_subject = {finding["subject"]: finding for finding in findings}
    assert by_subject["migrations"] == {
        "subject": "migrations",
        "level": "OK",
        "says": "all applied",
        "remedy": None,
    }
    assert all(finding["remedy"] for finding in findings if finding["level"] == "WARN")


def test_a_database_without_migrations_is_told_with_the_command_to_run(
    database_urls: Urls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = re.sub(r"/test_\d+", "/postgres", database_urls.superuser)  # type: ignore[attr-defined]
    monkeypatch.setenv("DATABASE_URL", url)
    assert run(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "FAIL  migrations: pending" in said
    assert "Run: cdp migrate --database-url" in said
    assert run(["workspaces", "list"]) == 1
    assert "Run: cdp migrate --database-url URL" in capsys.readouterr().err


def test_a_database_that_is_away_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/diptych")
    assert run(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "FAIL  database: PostgreSQL cannot be reached at 127.0.0.1:1/diptych" in said
    assert "secret" not in said


async def test_two_versions_during_an_upgrade_are_told_apart(
    superuser: asyncpg.Connection, place: Place
) -> None:
    newer = "INSERT INTO schema_migrations VALUES ('29991231000000')"
    contract = "INSERT INTO cdp.schema_contract VALUES ('29991231000000', 'no more names')"
    async with undone(superuser, newer):
        finding = only(await schema.migrations(superuser, place))
        assert (finding.level, finding.remedy) == (
            Level.WARN,
            "Finish the upgrade: replace this version with the newer one.",
        )
    async with undone(superuser, newer, contract):
        finding = only(await schema.migrations(superuser, place))
        assert (finding.level, finding.says) == (Level.FAIL, "the schema has moved on: no more names")


GAPS = {
    "ALTER TABLE node DISABLE ROW LEVEL SECURITY": "does not hold on node",
    "ALTER TABLE link NO FORCE ROW LEVEL SECURITY": "does not hold on link",
    "CREATE TABLE note (workspace_id bigint)": "does not hold on note",
    "DROP POLICY bound ON account": "account: no policy binds rows to a workspace",
    "ALTER ROLE diptych_app BYPASSRLS": "diptych_app can bypass row-level security",
    "ALTER TABLE feature OWNER TO diptych_app": (
        "diptych_app owns feature, and an owner can turn row-level security off"
    ),
}


async def test_every_gap_between_workspaces_is_found(superuser: asyncpg.Connection) -> None:
    assert not [one for one in await schema.roles(superuser) if one.level is Level.FAIL]
    for broken, says in GAPS.items():
        async with undone(superuser, broken):
            findings = await schema.roles(superuser)
        assert [one.says for one in findings if one.level is Level.FAIL] == [says]


async def test_months_without_a_partition_are_found(
    superuser: asyncpg.Connection, database: Database
) -> None:
    missing = only(await schema.partitions(superuser))
    assert (missing.level, f"{datetime.now(UTC):%Y-%m}" in missing.says) == (Level.WARN, True)
    await upkeep.partitions(database, today=datetime.now(UTC).date())
    assert only(await schema.partitions(superuser)).level is Level.OK


async def test_settings_that_lose_events_or_leave_no_connection_are_found(
    database_urls: Urls, superuser: asyncpg.Connection
) -> None:
    findings = await server.settings(superuser, Settings(workers=50))
    assert [one.says.partition(":")[0] for one in findings if one.level is Level.FAIL] == [
        "fsync is off",
        "full_page_writes is off",
        "synchronous_commit is off",
    ]
    assert "50 server processes may open" in only([one for one in findings if one.level is Level.WARN]).says
    await superuser.execute("SET default_transaction_read_only = on; SET synchronous_commit = on")
    said = " ".join(one.says for one in await server.settings(superuser, Settings()))
    assert "the database takes no writes" in said
    assert "synchronous_commit" not in said


async def test_a_full_disk_is_foreseen(
    superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert only(await server.disk(superuser, None)).level is Level.OK
    monkeypatch.setattr(server, "_ROOM_BYTES", 2**60)
    assert only(await server.disk(superuser, None)).level is Level.WARN
    monkeypatch.setattr(server, "_NO_ROOM_BYTES", 2**59)
    finding = only(await server.disk(superuser, None))
    assert (finding.level, "free at" in finding.says) == (Level.FAIL, True)


@pytest.mark.parametrize(("interval", "says"), [("1 hour", "60 min behind"), ("-1 hour", "60 min ahead of")])
async def test_clocks_that_disagree_are_found(
    superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, interval: str, says: str
) -> None:
    assert only(await server.clock(superuser)).level is Level.OK
    monkeypatch.setattr(server.sql, "clock", f"SELECT clock_timestamp() + interval '{interval}'")
    finding = only(await server.clock(superuser))
    assert (finding.level, finding.says) == (Level.WARN, f"{says} the database's")


async def test_a_transaction_that_is_left_open_is_found_with_the_way_to_end_it(
    superuser: asyncpg.Connection, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert only(await server.transactions(superuser)).level is Level.OK
    pid = await owner.fetchval("SELECT pg_backend_pid()")
    async with owner.transaction():
        await owner.execute("SELECT")
        monkeypatch.setattr(server, "_LONG_SECONDS", 0.0)
        finding = only(await server.transactions(superuser))
        assert (finding.level, finding.remedy) == (
            Level.WARN,
            f"If nobody needs it: SELECT pg_terminate_backend({pid})",
        )
        assert "idle in transaction" in finding.says
        monkeypatch.setattr(server, "_VERY_LONG_SECONDS", 0.0)
        assert only(await server.transactions(superuser)).level is Level.FAIL


async def test_who_may_not_see_other_transactions_is_told_so(database: Database) -> None:
    async with database.unbound() as connection:
        finding = only(await server.transactions(connection))
    assert (finding.level, "GRANT pg_read_all_stats" in str(finding.remedy)) == (Level.WARN, True)


async def test_who_waits_for_a_lock_is_found_and_who_holds_it(
    superuser: asyncpg.Connection,
    owner: asyncpg.Connection,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "_WAIT_SECONDS", 0.0)
    assert only(await server.locks(superuser)).level is Level.OK
    holder = await owner.fetchval("SELECT pg_backend_pid()")
    async with owner.transaction(), database.unbound() as connection:
        await owner.execute("LOCK TABLE feature IN ACCESS EXCLUSIVE MODE")
        waiting = asyncio.create_task(connection.execute("SELECT 1 FROM feature"))
        while not await superuser.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        finding = only(await server.locks(superuser))
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
    assert (finding.level, finding.remedy) == (Level.WARN, f"If it hangs: SELECT pg_cancel_backend({holder})")
    assert re.fullmatch(rf"1 sessions wait, the first for \d s on feature, held by {holder}", finding.says)


async def test_transaction_numbers_that_run_out_are_found(
    superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert only(await server.wraparound(superuser)).level is Level.OK
    monkeypatch.setattr(server, "_FREEZE_SOON", -1)
    assert only(await server.wraparound(superuser)).level is Level.WARN
    monkeypatch.setattr(server, "_FREEZE_NOW", -1)
    assert "VACUUM (FREEZE" in str(only(await server.wraparound(superuser)).remedy)


async def test_tables_that_vacuum_does_not_keep_up_with_are_found(
    superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert only(await server.vacuum(superuser)).level is Level.OK
    await superuser.execute("CREATE TABLE worn AS SELECT generate_series(1, 100) AS number")
    await superuser.execute("DELETE FROM worn WHERE number > 10")
    await superuser.execute("SELECT pg_stat_force_next_flush()")
    await superuser.execute("ALTER TABLE feature SET (autovacuum_enabled = false)")
    monkeypatch.setattr(server, "_DEAD", 50)
    dead, off = await server.vacuum(superuser)
    assert dead.says == "worn: 90 dead rows beside 10, last vacuumed never"
    assert (off.says, off.remedy) == (
        "autovacuum is turned off for feature",
        "ALTER TABLE feature RESET (autovacuum_enabled)",
    )


async def test_an_index_that_was_never_finished_is_found(superuser: asyncpg.Connection) -> None:
    assert only(await server.indexes(superuser)).level is Level.OK
    broken = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'settlement_due'::regclass"
    async with undone(superuser, broken):
        finding = only(await server.indexes(superuser))
    assert (finding.level, finding.remedy) == (Level.FAIL, "REINDEX INDEX CONCURRENTLY settlement_due")


async def test_a_worker_that_lags_and_refused_events_are_found(
    superuser: asyncpg.Connection, database: Database, workspace: WorkspaceId, place: Place
) -> None:
    assert only(await work.settling(superuser, place)).says == "nothing waits"
    assert only(await work.refused(superuser)).says == "none"
    now = datetime.now(UTC)
    await superuser.execute(
        "INSERT INTO profile (workspace_id, profile_id, created_at) VALUES ($1, 1, now())", workspace
    )
    await superuser.execute(
        "INSERT INTO settlement (workspace_id, profile_id, due_at) VALUES ($1, 1, now() - interval '3 h')",
        workspace,
    )
    async with database.transaction(workspace) as connection:
        kept = [
            refused.Kept(
                refusal=Refusal(code=code, message="no", body=b"{}"),
                source="tracking",
                received_at=now - timedelta(days=2),
            )
            for code in ("MISSING_ID", "MISSING_ID", "TOO_LARGE")
        ]
        await refused.keep(connection, workspace, kept)
    lag = only(await work.settling(superuser, place))
    assert (lag.level, lag.says) == (Level.WARN, "1 profiles wait, the first for 3 h")
    assert lag.remedy == "Is a worker running? Start one more: cdp worker --database-url URL"
    old = only(await work.refused(superuser))
    assert (old.level, old.says) == (Level.OK, "3: 2 MISSING_ID, 1 TOO_LARGE; none within a day")
    await superuser.execute("UPDATE refused_event SET received_at = now() WHERE code = 'TOO_LARGE'")
    assert only(await work.refused(superuser)).level is Level.WARN
