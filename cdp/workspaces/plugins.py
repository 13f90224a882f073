"""Change what a workspace has decided about its plugins.

Every function wants a connection inside a transaction; processes go by what it commits within a second, as they do with
everything else that they hold of a workspace (`cdp.workspaces.cache`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import structs

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.hooks.settings import PluginSettings
from cdp.model import PluginState, Workspace, WorkspaceId
from cdp.workspaces import store
from cdp.workspaces.change import change_settings

_SQL = load_queries("cdp.workspaces")


async def enable(
    connection: Connection, workspace_id: WorkspaceId, plugin: str, *, to: bool, by: str, now: datetime
) -> Workspace:
    """Turn a plugin on or off, and return the workspace as it then is.

    Raises:
        NotFound: there is no such workspace.
    """
    listed = (await store.load(connection, workspace_id)).settings.disabled_plugins
    if to and plugin in listed:
        left = [name for name in listed if name != plugin]
        await change_settings(connection, workspace_id, {"disabled_plugins": left}, now=now)
    workspace = await _raised(connection, workspace_id)
    state = workspace.plugins.get(plugin, PluginState())
    return await _save(connection, workspace, plugin, structs.replace(state, enabled=to), by=by, now=now)


async def configure(
    connection: Connection,
    workspace_id: WorkspaceId,
    plugin: str,
    changes: Mapping[str, Any],
    declared: PluginSettings,
    *,
    by: str,
    now: datetime,
) -> Workspace:
    """Change some settings of a plugin (None: back to the default), and return the workspace as it then is.

    Raises:
        BadInput: the plugin has no such setting, or the value does not fit; nothing is changed then.
        NotFound: there is no such workspace.
    """
    workspace = await _raised(connection, workspace_id)
    state = workspace.plugins.get(plugin, PluginState())
    settings, secrets = declared.changed(plugin, state, changes)
    state = structs.replace(state, settings=settings, secrets=secrets)
    return await _save(connection, workspace, plugin, state, by=by, now=now)


async def _raised(connection: Connection, workspace_id: WorkspaceId) -> Workspace:
    """The workspace, whose version is raised: nobody else changes it until the caller commits."""
    await store.version_of(connection, workspace_id)
    await connection.execute(_SQL.bump, workspace_id)
    return await store.load(connection, workspace_id)


async def _save(
    connection: Connection,
    workspace: Workspace,
    plugin: str,
    state: PluginState,
    *,
    by: str,
    now: datetime,
) -> Workspace:
    await connection.execute(
        _SQL.save_plugin,
        workspace.workspace_id,
        plugin,
        state.enabled,
        msgspec.json.encode(state.settings).decode(),
        msgspec.json.encode(state.secrets).decode(),
        by,
        now,
    )
    return structs.replace(workspace, plugins={**workspace.plugins, plugin: state})
