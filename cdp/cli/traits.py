"""`cdp traits`: what traits tell, and so who sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from cdp.cli.acting import record
from cdp.cli.options import database_of, database_options, run_async, settings_of
from cdp.model.classes import TraitClass, TraitOf
from cdp.settings import Settings
from cdp.workspaces import store
from cdp.workspaces import trait_classes as classes

_workspace = click.option("--workspace", metavar="NAME", required=True, help="Whose traits.")
_of = click.option(
    "--of",
    "subject",
    type=click.Choice([one.value for one in TraitOf], case_sensitive=False),
    default=TraitOf.PROFILE.value,
    show_default=True,
    help="Traits of people, traits of accounts, or properties of events.",
)


@click.group(epilog="Example: cdp traits list --workspace acme --data ./data")
def traits() -> None:
    """Say what traits tell: who somebody is, something of a panel, or nothing of that."""


@traits.command("list", epilog="Example: cdp traits list --workspace acme --of ACCOUNT --data ./data")
@_workspace
@_of
@database_options
def list_traits(*, workspace: str, subject: str, data: Path | None, database_url: str | None) -> None:
    """List what is declared, and what the other traits that came are taken for."""
    run_async(_list(settings_of(data, database_url), workspace, TraitOf(subject.upper())))


@traits.command(epilog="Example: cdp traits classify leadScore --class INTENT --workspace acme --data ./data")
@click.argument("key")
@click.option(
    "--class",
    "trait_class",
    type=click.Choice([one.value for one in TraitClass], case_sensitive=False),
    required=True,
    help="PERSONAL: only those with pii:read see it. INTENT, USAGE: those who see that panel. OPEN: everybody.",
)
@_workspace
@_of
@database_options
def classify(
    *, key: str, trait_class: str, workspace: str, subject: str, data: Path | None, database_url: str | None
) -> None:
    """Declare what a trait tells, however its key is spelled; it holds within a second."""
    wanted = TraitClass(trait_class.upper())
    settings = settings_of(data, database_url)
    run_async(_classify(settings, workspace, TraitOf(subject.upper()), key, wanted))
    click.echo(f"{key} is {wanted.value}.")


@traits.command(epilog="Example: cdp traits unclassify leadScore --workspace acme --data ./data")
@click.argument("key")
@_workspace
@_of
@database_options
def unclassify(
    *, key: str, workspace: str, subject: str, data: Path | None, database_url: str | None
) -> None:
    """Forget what was declared of a trait: its name and its values tell again what it is."""
    settings = settings_of(data, database_url)
    run_async(_unclassify(settings, workspace, TraitOf(subject.upper()), key))
    click.echo(f"Nothing is declared of {key} any more.")


async def _list(settings: Settings, name: str, of: TraitOf) -> None:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, name)
        async with database.connection(workspace_id) as connection:
            found = await classes.taken_for(connection, workspace_id, of)
    for one in found:
        said = (
            "guessed"
            if one.changed_at is None
            else f"declared by {one.changed_by} on {one.changed_at:%Y-%m-%d}"
        )
        click.echo(f"{one.trait_class.value:<8}  {one.key}  ({said})")


async def _classify(settings: Settings, name: str, of: TraitOf, key: str, wanted: TraitClass) -> None:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, name)
        async with database.transaction(workspace_id) as connection:
            await classes.classify(
                connection, workspace_id, of, key, wanted, by="command line", now=datetime.now(UTC)
            )
            detail = {"of": of.value, "class": wanted.value}
            await record(connection, workspace_id, "traitClassSet", key, detail)


async def _unclassify(settings: Settings, name: str, of: TraitOf, key: str) -> None:
    async with database_of(settings) as database:
        workspace_id = await store.by_name(database, name)
        async with database.transaction(workspace_id) as connection:
            await classes.declassify(connection, workspace_id, of, key)
            await record(connection, workspace_id, "traitClassRemove", key, {"of": of.value})
