"""`cdp jobs` and `cdp tables`: what an operator does by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cdp.cli import run
from tests.conftest import DatabaseUrls

PLUGIN = """
from pathlib import Path
from cdp.hooks import hookimpl
from cdp.model import Job, Schedule

@hookimpl
def register_jobs():
    return [Job(name="sweep", description="Sweeps the floor.", run=lambda: None)]

@hookimpl
def register_schedules():
    return [Schedule(name="nightly", job="sweep", cron="0 3 * * *")]

@hookimpl
def register_migrations():
    return [Path(__file__).parent / "_sweeper.sql"]
"""
TABLE = "CREATE TABLE floor (workspace_id bigint NOT NULL, PRIMARY KEY (workspace_id));"

pytestmark = pytest.mark.usefixtures("logs_as_before")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sweeper.py").write_text(PLUGIN)
    (tmp_path / "_sweeper.sql").write_text(TABLE)
    return tmp_path


async def cdp(*words: object) -> int:
    """In a thread: commands bring a loop of their own."""
    return await asyncio.to_thread(run, [str(word) for word in words])


async def test_jobs_are_started_listed_cancelled_and_retried(
    database_urls: DatabaseUrls, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As an operator would, one after the other."""
    url = ("--database-url", database_urls.app)
    acme = (*url, "--workspace", "acme")
    plugins = ("--plugins-dir", folder)

    async def said(*words: object) -> str:
        assert await cdp(*words) == 0
        return capsys.readouterr().out

    await said("workspaces", "create", "acme", *url)
    kinds = await said("jobs", "kinds", *plugins)
    assert "sweep  (sweeper)  Sweeps the floor.\n  nightly: 0 3 * * * UTC\n" in kinds
    number = (await said("jobs", "start", "sweep", *acme, *plugins)).strip()
    assert (await said("jobs", "start", "sweep", "--key", "k", *acme, *plugins)).strip() != number
    assert f"{number}  WAITING  sweeper.sweep  attempts 0  by the command line" in await said(
        "jobs", "list", *acme
    )
    await said("jobs", "cancel", number, *acme)
    cancelled = await said("jobs", "list", *acme, "--state", "CANCELLED")
    assert cancelled.startswith(f"{number}  CANCELLED  sweeper.sweep")
    await said("jobs", "retry", number, *acme)
    assert await said("jobs", "list", *acme, "--state", "CANCELLED") == ""
    assert await said("jobs", "deliveries", *acme) == ""
    assert await said("jobs", "schedules", *acme) == ""
    assert await said("jobs", "redeliver", "--plugin", "sweeper", *acme) == "0 told again\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("start", "mop"), (1, "There is no job 'mop'")),
        (("start", "sweep", "--input", "[]"), (2, "The input is no JSON object")),
        (("start", "sweep", "--input", '{"a": 1}'), (2, "The job sweep takes no input.")),
        (("cancel", "17"), (1, "There is no job 17 in this workspace.")),
        (("redeliver",), (2, "Give the number of a delivery, or --plugin.")),
        (("redeliver", "17"), (1, "There is no such delivery 17")),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(
    database_urls: DatabaseUrls,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    expected: tuple[int, str],
) -> None:
    """On standard error, with the exit status of who is to blame."""
    url = ("--database-url", database_urls.app)
    assert await cdp("workspaces", "create", "acme", *url) == 0
    plugins = ("--plugins-dir", folder) if words[0] == "start" else ()
    status, sentence = expected
    assert await cdp("jobs", *words, *url, *plugins, "--workspace", "acme") == status
    assert sentence in capsys.readouterr().err


async def test_tables_of_plugins_are_listed_made_and_dropped(
    database_urls: DatabaseUrls, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the owner of the database; to drop them is asked for twice."""
    owner = ("--database-url", database_urls.owner)
    plugins = ("--plugins-dir", folder)

    async def said(*words: object, status: int = 0) -> str:
        assert await cdp(*words) == status
        return capsys.readouterr().out

    assert "pending  sweeper: _sweeper.sql" in await said("tables", *owner, *plugins)
    assert "applied sweeper: _sweeper.sql" in await said("tables", "migrate", *owner, *plugins)
    assert "Nothing to do" in await said("tables", "migrate", *owner, *plugins)
    assert "applied  sweeper: _sweeper.sql" in await said("tables", *owner, *plugins)
    assert await said("tables", "drop", "sweeper", *owner, "--yes") == "dropped plugin_sweeper\n"
    assert "no schema" in await said("tables", "drop", "sweeper", *owner, "--yes", status=1)
    assert "pending  sweeper" in await said("tables", *owner, *plugins)
