"""`cdp roles`, as an operator uses it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from cdp.app import Application
from cdp.cli import run
from cdp.db.pool import Database
from cdp.settings import Settings
from cdp.workspaces import store
from tests.conftest import DatabaseUrls
from tests.settle.parts import event, ingest

PLUGIN = """
from msgspec import Struct

from cdp.hooks import hookimpl
from cdp.model import Evidence, RoleContribution


class Judgement(Struct, frozen=True, kw_only=True):
    confidence: float = 0.5


@hookimpl
def register_settings():
    return Judgement


@hookimpl
def resolve_roles(settings):
    why = Evidence(reason="looked at it")
    return [RoleContribution(role="ADVOCATE", confidence=settings.confidence, evidence=(why,))]
"""

pytestmark = pytest.mark.usefixtures("logs_as_before")


async def cdp(*words: object) -> int:
    """In a thread: commands bring a loop of their own."""
    return await asyncio.to_thread(run, [str(word) for word in words])


async def test_roles_are_looked_at_tried_and_resolved_anew(
    database_urls: DatabaseUrls, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a plugin would do is said before it is used; a backfill is started, and its progress told."""
    (tmp_path / "judge.py").write_text(PLUGIN)
    acme = ("--database-url", database_urls.app, "--workspace", "acme")
    with_plugin = (*acme, "--plugins-dir", tmp_path)

    async def said(*words: object) -> str:
        assert await cdp(*words) == 0
        return capsys.readouterr().out

    await said("workspaces", "create", "acme", "--database-url", database_urls.app)
    workspace = await store.by_name(database, "acme")
    await ingest(database, workspace, [event("1", "ada"), event("2", "bob")])
    tried = await said("roles", "simulate", *with_plugin, "--plugin", "judge", "--off", "--examples", "1")
    assert tried.splitlines()[:2] == [
        "2 of 2 memberships would change (2 of 2 people looked at)",
        "  ADVOCATE: 2 → 0  (+0 −2, 0 surer, 0 less sure)",
    ]
    assert "ADVOCATE 0.5 → not held. Nobody would claim it." in tried
    assert tried.endswith("    looked at it\n")
    as_json = await said(
        "roles", "simulate", *with_plugin, "--plugin", "judge", "--set", "confidence=0.9", "--json"
    )
    assert [(one["role"], one["surer"]) for one in json.loads(as_json)["roles"]] == [("ADVOCATE", 2)]
    assert "2 people will be resolved anew" in await said("roles", "resolve", *acme)
    status = await said("roles", "status", *with_plugin)
    assert "  confidence = 0.5" in status
    assert "0 of 2 people, under way: cdp roles resolve" in status
    async with Application.open(
        Settings(database_url=database_urls.app, plugins_dir=tmp_path)
    ) as application:
        while await application.worker.settle_once() or await application.worker.resolve_once():
            pass
    assert "2 of 2 people, finished" in (await said("roles", "status", *with_plugin))


async def test_what_cannot_be_tried_is_one_sentence(
    database_urls: DatabaseUrls, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown plugin, a setting without a value."""
    acme = ("--database-url", database_urls.app, "--workspace", "acme")
    await cdp("workspaces", "create", "acme", "--database-url", database_urls.app)
    for words, why in (
        (("--plugin", "nobody"), "No plugin 'nobody' is loaded."),
        (("--plugin", "diptych_crm", "--set", "x"), "Write --set NAME=VALUE"),
    ):
        capsys.readouterr()
        assert await cdp("roles", "simulate", *acme, *words) != 0
        assert why in capsys.readouterr().err
