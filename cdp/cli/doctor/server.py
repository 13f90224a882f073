"""PostgreSQL itself: is it set up so that what is acknowledged stays, and is anything wearing it down?"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from cdp.cli.doctor.findings import Finding, age, fail, ok, size, warn
from cdp.cli.doctor.schema import sql
from cdp.settings import Settings

_ROOM_BYTES = 2 * 2**30
_NO_ROOM_BYTES = 2**28
_SKEW_SECONDS = 2.0
_LONG_SECONDS = 300.0
_VERY_LONG_SECONDS = 3_600.0
_WAIT_SECONDS = 5.0
_FREEZE_SOON = 500_000_000
"""Autovacuum freezes at 200 million transactions; what is so far behind it is not keeping up."""
_FREEZE_NOW = 1_500_000_000
_DEAD = 50_000
_DEAD_SHARE = 0.25
_SMALL_BUFFERS = 120 * 2**20
_KEPT_WAL = 2**30
_SPARE_CONNECTIONS = 5
"""For migrations, dumps and people."""

_MUST_BE_ON = {
    "fsync": "a crash of the machine may destroy the database",
    "full_page_writes": "a crash of the machine may destroy the database",
    "synchronous_commit": "a crash may lose events that were acknowledged",
    "autovacuum": "tables grow for ever, and at last the server stops",
    "track_counts": "autovacuum does not know what to do",
}


async def settings(connection: asyncpg.Connection, ours: Settings) -> list[Finding]:
    """Settings that hurt."""
    row = await connection.fetchrow(sql.settings)
    findings = [
        fail("settings", f"{name} is off: {why}", f"ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf()")
        for name, why in _MUST_BE_ON.items()
        if row[name] == "off"
    ]
    if row["read_only"]:
        findings.append(
            fail(
                "settings",
                "the database takes no writes (a standby, or default_transaction_read_only)",
                "Point the URL at the primary, or: ALTER DATABASE … RESET default_transaction_read_only",
            )
        )
    buffers = row["shared_buffers"]
    if buffers < _SMALL_BUFFERS:
        findings.append(
            warn(
                "settings",
                f"shared_buffers is {size(buffers)}",
                "Give it a quarter of the machine's memory: ALTER SYSTEM SET shared_buffers = '…', then restart.",
            )
        )
    room = row["max_connections"] - row["reserved"] - _SPARE_CONNECTIONS
    wanted = (ours.pool_size + ours.ingest_pool_size) * ours.workers
    if wanted > room:
        findings.append(
            warn(
                "settings",
                f"{ours.workers} server processes may open {wanted} connections, "
                f"and max_connections = {row['max_connections']} leaves room for {room}",
                "Lower CDP_POOL_SIZE or CDP_WORKERS, or raise max_connections.",
            )
        )
    return findings or [
        ok("settings", "what is acknowledged survives a crash; memory and connections suffice")
    ]


async def disk(connection: asyncpg.Connection, local: Settings | None) -> list[Finding]:
    """Room where the data lies, if that is on this machine."""
    row = await connection.fetchrow(sql.sizes)
    folder = local.data if local is not None else _folder_here(row["data_directory"])
    if folder is None:
        return [ok("disk", f"the database holds {size(row['bytes'])}; its disk cannot be seen from here")]
    free = shutil.disk_usage(folder).free
    says = f"{size(free)} free at {folder}; the database holds {size(row['bytes'])}"
    if free < _NO_ROOM_BYTES:
        return [fail("disk", says, "Make room now: the server stops when it cannot write its log.")]
    if free < _ROOM_BYTES:
        return [warn("disk", says, "Make room, or move the data folder.")]
    return [ok("disk", says)]


def _folder_here(name: str | None) -> Path | None:
    """The server's folder, if it is on this machine and may be looked at."""
    folder = Path(name) if name else None
    try:
        return folder if folder is not None and (folder / "PG_VERSION").exists() else None
    except OSError:
        return None


async def clock(connection: asyncpg.Connection) -> list[Finding]:
    """Whether our clock and the server's agree."""
    before = datetime.now(UTC)
    theirs: datetime = await connection.fetchval(sql.clock)
    after = datetime.now(UTC)
    apart = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    if apart > _SKEW_SECONDS:
        word = "ahead of" if theirs < before else "behind"
        remedy = "Keep both machines' clocks by NTP: events get their times from this one."
        return [warn("clock", f"{age(apart)} {word} the database's", remedy)]
    return [ok("clock", "agrees with the database's")]


async def transactions(connection: asyncpg.Connection) -> list[Finding]:
    """Transactions that have been open for so long that vacuum cannot clean up behind them."""
    rows = await connection.fetch(sql.long_transactions, _LONG_SECONDS)
    findings = []
    for row in rows:
        says = (
            f"process {row['pid']} ({row['who']}, {row['state']}) has had one open for {age(row['seconds'])}"
        )
        remedy = f"If nobody needs it: SELECT pg_terminate_backend({row['pid']})"
        very = row["seconds"] > _VERY_LONG_SECONDS
        findings.append(fail("transactions", says, remedy) if very else warn("transactions", says, remedy))
    findings += [
        warn(
            "transactions",
            f"{row['gid']} has been prepared for {age(row['seconds'])}",
            f"COMMIT PREPARED or ROLLBACK PREPARED '{row['gid']}'",
        )
        for row in await connection.fetch(sql.prepared_transactions, _LONG_SECONDS)
    ]
    if findings:
        return findings
    if not await connection.fetchval(sql.sees_all):
        remedy = (
            "To see them: GRANT pg_read_all_stats to this login, or run the doctor as the owner's superuser."
        )
        return [warn("transactions", "those of other logins cannot be seen", remedy)]
    return [ok("transactions", "none is open for long")]


async def locks(connection: asyncpg.Connection) -> list[Finding]:
    """Sessions that wait for others."""
    rows = await connection.fetch(sql.lock_waits, _WAIT_SECONDS)
    if not rows:
        return [ok("locks", "nobody waits for one")]
    first = rows[0]
    blockers = ", ".join(str(pid) for pid in first["blockers"])
    says = f"{len(rows)} sessions wait, the first for {age(first['seconds'])} on {first['what']}, held by {blockers}"
    return [warn("locks", says, f"If it hangs: SELECT pg_cancel_backend({first['blockers'][0]})")]


async def wraparound(connection: asyncpg.Connection) -> list[Finding]:
    """How far the server is from refusing to write for want of transaction numbers."""
    row = await connection.fetchrow(sql.wraparound)
    used = max(row["transactions"], row["multixacts"])
    says = f"{used:,} of 2,000,000,000 transaction numbers used, by {row['name'] or 'the database'}"
    remedy = f"VACUUM (FREEZE, VERBOSE) {row['name'] or ''}".strip()
    if used > _FREEZE_NOW:
        return [fail("wraparound", says, f"{remedy}, now: the server will stop taking writes")]
    if used > _FREEZE_SOON:
        return [warn("wraparound", says, f"{remedy}, and see what keeps autovacuum from it")]
    return [ok("wraparound", "far off")]


async def vacuum(connection: asyncpg.Connection) -> list[Finding]:
    """Tables that autovacuum does not keep up with, or is not let near."""
    findings = []
    for row in await connection.fetch(sql.dead_rows, _DEAD, _DEAD_SHARE):
        cleaned = "never" if row["seconds"] is None else f"{age(row['seconds'])} ago"
        says = f"{row['name']}: {row['dead']:,} dead rows beside {row['live']:,}, last vacuumed {cleaned}"
        findings.append(
            warn(
                "vacuum",
                says,
                f"VACUUM (ANALYZE) {row['name']}; if it comes back, look for long transactions.",
            )
        )
    for row in await connection.fetch(sql.unvacuumed):
        says = f"autovacuum is turned off for {row['name']}"
        findings.append(warn("vacuum", says, f"ALTER TABLE {row['name']} RESET (autovacuum_enabled)"))
    return findings or [ok("vacuum", "keeps up")]


async def indexes(connection: asyncpg.Connection) -> list[Finding]:
    """Indexes that were not finished."""
    findings = [
        fail("indexes", f"{row['name']} is not valid", f"REINDEX INDEX CONCURRENTLY {row['name']}")
        for row in await connection.fetch(sql.invalid_indexes)
    ]
    return findings or [ok("indexes", "all valid")]


async def replication(connection: asyncpg.Connection) -> list[Finding]:
    """Replication slots that nobody reads, for which the log is kept until the disk is full."""
    findings = [
        warn(
            "replication",
            f"nobody reads the slot {row['slot_name']}, and {size(row['kept'])} of the log is kept for it",
            f"Start its reader, or: SELECT pg_drop_replication_slot('{row['slot_name']}')",
        )
        for row in await connection.fetch(sql.idle_slots, _KEPT_WAL)
    ]
    return findings or [ok("replication", "no slot holds up the log")]
