"""The demo's keys: one for each preset role, made anew at every start."""

from __future__ import annotations

from datetime import datetime

from cdp.access.keys import create_key, list_keys, revoke_key
from cdp.access.scopes import KeyRole
from cdp.db.pool import Database
from cdp.workspaces import store

_NAME = "demo"


async def renew_keys(database: Database, workspace: str, *, now: datetime) -> dict[KeyRole, str]:
    """Make a key for each role, and end those of an earlier start: a key can be shown only once."""
    workspace_id = await store.by_name(database, workspace)
    for key in await list_keys(database, workspace_id):
        if key.name == _NAME and key.revoked_at is None:
            await revoke_key(database, workspace_id, key.key_id, now=now)
    return {role: await create_key(database, workspace_id, role.value, _NAME) for role in KeyRole}
