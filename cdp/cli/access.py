"""`cdp workspaces` and `cdp keys`."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path

import click

from cdp.access import keys as access
from cdp.access.scopes import KeyRole
from cdp.cli.acting import acting, record_alone
from cdp.cli.options import database_of, database_options, flag_of, run_async, settings_of
from cdp.errors import BadInput
from cdp.model import Limits
from cdp.settings import Settings
from cdp.workspaces import store

ROLES = click.Choice([role.value for role in KeyRole], case_sensitive=False)
_RATE = click.FloatRange(0, 1e9)
_ROLES_HELP = (
    "What the key may do. ADMIN: everything. INGEST: send events, and nothing else; it may be public. PARTNER: send "
    "events, and read profiles without panels or personal data. SALES: read buyer intent and personal data. SUPPORT: "
    "usage and personal data. MARKETING: both panels, without personal data."
)


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


@click.group(epilog="Example: cdp keys create --workspace acme --role SALES --data ./data")
def keys() -> None:
    """Create, list and revoke the keys of a workspace."""


@keys.command(
    "create", epilog="Example: cdp keys create --workspace acme --role INGEST --name website --data ./data"
)
@click.option("--workspace", required=True, metavar="NAME")
@click.option("--role", required=True, type=ROLES, help=_ROLES_HELP)
@click.option("--name", help="What it is for [default: the role].")
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="Last day on which it is good (UTC).",
)
@database_options
def create_key(
    *,
    workspace: str,
    role: str,
    name: str | None,
    expires: datetime | None,
    data: Path | None,
    database_url: str | None,
) -> None:
    """Create a key and print it, the only time that it can be read."""
    settings = settings_of(data, database_url)
    if expires is not None:
        expires = expires.replace(hour=23, minute=59, second=59, tzinfo=UTC)
        if expires < datetime.now(UTC):
            raise BadInput(f"--expires {expires:%Y-%m-%d} is over: the key would never be good.")
    click.echo(run_async(_create_key(settings, workspace, role, name or role.upper(), expires)))
    click.echo("Keep it: it is not shown again.", err=True)


async def _create_key(
    settings: Settings, workspace: str, role: str, name: str, expires: datetime | None
) -> str:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, workspace)
        return await access.create_key(database, workspace_id, role, name, expires_at=expires)


@keys.command(
    "list", short_help="List the keys.", epilog="Example: cdp keys list --workspace acme --data ./data"
)
@click.option("--workspace", required=True, metavar="NAME")
@database_options
def list_keys(*, workspace: str, data: Path | None, database_url: str | None) -> None:
    """List the keys of a workspace, without what it would take to use them."""
    run_async(_list_keys(settings_of(data, database_url), workspace))


async def _list_keys(settings: Settings, workspace: str) -> None:
    async with database_of(settings) as database:
        for key in await access.list_keys(database, await store.by_name(database, workspace)):
            if key.revoked_at is not None:
                state = f"revoked {key.revoked_at:%Y-%m-%d}"
            elif key.expires_at is not None and key.expires_at < datetime.now(UTC):
                state = f"expired {key.expires_at:%Y-%m-%d}"
            elif key.expires_at is not None:
                state = f"good until {key.expires_at:%Y-%m-%d}"
            else:
                state = "good"
            click.echo(f"{key.key_id:>4}  {key.prefix}…  {key.role:<10} {state:<22} {key.name}")


@keys.command(
    "revoke", short_help="Revoke a key.", epilog="Example: cdp keys revoke 7 --workspace acme --data ./data"
)
@click.argument("key_id", type=int)
@click.option("--workspace", required=True, metavar="NAME")
@database_options
def revoke_key(*, key_id: int, workspace: str, data: Path | None, database_url: str | None) -> None:
    """Revoke the key of that number (see `cdp keys list`); within a second nobody can use it."""
    run_async(_revoke_key(settings_of(data, database_url), workspace, key_id))
    click.echo(f"Key {key_id} is revoked.")


async def _revoke_key(settings: Settings, workspace: str, key_id: int) -> None:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, workspace)
        await access.revoke_key(database, workspace_id, key_id, now=datetime.now(UTC))
