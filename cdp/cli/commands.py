"""Which commands there are. Their modules are imported when they are called: `cdp --help` answers at once."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

import click
from typing_extensions import override

COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("cdp.cli.serving:serve", "Serve GraphQL and the tracking API, and settle."),
    "worker": ("cdp.cli.serving:worker", "Settle only: roles, enrichment, upkeep."),
    "demo": ("cdp.cli.demo:demo", "A fresh database with sample data, served."),
    "migrate": ("cdp.cli.database:migrate", "Apply migrations, or list them."),
    "workspaces": ("cdp.cli.workspaces:workspaces", "Create, list and limit workspaces."),
    "keys": ("cdp.cli.keys:keys", "Create, list, rotate, change and revoke keys."),
    "issuers": ("cdp.cli.issuers:issuers", "OIDC issuers whose tokens (JWT) are let in."),
    "audit": ("cdp.cli.audit:audit", "Who did what, who read personal data; verify and export the log."),
    "access": ("cdp.cli.access:access", "Roles of keys; why somebody sees something, or does not."),
    "visitors": ("cdp.cli.visitors:visitors", "Prove who visits your pages: what your server signs with."),
    "import": ("cdp.cli.importing:import_file", "People, accounts or events from a file."),
    "enrich": ("cdp.cli.enriching:enrich", "What enrichment may spend, finds and costs; backfills."),
    "roles": ("cdp.cli.roles:roles", "What roles are resolved with; try what a change would do."),
    "traits": ("cdp.cli.traits:traits", "What traits tell, and so who sees them."),
    "retention": ("cdp.cli.retention:retention", "For how long events are kept, and what was dropped."),
    "rebuild": ("cdp.cli.database:rebuild", "Views from events, or check that they agree."),
    "plugins": (
        "cdp.cli.plugins:plugins",
        "Which plugins are loaded, and how they do; begin one, check one.",
    ),
    "jobs": ("cdp.cli.jobs:jobs", "Background work of plugins, and changes that they did not take."),
    "tables": ("cdp.cli.tables:tables", "Tables of plugins' own: list, make or drop them."),
    "schema": ("cdp.cli.schema:schema", "Print the GraphQL schema."),
    "doctor": ("cdp.cli.inspecting:doctor", "What is wrong, and what to do about it."),
}
"""Command → where it is, and what it does."""


class _OnDemand(click.Group):
    """A group that imports a command's module when the command is called, and not to list it."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            from cdp.cli.plugged import group_of  # noqa: PLC0415 - plugins are loaded for nothing else

            return group_of(cmd_name)
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])


@click.group(
    cls=_OnDemand,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Example: cdp demo",
)
@click.version_option(version("diptych"), prog_name="cdp", message="%(prog)s %(version)s")
def cdp() -> None:
    """Diptych: one profile, a buyer-intent panel and a usage panel.

    The database, the address and more can also stand in the environment: DATABASE_URL, CDP_DATA, CDP_HOST, CDP_PORT,
    CDP_WORKERS, CDP_PLUGINS_DIR, CDP_LOG_LEVEL, CDP_LOG_FORMAT. Plugins have commands too: cdp PLUGIN --help.
    """
