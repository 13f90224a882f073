"""`cdp visitors`: secrets that a customer's servers sign visitors' tokens with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TypeVar

import click

from cdp.access.visitors import (
    NewSecret,
    VisitorSecret,
    create_secret,
    list_secrets,
    revoke_secret,
    rotate_secret,
    sign,
)
from cdp.access.visitors.secrets import LONGEST_OVERLAP, USUAL_OVERLAP
from cdp.access.visitors.token import LONGEST_LIFE, USER_ID
from cdp.cli.acting import record
from cdp.cli.options import database_of, database_options, run_async, settings_of
from cdp.db.pool import Connection
from cdp.ingest.seals import Seals
from cdp.model import WorkspaceId
from cdp.model.ids import encode_id
from cdp.settings import Settings
from cdp.workspaces import store as workspaces

T = TypeVar("T")

_workspace = click.option("--workspace", required=True, metavar="NAME")
_secret_id = click.argument("secret_id", type=int)


@click.group(epilog="Example: cdp visitors create --workspace acme --name shop --data ./data")
def visitors() -> None:
    """Let your server prove who visits your pages: secrets that it signs visitors' tokens with."""


@visitors.command(
    "create",
    short_help="Make a secret.",
    epilog="Example: cdp visitors create --workspace acme --name shop --data ./data",
)
@_workspace
@click.option("--name", required=True, help="What it is for, such as the server that signs with it.")
@database_options
def create(*, workspace: str, name: str, data: Path | None, database_url: str | None) -> None:
    """Make a secret and print it, the only time that it can be read: its kid, and what signs."""
    settings = settings_of(data, database_url)

    async def work(connection: Connection, workspace_id: WorkspaceId) -> NewSecret:
        made = await create_secret(
            connection, workspace_id, name, now=datetime.now(UTC), sealing=Seals(settings.seal_keys)
        )
        target = encode_id("VisitorSecret", made.secret_id)
        await record(connection, workspace_id, "visitorSecretCreate", target, {"name": name})
        return made

    _tell(run_async(_in(settings, workspace, work)))


@visitors.command(
    "rotate",
    short_help="Make a secret in the place of another.",
    epilog="Example: cdp visitors rotate 3 --workspace acme --overlap-hours 24 --data ./data",
)
@_secret_id
@_workspace
@click.option(
    "--overlap-hours",
    "overlap",
    type=click.FloatRange(0, LONGEST_OVERLAP / timedelta(hours=1)),
    default=USUAL_OVERLAP / timedelta(hours=1),
    show_default=True,
    metavar="HOURS",
    help="For how long tokens of the old one are taken as well.",
)
@database_options
def rotate(
    *, secret_id: int, workspace: str, overlap: float, data: Path | None, database_url: str | None
) -> None:
    """Make a secret in the place of another, and print it, the only time that it can be read."""
    settings = settings_of(data, database_url)

    async def work(connection: Connection, workspace_id: WorkspaceId) -> NewSecret:
        made = await rotate_secret(
            connection,
            workspace_id,
            secret_id,
            now=datetime.now(UTC),
            sealing=Seals(settings.seal_keys),
            overlap=timedelta(hours=overlap),
        )
        target = encode_id("VisitorSecret", secret_id)
        await record(connection, workspace_id, "visitorSecretRotate", target, {"overlap_hours": overlap})
        return made

    _tell(run_async(_in(settings, workspace, work)))


@visitors.command(
    "revoke",
    short_help="End a secret.",
    epilog="Example: cdp visitors revoke 3 --workspace acme --data ./data",
)
@_secret_id
@_workspace
@database_options
def revoke(*, secret_id: int, workspace: str, data: Path | None, database_url: str | None) -> None:
    """End a secret, for good: within a second no token that is signed with it is taken."""

    async def work(connection: Connection, workspace_id: WorkspaceId) -> None:
        await revoke_secret(connection, workspace_id, secret_id, now=datetime.now(UTC))
        target = encode_id("VisitorSecret", secret_id)
        await record(connection, workspace_id, "visitorSecretRevoke", target, {})

    run_async(_in(settings_of(data, database_url), workspace, work))
    click.echo(f"Secret {secret_id} is revoked.")


@visitors.command(
    "list",
    short_help="List the secrets.",
    epilog="Example: cdp visitors list --workspace acme --data ./data",
)
@_workspace
@database_options
def list_(*, workspace: str, data: Path | None, database_url: str | None) -> None:
    """List the secrets of a workspace, without what signs."""

    async def work(connection: Connection, workspace_id: WorkspaceId) -> list[VisitorSecret]:
        return await list_secrets(connection, workspace_id)

    now = datetime.now(UTC)
    for one in run_async(_in(settings_of(data, database_url), workspace, work)):
        if one.revoked_at is not None:
            state = f"revoked {one.revoked_at:%Y-%m-%d}"
        elif one.ends_at is not None:
            state = f"{'good until' if one.is_good(now) else 'ended'} {one.ends_at:%Y-%m-%d %H:%M}"
        else:
            state = "good"
        click.echo(f"{one.secret_id:>4}  {one.kid}  {state:<28} {one.name}")


@visitors.command(
    "sign",
    short_help="Sign a token, to try it out.",
    epilog="Example: cdp visitors sign ann --kid cdp_vis_… --key-file key.txt",
)
@click.argument("value")
@click.option("--kid", required=True, help="Which secret signs it.")
@click.option(
    "--key-file",
    required=True,
    type=click.File(),
    help="File with what signs, `-` for the standard input; as an argument, others could read it.",
)
@click.option("--kind", default=USER_ID, show_default=True, help="Kind of the identifier.")
@click.option(
    "--minutes",
    type=click.FloatRange(0.1, LONGEST_LIFE / 60),
    default=10.0,
    show_default=True,
    help="For how long it is good.",
)
def sign_(*, value: str, kid: str, key_file: IO[str], kind: str, minutes: float) -> None:
    """Sign a token for the person with the identifier VALUE, as your server would, to try it out."""
    key = key_file.read().strip()
    now = datetime.now(UTC)
    click.echo(sign(key, kid, value, now=now, life=timedelta(minutes=minutes), kind=kind))


async def _in(
    settings: Settings, workspace: str, work: Callable[[Connection, WorkspaceId], Awaitable[T]]
) -> T:
    async with database_of(settings) as database:
        workspace_id = await workspaces.by_name(database, workspace)
        async with database.transaction(workspace_id) as connection:
            return await work(connection, workspace_id)


def _tell(made: NewSecret) -> None:
    click.echo(f"kid {made.kid}")
    click.echo(f"key {made.secret}")
    click.echo("Keep the key on your server: it is not shown again.", err=True)
