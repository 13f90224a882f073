"""`cdp workspaces`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from cdp.cli.acting import acting, record_alone
from cdp.cli.options import database_of, database_options, flag_of, run_async, settings_of
from cdp.model import Limits
from cdp.settings import Settings
from cdp.workspaces import store

_RATE = click.FloatRange(0, 1e9)


@click.group(epilog="Example: cdp workspaces create acme --data ./data")
def workspaces() -> None:
    """Create, list and limit workspaces: nothing is ever visible across two of them."""


@workspaces.command("create", epilog="Example: cdp workspaces create acme --data ./data")
@click.argument("name")
@database_options
def create_workspace(*, name: str, data: Path | None, database_url: str | None) -> None:
    """Create a workspace."""
    settings = settings_of(data, database_url)
    run_async(_create_workspace(settings, name))
    click.echo(
        f"Workspace {name} is there. "
        f"Next: cdp keys create --workspace {shlex.quote(name)} --role ADMIN{flag_of(settings)}"
    )


async def _create_workspace(settings: Settings, name: str) -> None:
    async with database_of(settings, making=True) as database:
        workspace_id = await store.create(database, name)
        await record_alone(database, workspace_id, "workspaceCreate", name, {})


@workspaces.command("list", epilog="Example: cdp workspaces list --data ./data")
@database_options
def list_workspaces(*, data: Path | None, database_url: str | None) -> None:
    """List the workspaces."""
    run_async(_list_workspaces(settings_of(data, database_url)))


async def _list_workspaces(settings: Settings) -> None:
    async with database_of(settings) as database:
        for _, name in await store.list_all(database):
            click.echo(name)


@workspaces.command(
    "limit", epilog="Example: cdp workspaces limit acme --events-per-second 2000 --data ./data"
)
@click.argument("name")
@click.option("--requests-per-second", type=_RATE, help="Requests of the whole workspace.")
@click.option("--events-per-second", type=_RATE, help="Events of the whole workspace.")
@click.option("--cost-per-second", type=_RATE, help="What its GraphQL operations may cost.")
@click.option("--key-requests-per-second", type=_RATE, help="Requests of each of its keys.")
@click.option("--key-events-per-second", type=_RATE, help="Events of each of its keys.")
@click.option(
    "--key-cost-per-second", type=_RATE, help="What GraphQL operations of each of its keys may cost."
)
@click.option("--address-requests-per-second", type=_RATE, help="Requests of one address with a public key.")
@click.option("--address-events-per-second", type=_RATE, help="Events of one address with a public key.")
@database_options
def limit_workspace(
    *, name: str, data: Path | None, database_url: str | None, **limits: float | None
) -> None:
    """Say what a workspace may ask and send per second, over all server processes; 0: any.

    What is left out is as the server's settings say (CDP_EVENTS_PER_SECOND and its kin). It holds within a second.
    """
    run_async(_limit_workspace(settings_of(data, database_url), name, Limits(**limits)))


async def _limit_workspace(settings: Settings, name: str, limits: Limits) -> None:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, name)
        await store.set_limits(database, workspace_id, limits, by=acting(workspace_id))
