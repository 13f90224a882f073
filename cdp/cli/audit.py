"""`cdp audit`: who did what, whether the log is whole, and a copy of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from cdp.audit import reading
from cdp.audit.verifying import Anchor, Verification, read_anchor, read_line
from cdp.cli.acting import record_alone
from cdp.cli.options import database_of, database_options, run_async, settings_of
from cdp.errors import BadInput
from cdp.settings import Settings
from cdp.workspaces import store

_MOST = 10_000
_SHOWN_FLAWS = 20
_workspace = click.option("--workspace", metavar="NAME", required=True, help="Whose.")
_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.group(epilog="Example: cdp audit verify --workspace acme --data ./data")
def audit() -> None:
    """Look at, export and verify the audit log: who did what, and who read personal data."""


@audit.command("list", epilog="Example: cdp audit list --workspace acme --act keyCreate --data ./data")
@database_options
@_workspace
@click.option("--act", metavar="NAME", help="Only such acts, as keyCreate or personalDataRead.")
@click.option("--principal", metavar="NAME", help="Only what this one did, as key:12 or operator.")
@click.option(
    "--limit", type=click.IntRange(1, _MOST), default=50, show_default=True, help="At most so many."
)
def list_entries(
    *,
    data: Path | None,
    database_url: str | None,
    workspace: str,
    act: str | None,
    principal: str | None,
    limit: int,
) -> None:
    """List what was done, the latest first."""
    run_async(_list(settings_of(data, database_url), workspace, act, principal, limit))


async def _list(settings: Settings, name: str, act: str | None, principal: str | None, limit: int) -> None:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, name)
        async with database.connection(workspace_id) as connection:
            entries = await reading.latest(
                connection, workspace_id, act=act, principal=principal, limit=limit
            )
    for one in entries:
        purpose = f" for {one.purpose}" if one.purpose else ""
        click.echo(
            f"{one.sequence:>6}  {one.at:%Y-%m-%d %H:%M:%S}  {one.principal} ({one.name}, {one.role}){purpose}"
            f"  {one.act}  {one.object}  {msgspec.json.encode(one.detail).decode()}"
        )


@audit.command(epilog="Example: cdp audit head --workspace acme --data ./data")
@database_options
@_workspace
def head(*, data: Path | None, database_url: str | None, workspace: str) -> None:
    """Print the latest entry's number and hash: an anchor.

    Keep it where those who run the database cannot change it. Given to `cdp audit verify --anchor`, it shows that
    nothing up to there was changed or taken away since.
    """
    found = run_async(_head(settings_of(data, database_url), workspace))
    if found is None:
        raise BadInput(f"The log of {workspace} has no entry yet.")
    click.echo(found)


async def _head(settings: Settings, name: str) -> Anchor | None:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, name)
        async with database.connection(workspace_id) as connection:
            return await reading.head(connection, workspace_id)


@audit.command(epilog="Example: cdp audit verify --workspace acme --anchor 812:9f2c… --data ./data")
@database_options
@click.option("--workspace", metavar="NAME", help="Whose log.")
@click.option(
    "--file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="An export instead."
)
@click.option(
    "--anchor", "anchors", metavar="SEQUENCE:HASH", multiple=True, help="A head noted before; repeatable."
)
def verify(
    *,
    data: Path | None,
    database_url: str | None,
    workspace: str | None,
    file: Path | None,
    anchors: tuple[str, ...],
) -> int:
    """Check that no entry was changed, moved, added or taken out; status 1 where one was.

    That the latest entries were cut off shows by an anchor alone.
    """
    if (workspace is None) == (file is None):
        raise click.UsageError("Give --workspace or --file.")
    noted = [read_anchor(one) for one in anchors]
    if file is not None:
        verification, shown = _verify_file(file, noted), file.name
    else:
        shown = str(workspace)
        verification = run_async(_verify(settings_of(data, database_url), shown, noted))
    for flaw in verification.flaws[:_SHOWN_FLAWS]:
        click.echo(f"cdp: {flaw}", err=True)
    if len(verification.flaws) > _SHOWN_FLAWS:
        click.echo(f"cdp: and {len(verification.flaws) - _SHOWN_FLAWS:,} more", err=True)
    state = "the chain is broken" if verification.flaws else "the chain is whole"
    click.echo(f"{shown}: {verification.count:,} entries, {state}; head {verification.head or 'none'}")
    return 1 if verification.flaws else 0


async def _verify(settings: Settings, name: str, anchors: list[Anchor]) -> Verification:
    async with database_of(settings) as database:
        return await reading.verify(database, await store.by_name(database, name), anchors)


def _verify_file(file: Path, anchors: list[Anchor]) -> Verification:
    verification = Verification(anchors, whole=False)
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            verification.take(read_line(line, number))
    verification.end()
    return verification


@audit.command(
    epilog="Example: cdp audit export --workspace acme --since 2026-01-01 --data ./data > audit.jsonl"
)
@database_options
@_workspace
@click.option("--since", type=_TIME, help="From then on (UTC); else from the first entry.")
@click.option("--until", type=_TIME, help="Before then (UTC); else to the last one.")
def export(
    *,
    data: Path | None,
    database_url: str | None,
    workspace: str,
    since: datetime | None,
    until: datetime | None,
) -> None:
    """Print the log as JSON lines, the oldest entry first; `cdp audit verify --file` checks such a copy.

    That it was exported stands in the log.
    """
    run_async(_export(settings_of(data, database_url), workspace, _utc(since), _utc(until)))


async def _export(settings: Settings, name: str, since: datetime | None, until: datetime | None) -> None:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, name)
        asked = {key: at.isoformat() for key, at in (("since", since), ("until", until)) if at is not None}
        await record_alone(database, workspace_id, "auditExport", "", asked)
        async for some in reading.chained(database, workspace_id, since=since, until=until):
            click.echo(b"\n".join(map(msgspec.json.encode, some)))


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=UTC)
