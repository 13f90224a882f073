"""`cdp demo`: a database with sample data, served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cdp.access.scopes import KeyRole
from cdp.app import Application
from cdp.cli.logs import configure_logging
from cdp.cli.options import DATA_HELP, Place, migrated, place_of, run_async, settings_of
from cdp.cli.serving import listening, serve_on
from cdp.demo.keys import renew_keys
from cdp.demo.load import B2B, SHOP, Loaded, load
from cdp.demo.queries import QUERIES, curl
from cdp.settings import Settings

_WORKSPACES = {
    B2B: "accounts, people, CRM and web history of a software vendor; the usage side is simulated",
    SHOP: "a web shop's clickstream: people without accounts",
}


@click.command(epilog="Example: cdp demo --port 8000 --data ./demo-data")
@click.option("--host", help="Address to listen on [default: 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on [default: 8000].")
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help=f"{DATA_HELP} [default: temporary]"
)
@click.option("--no-serve", is_flag=True, help="Load the data and stop.")
def demo(*, host: str | None, port: int | None, data: Path | None, no_serve: bool) -> None:
    """Load two public synthetic data sets through the real ingest path, and serve them.

    With --data the database stays, and the next start finds the data there; without, it goes with the process.
    """
    settings = replace(settings_of(data, None, host=host, port=port), database_url=None)
    configure_logging(settings)
    with listening(settings) as listener, place_of(settings, making=True, temporary=True) as place:
        where, port = listener.getsockname()[:2]
        served = replace(settings, database_url=place.app_url, port=port)
        loaded, keys = run_async(_prepare(served, place))
        url = f"http://{where}:{port}"
        introduction = _introduction(url, loaded, keys, place)
        if no_serve:
            click.echo(introduction)
        else:
            serve_on(served, listener, say=lambda: click.echo(introduction))


async def _prepare(settings: Settings, place: Place) -> tuple[Loaded, Mapping[str, Mapping[KeyRole, str]]]:
    """Migrate, load, settle; the answer is what was done, and the keys of both workspaces."""
    await migrated(place, settings)
    bar = Progress(
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    tasks: dict[str, TaskID] = {}

    def progress(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=None)
        bar.update(tasks[what], completed=done, total=total or None)

    async with Application.open(replace(settings, database_url=place.app_url)) as application:
        with bar:
            loaded = await load(application, progress)
        keys = {
            name: await renew_keys(application.database, name, now=application.clock())
            for name in _WORKSPACES
        }
    return loaded, keys


def _introduction(url: str, loaded: Loaded, keys: Mapping[str, Mapping[KeyRole, str]], place: Place) -> str:
    lines = []
    if loaded.events:
        rate = loaded.events / loaded.seconds
        lines.append(
            f"Imported {loaded.events:,} events in {loaded.seconds:.0f} s ({rate:,.0f} a second), "
            f"settled {loaded.settled:,} profiles in {loaded.settling_seconds:.0f} s."
        )
    admin = keys[B2B][KeyRole.ADMIN]
    lines += [
        "",
        f"  GraphiQL      {url}/graphql#key={admin}",
        f"  Tracking API  {url}/v1/batch",
        f"  Health        {url}/readyz",
        f"  Database      {place.shown}",
    ]
    for name, says in _WORKSPACES.items():
        lines += ["", f"Keys of the workspace {name} ({says}):"]
        lines += [f"  {role.value:<10} {key}" for role, key in keys[name].items()]
    for query in QUERIES:
        lines += ["", f"# {query.title}", curl(url, admin, query.text)]
    return "\n".join([*lines, "", "Stop with Ctrl-C."])
