"""`cdp retention`: for how long a workspace keeps its events."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from cdp.cli.acting import record, record_alone
from cdp.cli.options import database_of, database_options, run_async, settings_of
from cdp.db.pool import Database
from cdp.lenses.retention import Retained, drop_some, retained
from cdp.model import WorkspaceId
from cdp.settings import Settings
from cdp.workspaces import store
from cdp.workspaces.change import change_settings


@click.command(epilog="Example: cdp retention --data ./data --workspace acme --months 24")
@database_options
@click.option("--workspace", metavar="NAME", required=True, help="Whose events.")
@click.option("--months", type=int, metavar="N", help="Drop events after so many whole months, 1 to 120.")
@click.option("--forever", is_flag=True, help="Drop no event any more.")
@click.option("--now", "at_once", is_flag=True, help="Do it now, rather than leave it to the worker.")
def retention(
    *,
    data: Path | None,
    database_url: str | None,
    workspace: str,
    months: int | None,
    forever: bool,
    at_once: bool,
) -> None:
    """Say, or set, for how long a workspace keeps its events.

    What dropped events added to the views stays; they cannot be classified anew, and leave the timeline.
    """
    if forever and months is not None:
        raise click.UsageError("Give --months or --forever, not both.")
    run_async(
        _retention(settings_of(data, database_url), workspace, months, forever=forever, at_once=at_once)
    )


async def _retention(
    settings: Settings, name: str, months: int | None, *, forever: bool, at_once: bool
) -> None:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, name)
        if forever or months is not None:
            async with database.transaction(workspace_id) as connection:
                changes = {"retention_months": months}
                await change_settings(connection, workspace_id, changes, now=datetime.now(UTC))
                detail = {"retentionMonths": months}
                await record(connection, workspace_id, "workspaceSettingsUpdate", "", detail)
        if at_once:
            await record_alone(database, workspace_id, "eventsDrop", "", {})
            await _drop_all(database, workspace_id)
        async with database.connection(workspace_id) as connection:
            workspace = await store.load(connection, workspace_id)
            state = await retained(connection, workspace_id)
    click.echo(f"{name}: {_kept(workspace.settings.retention_months)}; {_dropped(state)}")


async def _drop_all(database: Database, workspace_id: WorkspaceId) -> None:
    with Console(stderr=True).status("dropping events") as status:
        while await drop_some(database, workspace_id, now=datetime.now(UTC)):
            async with database.connection(workspace_id) as connection:
                state = await retained(connection, workspace_id)
            if state is not None and state.last_at is not None:
                status.update(f"{state.events:,} events dropped, up to {state.last_at:%Y-%m-%d}")


def _kept(months: int | None) -> str:
    if months is None:
        return "events are kept for ever"
    return f"events are dropped after {months} whole month{'s' if months > 1 else ''}"


def _dropped(state: Retained | None) -> str:
    if state is None or not state.events:
        return "none was dropped so far"
    going_on = "" if state.finished_at is not None else ", and the worker is at it"
    return f"{state.events:,} from before {state.horizon:%Y-%m-%d} were dropped so far{going_on}"
