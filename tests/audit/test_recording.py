"""The log is added to inside the transaction of an act, and by nobody changed."""

from __future__ import annotations

import json

from cdp import audit
from cdp.access.principals import operator
from cdp.audit.chain import canonical, digest
from cdp.db.pool import Database
from cdp.model import WorkspaceId

COLUMNS = (
    "SELECT sequence, principal, name, role, purpose, act, object, detail, hash, cdp.audit_text(e) AS text"
    " FROM audit_entry e ORDER BY sequence"
)


async def test_entries_form_a_chain(database: Database, workspace: WorkspaceId) -> None:
    """Each holds the hash of the one before it and of itself; what it says is JSON in one form."""
    async with database.transaction(workspace) as connection:
        await audit.record(
            connection, operator(workspace), "keyCreate", "ApiKey:1", {"role": "SALES", "é": [1]}
        )
        await audit.record(connection, operator(workspace), "keyRevoke", 'Api"Key\n\u0001\u007f\u2028', {})
        rows = await connection.fetch(COLUMNS)
    assert [(row["sequence"], row["principal"], row["name"], row["role"], row["act"]) for row in rows] == [
        (1, "operator", "command line", "ADMIN", "keyCreate"),
        (2, "operator", "command line", "ADMIN", "keyRevoke"),
    ]
    assert rows[0]["detail"] == '{"role":"SALES","é":[1]}'
    previous = b""
    for row in rows:
        assert canonical(json.loads(row["text"])) == row["text"]
        assert row["hash"] == digest(previous, row["text"].encode())
        previous = row["hash"]
