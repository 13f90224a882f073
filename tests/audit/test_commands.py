"""Every command that changes a workspace leaves an entry; a new command must say whether it does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import asyncpg
import click
import pytest

from cdp.cli import run
from cdp.cli.commands import COMMANDS
from cdp.model import WorkspaceId
from cdp.model.ids import encode_id
from tests.conftest import DatabaseUrls

pytestmark = pytest.mark.usefixtures("logs_as_before")

ACTS = {
    "workspaces limit Acme --events-per-second 5": "workspaceLimit",
    "keys create --workspace Acme --role SALES": "keyCreate",
    "keys rotate 1 --workspace Acme": "keyRotate",
    "keys update 1 --workspace Acme --name till": "keyUpdate",
    "keys revoke 1 --workspace Acme": "keyRevoke",
    "issuers add https://issuer.example --workspace Acme --scope profiles:read": "tokenIssuerDefine",
    "issuers disable 1 --workspace Acme": "tokenIssuerUpdate",
    "issuers enable 1 --workspace Acme": "tokenIssuerUpdate",
    "issuers refuse-older 1 --workspace Acme": "tokenIssuerUpdate",
    "issuers remove 1 --workspace Acme": "tokenIssuerRemove",
    "access roles define EMEA --workspace Acme --scope profiles:read": "accessRoleDefine",
    "access roles remove EMEA --workspace Acme": "accessRoleRemove",
    "visitors create --workspace Acme --name web": "visitorSecretCreate",
    "visitors rotate 1 --workspace Acme": "visitorSecretRotate",
    "visitors revoke 1 --workspace Acme": "visitorSecretRevoke",
    "traits classify plan --class OPEN --workspace Acme": "traitClassSet",
    "traits unclassify plan --workspace Acme": "traitClassRemove",
    "enrich budget --workspace Acme --currency EUR --per-day 5": "enrichmentSettingsUpdate",
    "enrich start --workspace Acme --people {{}}": "enrichmentBackfillStart",
    "enrich cancel {backfill} --workspace Acme": "enrichmentBackfillCancel",
    "roles resolve --workspace Acme": "rolesResolve",
    "retention --workspace Acme --months 24": "workspaceSettingsUpdate",
    "rebuild --workspace Acme": "viewsRebuild",
    "import {file} --workspace Acme": "import",
    "jobs start notifier_digest --workspace Acme": "jobStart",
    "jobs cancel 1 --workspace Acme": "jobCancel",
    "jobs retry 1 --workspace Acme": "jobRetry",
    "audit export --workspace Acme": "auditExport",
}
"""Commands in an order in which they can be, and what each is in the log."""

ELSEWHERE = {"workspaces create", "jobs redeliver", "tables drop"}
"""Commands that act too, and are tried by other tests."""

LOOKING = {
    *("serve", "worker", "demo", "migrate", "migrate status", "schema", "doctor", "tables", "tables migrate"),
    *("plugins", "plugins new", "plugins check", "workspaces list", "keys list", "access explain"),
    *("access roles list", "issuers list", "issuers check", "issuers try", "visitors list", "visitors sign"),
    *("audit list", "audit head", "audit verify", "enrich progress", "enrich report", "roles status"),
    *("roles simulate", "traits list", "jobs list", "jobs kinds", "jobs deliveries", "jobs schedules"),
}
"""Commands that change nothing of a workspace's."""


def commands() -> Iterator[str]:
    """All of them, by their words."""
    for name, (place, _) in COMMANDS.items():
        module, _, attribute = place.partition(":")
        yield from _within(getattr(import_module(module), attribute), name)


def _within(command: click.Command, name: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        if command.invoke_without_command:
            yield name
        for inner, one in command.commands.items():
            yield from _within(one, f"{name} {inner}")
    else:
        yield name


def test_every_command_acts_or_looks() -> None:
    known = ELSEWHERE | LOOKING
    acting = {name for name in commands() if any(act.startswith(f"{name} ") for act in ACTS)}
    assert set(commands()) - acting == known


def test_every_command_that_acts_leaves_one_entry(
    database_urls: DatabaseUrls, workspace: WorkspaceId, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the name of the mutation for it, and of the login; also of one that runs many transactions."""
    file = tmp_path / "people.jsonl"
    file.write_text('{"type": "track", "userId": "ann", "event": "Signed In"}\n', encoding="utf-8")
    for command, act in ACTS.items():
        words = command.format(file=file, backfill=encode_id("EnrichmentBackfill", 1))
        done = run([*words.split(), "--database-url", database_urls.app])
        assert done == 0, (words, capsys.readouterr().err)
        last = asyncio.run(_last(database_urls.superuser))
        assert (last["act"], last["principal"], last["workspace_id"]) == (act, "operator", workspace), words
        assert last["sequence"] == list(ACTS).index(command) + 1, words


async def _last(url: str) -> asyncpg.Record:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchrow("SELECT * FROM audit_entry ORDER BY sequence DESC LIMIT 1")
    finally:
        await connection.close()
