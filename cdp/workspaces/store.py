"""Make and load workspaces."""

from __future__ import annotations

import asyncpg
import msgspec

from cdp import audit
from cdp.db.pool import Connection, Database
from cdp.db.queries import load_queries
from cdp.errors import BadInput, Conflict, Misconfigured, NotFound
from cdp.lenses.catalogue import merge_entries
from cdp.model import CatalogueEntry, Feature, Limits, PluginState, Workspace, WorkspaceId, WorkspaceSettings
from cdp.model.classes import TraitClasses

_SQL = load_queries("cdp.workspaces")
_LONGEST_NAME = 100


async def create(database: Database, name: str) -> WorkspaceId:
    """Make a workspace with every setting at its default.

    Raises:
        BadInput: the name is empty or too long.
        Conflict: there is one of that name.
    """
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise BadInput(
            f"The name of a workspace has 1 to {_LONGEST_NAME} printable characters.", field=("name",)
        )
    async with database.unbound() as connection:
        try:
            return WorkspaceId(await connection.fetchval(_SQL.create, name))
        except asyncpg.UniqueViolationError:
            raise Conflict(
                f"There is a workspace {name!r} already; choose another name.", field=("name",)
            ) from None


async def list_all(database: Database) -> list[tuple[WorkspaceId, str]]:
    """Every workspace's id and name, oldest first."""
    async with database.unbound() as connection:
        rows = await connection.fetch(_SQL.list_all)
    return [(WorkspaceId(row["workspace_id"]), row["name"]) for row in rows]


async def by_name(database: Database, name: str) -> WorkspaceId:
    """The id of the workspace of a name.

    Raises:
        NotFound: there is none.
    """
    async with database.unbound() as connection:
        workspace_id = await connection.fetchval(_SQL.find, name)
    if workspace_id is None:
        raise NotFound(f"There is no workspace {name!r}; `cdp workspaces create` makes one.")
    return WorkspaceId(workspace_id)


async def load(connection: Connection, workspace_id: WorkspaceId) -> Workspace:
    """A workspace with its settings, its catalogue merged with the defaults, and its features.

    Raises:
        NotFound: there is none of this id, or the connection is bound to another.
        Misconfigured: what is stored does not fit this version of Diptych.
    """
    row = await connection.fetchrow(_SQL.load, workspace_id)
    if row is None:
        raise NotFound("There is no such workspace.")
    try:
        of_plugins = msgspec.json.decode(row["plugin_entries"], type=tuple[CatalogueEntry, ...])
        own = msgspec.json.decode(row["entries"], type=list[CatalogueEntry])
        return Workspace(
            workspace_id=workspace_id,
            name=row["name"],
            version=row["version"],
            epoch=row["epoch"],
            settings=msgspec.json.decode(row["settings"], type=WorkspaceSettings),
            entries=merge_entries(own, of_plugins),
            plugin_entries=of_plugins,
            features=msgspec.json.decode(row["features"], type=tuple[Feature, ...]),
            limits=msgspec.json.decode(row["limits"], type=Limits),
            plugins=msgspec.json.decode(row["plugins"], type=dict[str, PluginState]),
            trait_classes=msgspec.json.decode(row["trait_classes"], type=TraitClasses),
        )
    except msgspec.MsgspecError as error:
        raise Misconfigured(
            f"The settings of the workspace {row['name']!r} do not fit this version of Diptych: {error}."
        ) from error


async def set_limits(
    database: Database, workspace_id: WorkspaceId, limits: Limits, *, by: audit.Acting | None = None
) -> None:
    """Replace what the workspace may ask and send per second; it holds within a second, and is `by`'s act.

    Raises:
        NotFound: there is no such workspace.
    """
    given = {name: value for name, value in msgspec.structs.asdict(limits).items() if value is not None}
    async with database.transaction(workspace_id) as connection:
        await version_of(connection, workspace_id)
        await connection.execute(_SQL.save_limits, workspace_id, msgspec.json.encode(given).decode())
        if by is not None:
            await audit.record(connection, by, "workspaceLimit", "", given)


async def version_of(connection: Connection, workspace_id: WorkspaceId) -> int:
    """The version that is stored now.

    Raises:
        NotFound: there is no such workspace.
    """
    version: int | None = await connection.fetchval(_SQL.version, workspace_id)
    if version is None:
        raise NotFound("There is no such workspace.")
    return version
