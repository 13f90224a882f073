"""`cdp access`: roles of a workspace's own, and why somebody sees something or does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from cdp.access.roles import AccessRole, define_role, list_roles, remove_role
from cdp.cli.acting import acting, record
from cdp.cli.logs import configure_logging
from cdp.cli.options import database_of, database_options, plugins_option, run_async, settings_of
from cdp.errors import BadInput
from cdp.hooks.manager import Plugins
from cdp.settings import Settings
from cdp.workspaces import store

_workspace = click.option("--workspace", required=True, metavar="NAME", help="Whose.")


@click.group(
    epilog="Example: cdp access explain Profile.buyerIntent --role SUPPORT --workspace acme --data ./data"
)
def access() -> None:
    """Say what roles may do, and why somebody sees something or does not."""


@access.group(epilog="Example: cdp access roles list --workspace acme --data ./data")
def roles() -> None:
    """Define, list and remove roles of a workspace's own, which keys and tokens have."""


@roles.command("list", epilog="Example: cdp access roles list --workspace acme --data ./data")
@_workspace
@database_options
def list_all(*, workspace: str, data: Path | None, database_url: str | None) -> None:
    """List the roles, the presets first, with what they grant."""
    found = run_async(_list(settings_of(data, database_url), workspace))
    width = max(len(role.name) for role in found)
    for role in found:
        keys = "preset" if role.preset else f"{role.keys} keys"
        click.echo(f"{role.name:<{width}}  {keys:<8}  {', '.join(sorted(role.scopes))}")


async def _list(settings: Settings, workspace: str) -> list[AccessRole]:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, workspace)
        async with database.connection(workspace_id) as connection:
            return await list_roles(connection, workspace_id)


@roles.command(
    epilog="Example: cdp access roles define EMEA_SALES --scope profiles:read --scope intent:read "
    "--workspace acme --data ./data"
)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="What it grants, such as profiles:read or plugin:LABEL:read; give it several times. All that it grants.",
)
@click.option("--description", default="", help="What it is for.")
@_workspace
@database_options
def define(
    *,
    name: str,
    scopes: Sequence[str],
    description: str,
    workspace: str,
    data: Path | None,
    database_url: str | None,
) -> None:
    """Make the role of that name, or change what it grants: to all that have it, within a second."""
    settings = settings_of(data, database_url)

    async def work() -> AccessRole:
        async with database_of(settings) as database:
            workspace_id = await store.by_name(database, workspace)
            async with database.transaction(workspace_id) as connection:
                role = await define_role(
                    connection,
                    acting(workspace_id),
                    name=name,
                    scopes=scopes,
                    description=description,
                    now=datetime.now(UTC),
                )
                await record(
                    connection, workspace_id, "accessRoleDefine", name, {"scopes": sorted(role.scopes)}
                )
            return role

    role = run_async(work())
    click.echo(f"{role.name} grants {', '.join(sorted(role.scopes)) or 'nothing'}.")


@roles.command(epilog="Example: cdp access roles remove EMEA_SALES --workspace acme --data ./data")
@click.argument("name")
@_workspace
@database_options
def remove(*, name: str, workspace: str, data: Path | None, database_url: str | None) -> None:
    """Take a role away that no key has."""
    run_async(_remove(settings_of(data, database_url), workspace, name))
    click.echo(f"{name} is removed.")


async def _remove(settings: Settings, workspace: str, name: str) -> None:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, workspace)
        async with database.transaction(workspace_id) as connection:
            await remove_role(connection, workspace_id, name)
            await record(connection, workspace_id, "accessRoleRemove", name, {})


@access.command(
    epilog="Example: cdp access explain Profile.buyerIntent --key 7 --workspace acme --data ./data",
)
@click.argument("coordinate")
@click.option(
    "--key", "key_id", type=int, metavar="NUMBER", help="Whose access: a key's, see `cdp keys list`."
)
@click.option("--role", metavar="ROLE", help="Whose access: a preset's, or that of a role of the workspace.")
@_workspace
@plugins_option
@database_options
def explain(
    *,
    coordinate: str,
    key_id: int | None,
    role: str | None,
    workspace: str,
    data: Path | None,
    database_url: str | None,
    plugins_dir: Path | None,
) -> None:
    """Say why a key or a role sees something, or does not, by its place in the schema.

    COORDINATE is a field (Profile.buyerIntent), a filter (ProfileFilter.usage), a sort key
    (ProfileOrderField.INTENT_SCORE) or an argument ("Query.profiles(search:)").
    """
    if (key_id is None) == (role is None):
        raise BadInput("Give --key NUMBER or --role ROLE: whose access is it about?")
    settings = settings_of(data, database_url, plugins_dir=plugins_dir)
    configure_logging(replace(settings, log_level="error"))
    # Here, because it takes a while: other commands need not wait for it.
    from cdp.graphql import access as graphql  # noqa: PLC0415
    from cdp.graphql.schema import build_schema  # noqa: PLC0415

    requirement = graphql.requirement_at(build_schema(Plugins.load(settings)).graphql_schema, coordinate)

    async def work() -> graphql.Asking:
        async with database_of(settings) as database:
            workspace_id = await store.by_name(database, workspace)
            async with database.transaction(workspace_id) as connection:
                if key_id is not None:
                    return await graphql.asking_of_key(connection, workspace_id, key_id, datetime.now(UTC))
                return await graphql.asking_of_role(connection, workspace_id, role or "")

    found = graphql.explain(requirement, run_async(work()))
    click.echo(f"{found.verdict.value}: {found.coordinate} for {found.subject}. {found.because}")
    for need in found.needs:
        of_way = ", as every way to it does" if need.inherited else ""
        click.echo(f"  takes {need.scope}{of_way}: {'granted' if need.held else 'not granted'}")
    for one in found.declassified:
        click.echo(f"  on purpose without {', '.join(one.labels)}: {one.reveals} {one.reason}")
