"""Imports, from file to what a reader then sees."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from cdp.app import Application
from cdp.importing.fields import Kind
from cdp.importing.run import Report, import_file
from cdp.model import WorkspaceId
from cdp.settings import Settings


@pytest.fixture
async def application(database_url: str) -> AsyncIterator[Application]:
    async with Application.open(Settings(database_url=database_url, pool_size=4)) as application:
        yield application


class Importing:
    """Imports files into the workspace."""

    def __init__(self, application: Application, workspace: WorkspaceId) -> None:
        self._application = application
        self._workspace = workspace
        self.seen: list[tuple[int, int]] = []

    async def __call__(
        self, path: Path, kind: Kind | None = None, mapped: Mapping[str, str] | None = None
    ) -> Report:
        application = self._application
        return await import_file(
            application.intake,
            application.accumulator.kinds,
            application.database,
            await application.workspaces.get(self._workspace),
            path,
            kind=kind,
            mapped=mapped or {},
            clock=application.clock,
            progress=lambda done, total: self.seen.append((done, total)),
        )


@pytest.fixture
def importing(application: Application, workspace: WorkspaceId) -> Importing:
    return Importing(application, workspace)


def rejected(report: Report) -> list[dict[str, str]]:
    assert report.problems is not None
    with report.problems.open(newline="") as file:
        return list(csv.DictReader(file))


async def test_people_become_profiles_with_traits_and_memberships(
    importing: Importing, superuser: asyncpg.Connection, tmp_path: Path
) -> None:
    """A row with an e-mail address alone is a person too; of two rows about one person the later stands."""
    path = tmp_path / "people.csv"
    path.write_text(
        "user_id,E-Mail,Job,company_id\nu1,Ada@Acme.example,Analyst,acme\n,grace@acme.example,CFO,acme\n"
        "u1,ada@acme.example,Lead,\n"
    )
    report = await importing(path)
    assert (report.kind, report.counts.stored, report.problems) == (Kind.PEOPLE, 5, None)
    rows = await superuser.fetch(
        "SELECT p.traits->>'email' AS email, p.traits->>'Job' AS job, a.group_id FROM profile p "
        "JOIN membership m USING (workspace_id, profile_id) JOIN account a USING (workspace_id, account_id) ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [
        ("ada@acme.example", "Lead", "acme"),
        ("grace@acme.example", "CFO", "acme"),
    ]
    assert importing.seen[-1] == (path.stat().st_size, path.stat().st_size)


async def test_importing_a_file_again_counts_nothing_twice(
    importing: Importing, superuser: asyncpg.Connection, tmp_path: Path
) -> None:
    """Nor does going on after an interruption: what was stored is known, the rest is added."""
    rows = [f"u{number % 7},Feature Used,2026-11-{1 + number % 20:02d},reports" for number in range(3_000)]
    path = tmp_path / "events.csv"
    path.write_text("user_id,event,timestamp,feature\n" + "\n".join(rows[:1_700]))
    assert (await importing(path)).counts.stored == 1_700
    path.write_text("user_id,event,timestamp,feature\n" + "\n".join(rows))
    report = await importing(path)
    assert (report.counts.stored, report.counts.duplicates) == (1_300, 1_700)
    assert await superuser.fetchval("SELECT count(*) FROM event") == 3_000
    days = await superuser.fetchval("SELECT sum(count) FROM summary_day WHERE feature = 'reports'")
    assert days == 3_000


async def test_rows_that_cannot_be_used_go_to_a_file_with_their_reasons(
    importing: Importing, superuser: asyncpg.Connection, tmp_path: Path
) -> None:
    """Good rows are stored; what is not usable of a good row is remarked on; a clean second run removes the file."""
    path = tmp_path / "people.csv"
    path.write_text(
        "user_id,email,phone\nu1,ada@acme.example,\n,nobody,\n,,\nu3,typing error,\nu4,a@b.example,1,2\n"
    )
    report = await importing(path)
    assert (report.counts.stored, report.rejected, report.remarks) == (2, 3, 1)
    assert [(row["row"], row["outcome"], row["code"]) for row in rejected(report)] == [
        ("2", "rejected", "INVALID_IDENTIFIER"),
        ("5", "rejected", "UNREADABLE"),
        ("3", "rejected", "MISSING_ID"),
        ("4", "imported in part", "INVALID_IDENTIFIER"),
    ]
    assert await superuser.fetchval("SELECT count(*) FROM profile") == 2
    path.write_text("user_id,email,phone\nu1,ada@acme.example,\n")
    assert (await importing(path)).problems is None
    assert not (tmp_path / "people.csv.rejected.csv").exists()


async def test_packed_json_lines_of_tracking_calls_are_taken_as_they_are(
    importing: Importing, superuser: asyncpg.Connection, tmp_path: Path
) -> None:
    calls: list[dict[str, Any]] = [
        {"type": "identify", "messageId": "m1", "userId": "u1", "traits": {"name": "Ada"}},
        {
            "type": "track",
            "messageId": "m2",
            "userId": "u1",
            "event": "Order Completed",
            "properties": {"order_id": "o1", "total": "19.90", "currency": "EUR"},
        },
        {"type": "track", "messageId": "m2", "userId": "u1", "event": "Order Completed"},
    ]
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, calls)).encode()))
    report = await importing(path)
    assert (report.kind, report.counts.stored, report.counts.duplicates) == (Kind.EVENTS, 2, 1)
    assert str(await superuser.fetchval("SELECT total FROM summary_order")) == "19.90"
    assert await superuser.fetchval("SELECT source FROM event LIMIT 1") == "import"


async def test_accounts_are_made_and_changed_by_their_rows(
    importing: Importing, superuser: asyncpg.Connection, tmp_path: Path
) -> None:
    """Found by group id, else by domain; a bad row spoils no other; doing it again changes nothing."""
    path = tmp_path / "accounts.csv"
    path.write_text(
        "account_id,domain,name,kind,seats,industry\n"
        "a1,acme.example,Acme,,40,logistics\n"
        "a2,,The Lindqvists,household,,\n"
        ",globex.example,Globex,,,retail\n"
        "a3,acme.example,Acme again,castle,,\n"
        ",,Nobody,,,\n"
    )
    for _ in range(2):
        report = await importing(path)
        assert (report.kind, report.counts.stored, report.rejected) == (Kind.ACCOUNTS, 3, 2)
        rows = await superuser.fetch(
            "SELECT group_id, domain, name, kind, seats_licensed FROM account ORDER BY name"
        )
        assert [tuple(row) for row in rows] == [
            ("a1", "acme.example", "Acme", "ORGANISATION", 40),
            (None, "globex.example", "Globex", "ORGANISATION", None),
            ("a2", None, "The Lindqvists", "HOUSEHOLD", None),
        ]
    assert [row["row"] for row in rejected(report)] == ["4", "5"]


async def test_a_column_can_be_mapped_and_one_left_out(
    importing: Importing, superuser: asyncpg.Connection, tmp_path: Path
) -> None:
    path = tmp_path / "export.csv"
    path.write_text("Kontakt,Mail,Notiz\n7,a@b.example,secret\n")
    mapped = {"Kontakt": "externalIds.hubspot_contact_id", "Mail": "email", "Notiz": "-"}
    assert (await importing(path, mapped=mapped)).counts.stored == 1
    kinds = await superuser.fetch("SELECT kind, value FROM node WHERE kind <> 'anonymous_id' ORDER BY 1")
    assert [tuple(row) for row in kinds] == [("email", "a@b.example"), ("hubspot_contact_id", "7")]
    assert "secret" not in await superuser.fetchval("SELECT traits::text FROM profile")
