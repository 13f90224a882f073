"""Reads of personal data are summarised by who reads, and what for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from cdp.access.principals import operator
from cdp.app import Application
from cdp.audit import reads
from cdp.audit.reads import Reads
from cdp.db.pool import Database
from cdp.model import WorkspaceId
from tests.security.conftest import Side

EMAILS = "{ profiles { nodes { displayName identifiers { value } } } }"
NOBODY = "{ profiles { nodes { id buyerIntent { score } } totalCount } }"


async def told(application: Application, side: Side) -> list[dict[str, Any]]:
    """What the log has of reads, after what was counted is told."""
    await application.reads.tell()
    async with application.database.connection(side.workspace_id) as connection:
        rows = await connection.fetch(
            "SELECT principal, role, purpose, detail FROM audit_entry WHERE act = 'personalDataRead' ORDER BY sequence"
        )
    return [{**row, **json.loads(row["detail"])} for row in rows]


async def test_reads_are_summed_up_by_reader_and_purpose(
    application: Application, ours: Side, theirs: Side
) -> None:
    """Who may not read personal data, or asks for none, is not counted; the other workspace's log has its own."""
    for document, role in ((EMAILS, "SALES"), (EMAILS, "SALES"), (NOBODY, "SALES"), (EMAILS, "MARKETING")):
        await ours.ask(document, role=role)
    await ours.client.post(
        "/graphql",
        json={"query": "{ profiles { nodes { displayName } } }"},
        headers={"Authorization": f"Bearer {ours.keys['SUPPORT']}", "X-Purpose": "support"},
    )
    await theirs.data(EMAILS)
    found = await told(application, ours)
    assert [(one["role"], one["purpose"], one["reads"], one["fields"]) for one in found] == [
        ("SALES", None, 2, ["Identifier.value", "Profile.displayName"]),
        ("SUPPORT", "SUPPORT", 1, ["Profile.displayName"]),
    ]
    assert await told(application, ours) == found
    assert [(one["role"], one["reads"]) for one in await told(application, theirs)] == [("ADMIN", 1)]


async def test_what_is_refused_and_what_is_raw_is_told_apart(application: Application, ours: Side) -> None:
    """Events that were refused may say anything; an explanation names identifiers; a failed lookup is a read too."""
    await ours.send([{"type": "nothing"}])
    await ours.data("{ refusedEvents { nodes { code } } }")
    await ours.data("{ refusedEvents { nodes { body } } }")
    await ours.ask(
        '{ identityExplain(a: {kind: "user_id", value: "a"}, b: {kind: "user_id", value: "b"}) { same } }'
    )
    found = await told(application, ours)
    assert [(one["reads"], one["fields"]) for one in found] == [
        (2, ["Query.identityExplain", "RefusedEvent.body"])
    ]


async def test_who_looks_for_somebody_reads_too(application: Application, ours: Side) -> None:
    """By words, or by a condition on what identifies people: that somebody is found tells who it is."""
    await ours.data('{ profiles(search: "ann") { totalCount } }', role="SALES")
    await ours.data(
        '{ profiles(where: { or: [{ displayName: { eq: "Ann" } }] }) { totalCount } }',
        role="SALES",
    )
    await ours.data("{ profiles(where: { buyerIntent: { score: { gt: 1 } } }) { totalCount } }", role="SALES")
    found = await told(application, ours)
    assert [(one["reads"], one["fields"]) for one in found] == [
        (2, ["Profile.search", "ProfileFilter.displayName"])
    ]


async def stored(superuser: asyncpg.Connection) -> Sequence[tuple[Any, ...]]:
    rows = await superuser.fetch("SELECT principal, detail FROM audit_entry ORDER BY sequence")
    return [(row["principal"], json.loads(row["detail"])["reads"]) for row in rows]


async def test_what_cannot_be_told_is_kept_and_added_to(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """A database that is away, or busy, takes nothing from the sums."""
    counted = Reads(database, every=3600)
    reader = operator(workspace)
    counted.note(reader, ("Profile.displayName",))
    await superuser.execute("REVOKE INSERT (act) ON audit_entry FROM diptych_app")
    await counted.tell()
    assert await stored(superuser) == []
    await superuser.execute("GRANT INSERT (act) ON audit_entry TO diptych_app")
    counted.note(reader, ("Identifier.value",))
    await counted.aclose()
    assert await stored(superuser) == [("operator", 2)]
    fields = json.loads(await superuser.fetchval("SELECT detail FROM audit_entry"))["fields"]
    assert fields == ["Identifier.value", "Profile.displayName"]


async def test_a_process_tells_what_it_counted_before_it_ends(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """And by itself now and then while it runs."""
    counted = Reads(database, every=0.01)
    counted.note(operator(workspace), ("Profile.displayName",))
    assert counted._telling is not None
    await counted._telling
    assert await stored(superuser) == [("operator", 1)]
    counted.note(operator(workspace), ("Profile.displayName",))
    await counted.aclose()
    assert await stored(superuser) == [("operator", 1), ("operator", 1)]


async def test_readers_beyond_number_are_counted_together(
    database: Database,
    workspace: WorkspaceId,
    superuser: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory is bounded, whoever makes up tokens; no read is lost."""
    monkeypatch.setattr(reads, "MOST_READERS", 2)
    counted = Reads(database, every=3600)
    for number in range(5):
        for _ in range(2):
            counted.note(_Reader(workspace, f"token:1:{number}"), ("Profile.displayName",))
    await counted.aclose()
    assert await stored(superuser) == [("token:1:0", 2), ("token:1:1", 2), ("several", 6)]


class _Reader:
    name, role, purpose = "", "", None

    def __init__(self, workspace_id: WorkspaceId, subject: str) -> None:
        self.workspace_id, self.subject = workspace_id, subject
