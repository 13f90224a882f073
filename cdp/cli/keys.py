"""`cdp keys`: made, listed, rotated, changed, revoked by whoever operates the server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from msgspec import UNSET

from cdp.access import keys as access
from cdp.access.key import Key, KeyChange, KeyState, MadeKey
from cdp.cli.acting import acting, record
from cdp.cli.options import database_of, database_options, run_async, settings_of
from cdp.errors import BadInput
from cdp.model.ids import encode_id
from cdp.settings import Settings
from cdp.workspaces import store

_ROLES_HELP = (
    "What the key may do. ADMIN: everything. INGEST: send events, and nothing else; it may be public. PARTNER: send "
    "events, and read profiles without panels or personal data. SALES: read buyer intent and personal data. SUPPORT: "
    "usage and personal data. MARKETING: both panels, without personal data. Or a role of the workspace's own, see "
    "`cdp access roles`."
)
_DAY = click.DateTime(["%Y-%m-%d"])
_KEPT = "Keep it: it is not shown again."

_workspace = click.option("--workspace", required=True, metavar="NAME", help="Whose keys.")
_networks = click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="CIDR",
    help="Where it may be used from, such as 203.0.113.0/24; give it several times for several.",
)
_origins = click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Web page that it may be used from, such as https://shop.example.com, for keys of role INGEST.",
)


@click.group(epilog="Example: cdp keys create --workspace acme --role SALES --data ./data")
def keys() -> None:
    """Create, list, rotate, change and revoke the keys of a workspace."""


@keys.command(
    epilog="Example: cdp keys create --workspace acme --role INGEST --name website --data ./data",
)
@_workspace
@click.option("--role", required=True, help=_ROLES_HELP)
@click.option("--name", help="What it is for [default: the role].")
@click.option("--expires", type=_DAY, metavar="YYYY-MM-DD", help="Last day on which it is good (UTC).")
@_networks
@_origins
@database_options
def create(
    *,
    workspace: str,
    role: str,
    name: str | None,
    expires: datetime | None,
    networks: Sequence[str],
    origins: Sequence[str],
    data: Path | None,
    database_url: str | None,
) -> None:
    """Create a key and print it, the only time that it can be read."""
    settings = settings_of(data, database_url)
    expires_at = _end_of(expires)

    async def work() -> MadeKey:
        async with database_of(settings) as database:
            workspace_id = await store.by_name(database, workspace)
            async with database.transaction(workspace_id) as connection:
                made = await access.make_key(
                    connection,
                    acting(workspace_id),
                    name=role.upper() if name is None else name,
                    role=role,
                    now=datetime.now(UTC),
                    expires_at=expires_at,
                    networks=networks,
                    origins=origins,
                )
                await record(connection, workspace_id, "keyCreate", _id(made.key), made.key.told())
            return made

    click.echo(run_async(work()).token)
    click.echo(_KEPT, err=True)


@keys.command("list", epilog="Example: cdp keys list --workspace acme --data ./data")
@_workspace
@database_options
def list_keys(*, workspace: str, data: Path | None, database_url: str | None) -> None:
    """List the keys of a workspace, without what it would take to use them."""
    run_async(_list_keys(settings_of(data, database_url), workspace))


async def _list_keys(settings: Settings, workspace: str) -> None:
    now = datetime.now(UTC)
    async with database_of(settings) as database:
        found = await access.list_keys(database, await store.by_name(database, workspace))
    width = max([10, *(len(key.role) for key in found)])
    for key in found:
        used = "unused" if key.last_used_at is None else f"used {key.last_used_at:%Y-%m-%d %H:%M}"
        click.echo(
            f"{key.key_id:>4}  {key.prefix}…  {key.role:<{width}} {_state(key, now):<22} {used:<21} {key.name}"
        )


@keys.command(epilog="Example: cdp keys rotate 7 --workspace acme --overlap-hours 48 --data ./data")
@click.argument("key_id", type=int)
@_workspace
@click.option(
    "--overlap-hours",
    type=click.FloatRange(0, access.LONGEST_OVERLAP / timedelta(hours=1)),
    default=24.0,
    show_default=True,
    help="For how long what the key was before stays good as well.",
)
@database_options
def rotate(
    *, key_id: int, workspace: str, overlap_hours: float, data: Path | None, database_url: str | None
) -> None:
    """Give the key of that number another token and print it, the only time that it can be read.

    Its name, role and limits stay; what it was before ends after the overlap.
    """
    settings = settings_of(data, database_url)

    async def work() -> MadeKey:
        async with database_of(settings) as database:
            workspace_id = await store.by_name(database, workspace)
            async with database.transaction(workspace_id) as connection:
                made = await access.rotate_key(
                    connection,
                    acting(workspace_id),
                    key_id,
                    overlap=timedelta(hours=overlap_hours),
                    now=datetime.now(UTC),
                )
                await record(connection, workspace_id, "keyRotate", _id(made.key), made.key.told())
            return made

    made = run_async(work())
    click.echo(made.token)
    click.echo(
        f"{_KEPT} What it was before is good until {made.key.previous_until:%Y-%m-%d %H:%M} UTC.", err=True
    )


@keys.command(epilog="Example: cdp keys update 7 --workspace acme --network 203.0.113.0/24 --data ./data")
@click.argument("key_id", type=int)
@_workspace
@click.option("--name", help="What it is for.")
@click.option("--role", help=_ROLES_HELP)
@click.option("--expires", type=_DAY, metavar="YYYY-MM-DD", help="Last day on which it is good (UTC).")
@click.option("--never-expires", is_flag=True, help="It is good until it is revoked.")
@_networks
@click.option("--any-network", is_flag=True, help="It may be used from anywhere.")
@_origins
@click.option("--any-origin", is_flag=True, help="It may be used from any web page.")
@database_options
def update(
    *,
    key_id: int,
    workspace: str,
    name: str | None,
    role: str | None,
    expires: datetime | None,
    never_expires: bool,
    networks: Sequence[str],
    any_network: bool,
    origins: Sequence[str],
    any_origin: bool,
    data: Path | None,
    database_url: str | None,
) -> None:
    """Change the key of that number; what is left out stays. It holds within a second."""
    for flag, other, both in (
        ("--expires", "--never-expires", expires is not None and never_expires),
        ("--network", "--any-network", networks and any_network),
        ("--origin", "--any-origin", origins and any_origin),
    ):
        if both:
            raise BadInput(f"Give {flag} or {other}, not both.")
    change = KeyChange(
        name=UNSET if name is None else name,
        role=UNSET if role is None else role,
        expires_at=None if never_expires else UNSET if expires is None else _end_of(expires),
        networks=networks if networks or any_network else UNSET,
        origins=origins if origins or any_origin else UNSET,
    )
    if change == KeyChange():
        raise BadInput("Say what is to change, such as --name NAME or --network CIDR.")
    run_async(_update(settings_of(data, database_url), workspace, key_id, change))
    click.echo(f"Key {key_id} is changed.")


async def _update(settings: Settings, workspace: str, key_id: int, change: KeyChange) -> None:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, workspace)
        async with database.transaction(workspace_id) as connection:
            key = await access.update_key(
                connection, acting(workspace_id), key_id, change, now=datetime.now(UTC)
            )
            await record(connection, workspace_id, "keyUpdate", _id(key), key.told())


@keys.command(epilog="Example: cdp keys revoke 7 --workspace acme --data ./data")
@click.argument("key_id", type=int)
@_workspace
@database_options
def revoke(*, key_id: int, workspace: str, data: Path | None, database_url: str | None) -> None:
    """Revoke the key of that number (see `cdp keys list`); within a second nobody can use it."""
    run_async(_revoke(settings_of(data, database_url), workspace, key_id))
    click.echo(f"Key {key_id} is revoked.")


async def _revoke(settings: Settings, workspace: str, key_id: int) -> None:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, workspace)
        async with database.transaction(workspace_id) as connection:
            await access.end_key(connection, workspace_id, key_id, now=datetime.now(UTC))
            await record(connection, workspace_id, "keyRevoke", encode_id("ApiKey", key_id), {})


def _id(key: Key) -> str:
    return encode_id("ApiKey", key.key_id)


def _end_of(day: datetime | None) -> datetime | None:
    if day is None:
        return None
    end = day.replace(hour=23, minute=59, second=59, tzinfo=UTC)
    if end < datetime.now(UTC):
        raise BadInput(f"--expires {end:%Y-%m-%d} is over: the key would not be good any more.")
    return end


def _state(key: Key, now: datetime) -> str:
    match key.state(now):
        case KeyState.REVOKED:
            return f"revoked {key.revoked_at:%Y-%m-%d}"
        case KeyState.EXPIRED:
            return f"expired {key.expires_at:%Y-%m-%d}"
        case KeyState.ACTIVE:
            return "good" if key.expires_at is None else f"good until {key.expires_at:%Y-%m-%d}"
