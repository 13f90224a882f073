"""Reads of personal data are summarised by who reads, and what for."""

from __future__ import annotations

import json
from typing import Any

from cdp.app import Application
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
