"""`cdp schema`: the contract of the GraphQL side."""

from __future__ import annotations

import click

from cdp.graphql.schema import sdl


@click.command(epilog="Example: cdp schema > schema.graphql")
def schema() -> None:
    """Print the GraphQL schema in SDL, sorted."""
    click.echo(sdl(), nl=False)
