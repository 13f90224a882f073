"""`cdp roles`: what roles are resolved with, resolve them anew, try what a change would do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import Progress

from cdp.cli.acting import record
from cdp.cli.logs import configure_logging
from cdp.cli.options import database_of, database_options, plugins_option, run_async, settings_of
from cdp.errors import BadInput
from cdp.hooks.manager import Plugins
from cdp.model import AccountId, ProfileId, Workspace
from cdp.model.ids import encode_id
from cdp.roles import backfill, simulate
from cdp.roles.resolvers import resolvers
from cdp.roles.simulate import Simulation, Supposition
from cdp.settings import Settings
from cdp.workspaces import store

_workspace = click.option("--workspace", metavar="NAME", required=True, help="Whose roles.")


@click.group(epilog="Example: cdp roles status --data ./data --workspace acme")
def roles() -> None:
    """Say what roles are resolved with; resolve everybody anew; try what a change of plugins would do."""


@roles.command(epilog="Example: cdp roles status --data ./data --workspace acme")
@database_options
@plugins_option
@_workspace
def status(*, data: Path | None, database_url: str | None, plugins_dir: Path | None, workspace: str) -> None:
    """Say which plugins are asked for roles and scores, and how far backfills have come."""
    run_async(_status(_quiet(settings_of(data, database_url, plugins_dir=plugins_dir)), workspace))


@roles.command(epilog="Example: cdp roles resolve --data ./data --workspace acme")
@database_options
@_workspace
def resolve(*, data: Path | None, database_url: str | None, workspace: str) -> None:
    """Have the worker resolve everybody anew, a chunk at a time.

    A change of plugins or of their settings does so by itself.
    """
    run_async(_resolve(settings_of(data, database_url), workspace))


@roles.command(
    name="simulate", epilog="Example: cdp roles simulate --workspace acme --plugin diptych_crm --off"
)
@database_options
@plugins_option
@_workspace
@click.option("--plugin", metavar="NAME", required=True, help="Of which something is supposed.")
@click.option("--on/--off", "enabled", default=None, help="That it is turned on, or off [default: as it is].")
@click.option(
    "--set",
    "given",
    metavar="NAME=JSON",
    multiple=True,
    help="That a setting of it has this value; repeatable.",
)
@click.option(
    "--people", type=click.IntRange(1), default=10_000, show_default=True, help="Look at so many, at most."
)
@click.option("--examples", type=click.IntRange(0, 100), default=5, show_default=True, help="Show so many.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON, for machines.")
def try_out(
    *,
    data: Path | None,
    database_url: str | None,
    plugins_dir: Path | None,
    workspace: str,
    plugin: str,
    enabled: bool | None,
    given: tuple[str, ...],
    people: int,
    examples: int,
    as_json: bool,
) -> None:
    """Say what would change if a plugin were turned on or off, or set otherwise; nothing is written.

    Roles of people are resolved twice, as it is and as is supposed, and compared. The plugin is really asked: one that
    asks others over HTTP does so.
    """
    settings = _quiet(settings_of(data, database_url, plugins_dir=plugins_dir))
    what = Supposition(plugin=plugin, enabled=enabled, settings=dict(_setting(one) for one in given))
    found = run_async(_simulate(settings, workspace, what, people=people, examples=examples))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
    else:
        _show(found)


async def _status(settings: Settings, name: str) -> None:
    plugins = Plugins.load(settings)
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, name)
        async with database.connection(workspace_id) as connection:
            workspace = await store.load(connection, workspace_id)
            recent = await backfill.recent(connection, workspace_id)
    for one in resolvers(plugins, workspace):
        click.echo(f"{one.plugin} {one.version}  {', '.join(one.hooks)}")
        for setting, value in one.settings.items():
            click.echo(f"  {setting} = {msgspec.json.encode(value).decode()}")
    for run in recent:
        state = f"finished {run.finished_at:%Y-%m-%d %H:%M} UTC" if run.finished_at else "under way"
        click.echo(
            f"{run.started_at:%Y-%m-%d %H:%M} UTC  {run.done:,} of {run.total:,} people, {state}: {run.reason}"
        )


async def _resolve(settings: Settings, name: str) -> None:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, name)
        async with database.transaction(workspace_id) as connection:
            people = await backfill.start(
                connection, workspace_id, reason="cdp roles resolve", now=datetime.now(UTC)
            )
            await record(connection, workspace_id, "rolesResolve", "", {"people": people})
    click.echo(f"{people:,} people will be resolved anew; `cdp roles status` says how far that has come.")


async def _simulate(
    settings: Settings, name: str, what: Supposition, *, people: int, examples: int
) -> Simulation:
    plugins = Plugins.load(settings)
    try:
        async with database_of(settings) as database:
            workspace_id = await store.by_name(database, name)
            async with database.connection(workspace_id) as connection:
                workspace: Workspace = await store.load(connection, workspace_id)
            with Progress(console=Console(stderr=True), transient=True) as progress:
                task = progress.add_task("resolving twice", total=None)
                return await simulate.simulate(
                    database,
                    workspace,
                    plugins,
                    what,
                    most=people,
                    examples=examples,
                    now=datetime.now(UTC),
                    told=lambda done, of: progress.update(task, completed=done, total=of),
                )
    finally:
        await plugins.aclose()


def _show(found: Simulation) -> None:
    click.echo(
        f"{found.changed:,} of {found.memberships:,} memberships would change"
        f" ({found.examined:,} of {found.people:,} people looked at)"
    )
    if found.failed:
        click.echo(f"{found.failed:,} memberships are left out: the plugin failed to answer")
    for one in found.roles:
        click.echo(
            f"  {one.role}: {one.before:,} → {one.after:,}  (+{one.gained:,} −{one.lost:,},"
            f" {one.surer:,} surer, {one.less_sure:,} less sure)"
        )
    for example in found.examples:
        person, account = example.place
        click.echo(
            f"{_id('Profile', person)}{_in(account)}: {example.role} {_sure(example.before)} →"
            f" {_sure(example.after)}. {example.explanation}"
        )
        for why in example.evidence:
            click.echo(f"    {why.reason}")


def _id(kind: str, number: ProfileId | AccountId) -> str:
    return encode_id(kind, number)


def _in(account: AccountId) -> str:
    return f" in {_id('Account', account)}" if account else ""


def _sure(confidence: float | None) -> str:
    return "not held" if confidence is None else f"{confidence:g}"


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"Write --set NAME=VALUE, not {text!r}.")
    try:
        return name, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value


def _quiet(settings: Settings) -> Settings:
    configure_logging(replace(settings, log_level="error"))
    return settings
