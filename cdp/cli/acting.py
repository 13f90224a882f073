"""What commands leave in the audit log: the same acts as mutations, by whoever runs them."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Any

import msgspec

from cdp import audit
from cdp.access.principals import Principal, operator
from cdp.db.pool import Connection, Database
from cdp.model import WorkspaceId


def acting(workspace_id: WorkspaceId) -> Principal:
    """Whoever runs this command, by the name of the login."""
    try:
        login = getpass.getuser()
    except (OSError, KeyError, ImportError):
        login = "unknown"  # an account without a name, as in many containers
    return msgspec.structs.replace(operator(workspace_id), name=login)


async def record(
    connection: Connection, workspace_id: WorkspaceId, act: str, target: str, detail: Mapping[str, Any]
) -> None:
    """Add what a command does to the log, last in its transaction; see `audit.record`."""
    await audit.record(connection, acting(workspace_id), act, target, detail)


async def record_alone(
    database: Database, workspace_id: WorkspaceId, act: str, target: str, detail: Mapping[str, Any]
) -> None:
    """Add to the log what a command is about to do in many transactions, or has done in another workspace's name."""
    async with database.transaction(workspace_id) as connection:
        await record(connection, workspace_id, act, target, detail)
