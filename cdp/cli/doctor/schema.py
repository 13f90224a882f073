"""The schema: does it fit this server, and does it keep workspaces apart?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg

from cdp.cli.doctor.findings import Finding, Level, fail, ok, warn
from cdp.cli.options import Place
from cdp.db import migrate
from cdp.db.connecting import describe, reaching
from cdp.db.queries import load_queries

sql = load_queries("cdp.cli.doctor", "doctor.sql")

_OLDEST = 18
_APPLICATION = "diptych_app"


async def versions(connection: asyncpg.Connection, place: Place) -> list[Finding]:
    """Which PostgreSQL it is."""
    version: str = await connection.fetchval(sql.server_version)
    says = f"PostgreSQL {version} at {describe(place.app_url)}"
    if int(version.split(".", maxsplit=1)[0]) >= _OLDEST:
        return [ok("database", says)]
    return [fail("database", says, f"Diptych is made for PostgreSQL {_OLDEST}: upgrade the server.")]


async def migrations(connection: asyncpg.Connection, place: Place) -> list[Finding]:
    """Whether the schema is the one that this server expects."""
    with reaching(place.app_url):
        pending = await migrate.pending(connection)
    if pending:
        names = ", ".join(migration.name for migration in pending)
        return [fail("migrations", f"pending: {names}", f"Run: cdp migrate {place.shown}")]
    unknown = await migrate.unknown(connection)
    if not unknown:
        return [ok("migrations", "all applied")]
    lost = [row for row in await connection.fetch(sql.contracts) if row["needs"] in unknown]
    if lost:
        says = f"the schema has moved on: {lost[0]['because']}"
        return [fail("migrations", says, "This server is too old for it: upgrade Diptych.")]
    says = f"{len(unknown)} more than this version knows of, {unknown[-1]} last; it works with them"
    return [warn("migrations", says, "Finish the upgrade: replace this version with the newer one.")]


def lacks_migrations(found: Sequence[Finding]) -> bool:
    """Whether what else is there cannot be examined for want of migrations."""
    return any(finding.level is Level.FAIL for finding in found)


async def roles(connection: asyncpg.Connection) -> list[Finding]:
    """Whether row-level security holds for the application, on every table that has workspaces."""
    findings = []
    row = await connection.fetchrow(sql.roles, _APPLICATION)
    if row["bypasses"]:
        findings.append(
            fail(
                "roles",
                f"{_APPLICATION} can bypass row-level security",
                f"Run as a superuser: ALTER ROLE {_APPLICATION} NOSUPERUSER NOBYPASSRLS",
            )
        )
    if row["owned"]:
        names = ", ".join(row["owned"])
        findings.append(
            fail(
                "roles",
                f"{_APPLICATION} owns {names}, and an owner can turn row-level security off",
                "Run as a superuser: ALTER TABLE … OWNER TO the role that migrates",
            )
        )
    if row["login_is_superuser"]:
        findings.append(
            warn(
                "roles",
                "this login is a superuser, which a server has no need of",
                f"Serve as a login of its own: GRANT {_APPLICATION} TO my_server_login",
            )
        )
    if row["open_tables"]:
        names = ", ".join(row["open_tables"])
        findings.append(
            fail(
                "row-level security",
                f"does not hold on {names}",
                "Run as their owner: ALTER TABLE … ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            )
        )
    if row["unbound_tables"]:
        names = ", ".join(row["unbound_tables"])
        findings.append(
            fail(
                "row-level security",
                f"{names}: no policy binds rows to a workspace",
                "Restore the policy `bound` of the migration that made the table.",
            )
        )
    return findings or [ok("row-level security", f"holds on {row['tables']} tables for {_APPLICATION}")]


async def partitions(connection: asyncpg.Connection) -> list[Finding]:
    """Whether this month's and the next month's events have a place of their own."""
    today = datetime.now(UTC).date()
    months = [today.replace(day=1), (today.replace(day=1) + timedelta(days=32)).replace(day=1)]
    missing = await connection.fetchval(sql.missing_months, months)
    if missing:
        return [
            warn(
                "partitions",
                f"events of {', '.join(missing)} have none; they are stored in event_default meanwhile",
                "A worker makes them every hour: is one running? Start one: cdp worker",
            )
        ]
    return [ok("partitions", "this month's and the next month's are there")]
