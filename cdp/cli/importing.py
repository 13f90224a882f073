"""`cdp import`: people, accounts or events from a file."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from cdp.cli.acting import record_alone
from cdp.cli.application import application_of
from cdp.cli.options import database_options, run_async, settings_of
from cdp.importing.fields import Kind, parse_map
from cdp.importing.run import Report
from cdp.importing.run import import_file as run_import
from cdp.settings import Settings
from cdp.workspaces import store


@click.command(
    "import", epilog="Example: cdp import people.csv --workspace acme --map mail=email --data ./data"
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--workspace", required=True, metavar="NAME")
@click.option(
    "--kind", type=click.Choice([kind.value for kind in Kind]), help="What the rows are [default: detected]."
)
@click.option(
    "--map",
    "pairs",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="What a column says, where its name does not.",
)
@database_options
def import_file(
    *,
    file: Path,
    workspace: str,
    kind: str | None,
    pairs: tuple[str, ...],
    data: Path | None,
    database_url: str | None,
) -> int:
    """Import people, accounts or events from FILE: .csv or .jsonl, with .gz if packed.

    Importing the file again, after an interruption or by mistake, counts nothing twice. Rejected rows go to
    FILE.rejected.csv with their reasons, and the exit status is 1 then.
    """
    mapped = parse_map(pairs)
    settings = settings_of(data, database_url)
    report = run_async(_import(settings, workspace, file, Kind(kind) if kind else None, mapped))
    counts = report.counts
    thing = "account" if report.kind is Kind.ACCOUNTS else "event"
    click.echo(
        f"{file.name}: {_counted(report.rows, 'row')} of {report.kind.value}; "
        f"{_counted(counts.stored, thing)} stored, {counts.duplicates:,} known already."
    )
    if report.problems is not None:
        rejected = _counted(report.rejected, "row")
        click.echo(
            f"cdp: {rejected} rejected, {report.remarks:,} imported in part; see {report.problems}", err=True
        )
    return 1 if report.rejected else 0


def _counted(count: int, thing: str) -> str:
    return f"1 {thing}" if count == 1 else f"{count:,} {thing}s"


async def _import(
    settings: Settings, name: str, file: Path, kind: Kind | None, mapped: dict[str, str]
) -> Report:
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    async with application_of(settings) as application:
        workspace = await application.workspaces.get(await store.by_name(application.database, name))
        about = {"kind": kind.value if kind else None}
        await record_alone(application.database, workspace.workspace_id, "import", file.name, about)
        with bar:
            task = bar.add_task(file.name, total=None)
            return await run_import(
                application.intake,
                application.accumulator.kinds,
                application.database,
                workspace,
                file,
                kind=kind,
                mapped=mapped,
                clock=application.clock,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
