"""The guide's examples of changes, jobs, schedules and tables work."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest
from structlog.testing import capture_logs

from cdp import tables
from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Answered, Outcome
from cdp.jobs import due_ticks, start
from cdp.jobs.running import Runner
from cdp.model import (
    AccountId,
    AccountKind,
    ChangedAccount,
    ChangedPerson,
    HttpResponse,
    Identifier,
    Lens,
    Measured,
    MembershipChange,
    MembershipState,
    ProcessFacts,
    ProfileChange,
    ProfileId,
    ProfileState,
    RoleChange,
    RoleState,
    StageChange,
    Workspace,
    WorkspaceId,
)
from cdp.tables import PluginTables
from cdp.workspaces.cache import Workspaces
from tests.changes.conftest import Load
from tests.conftest import DatabaseUrls
from tests.settle.parts import NOON, Clock, rows

GIVEN: dict[str, Any] = {
    "delivery_id": "7-1",
    "person": ChangedPerson(profile_id=ProfileId(1), display_name="Ada"),
    "noted_at": NOON,
}
ACME = ChangedAccount(account_id=AccountId(7), kind=AccountKind.ORGANISATION, name="Acme")
BUYER = RoleState(confidence=0.9, sources=("r",))


@pytest.fixture
async def acme(database: Database, workspace: WorkspaceId) -> Workspace:
    return await Workspaces(database).get(workspace)


def loaded() -> ModuleType:
    """The module of the example that was loaded last."""
    *_, name = (one for one in sys.modules if one.startswith("cdp_plugin_") and one.endswith("_example"))
    return sys.modules[name]


async def tell(plugins: Plugins, hook: str, change: Any, workspace: Workspace | None) -> Outcome[None]:
    (answer,) = await plugins.calls.union(
        hook,
        [change],
        lambda _request, _answer: None,
        wanted=lambda name, _: name == "example",
        workspace=workspace,
    )
    return answer["example"]


async def test_the_example_of_on_profile_changed_works(load: Load, acme: Workspace) -> None:
    """A job is started for who has an address, one at a time."""
    started: list[tuple[str, str | None]] = []

    class Jobs:
        async def start(self, name: str, *, input: Any = None, key: str | None = None) -> int:  # noqa: A002
            started.append((name, key))
            return 1

    plugins = load("on_profile_changed(change)")
    plugins.offers.register("jobs", lambda _plugin, _workspace_id: Jobs())
    for kind in ("email", "user_id"):
        after = ProfileState(identifiers=(Identifier(kind, "x"),))
        change = ProfileChange(**GIVEN, before=None, after=after)
        assert await tell(plugins, "on_profile_changed", change, acme) == Answered(None)
    assert started == [("sync_mailing_list", "sync")]


async def test_the_example_of_on_membership_changed_works(
    load: Load, acme: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    """One line for one arrival."""
    plugins = load("on_membership_changed(change)")
    member = MembershipState(own=True)
    for before in (None, member):
        change = MembershipChange(**GIVEN, account=ACME, before=before, after=member)
        assert await tell(plugins, "on_membership_changed", change, acme) == Answered(None)
    assert [record.getMessage() for record in caplog.records] == ["one more person at Acme"]


async def test_the_example_of_on_role_changed_works(load: Load, acme: Workspace) -> None:
    """Who buys is known, until they do not."""
    plugins = load("on_role_changed(change)")
    buyers = loaded().BUYERS
    for before, after in ((None, BUYER), (BUYER, None)):
        change = RoleChange(**GIVEN, account=ACME, role="ECONOMIC_BUYER", before=before, after=after)
        assert await tell(plugins, "on_role_changed", change, acme) == Answered(None)
        assert buyers == {7: {1} if after else set()}


@pytest.mark.parametrize("status", [200, 503])
async def test_the_example_of_on_stage_changed_works(load: Load, acme: Workspace, status: int) -> None:
    """What the desk did not take is told again."""
    sent: list[Any] = []

    class Http:
        async def post(self, url: str, *, json: Any) -> HttpResponse:
            sent.append((url, json))
            return HttpResponse(status=status, headers={}, body=b"", url=url)

    plugins = load("on_stage_changed(change)")
    plugins.offers.register("http", lambda _plugin, _workspace_id: Http())
    change = StageChange(
        **GIVEN,
        account=None,
        measured=Measured.LEVEL,
        lens=Lens.INTENT,
        before="WARM",
        after="HOT",
        labels=frozenset({"intent"}),
    )
    with capture_logs():
        outcome = await tell(plugins, "on_stage_changed", change, acme)
    assert isinstance(outcome, Answered) == (status == 200)
    assert sent == [("https://sales.example/hot", {"id": "7-1", "person": 1})]


async def run_job(database: Database, plugins: Plugins, workspace: Workspace, name: str) -> Any:
    clock = Clock()
    async with database.transaction(workspace.workspace_id) as connection:
        await start(connection, workspace.workspace_id, plugins, name, by="a test", now=clock())
    runner = Runner(database, plugins, clock=clock)
    assert await runner.begin_some(workspace, "example") == 1
    await runner.wait()
    found = "SELECT state, error, result::text FROM job WHERE workspace_id = $1"
    (row,) = await rows(database, workspace.workspace_id, found)
    return row


async def test_the_example_of_register_jobs_works(load: Load, database: Database, acme: Workspace) -> None:
    """It adds up."""
    plugins = load("register_jobs()")
    assert await run_job(database, plugins, acme, "add_up") == ("DONE", None, '{"total": 55}')


async def test_the_example_of_register_schedules_works(
    load: Load, database: Database, acme: Workspace
) -> None:
    """Half past six in Zurich, and never late."""
    plugins = load("register_schedules()")
    (schedule,) = [one for owner, one in plugins.registered("register_schedules") if owner == "example"]
    tick = datetime(2026, 3, 4, 5, 30, tzinfo=UTC)
    assert due_ticks(schedule, tick, tick)[0] == [tick]
    assert due_ticks(schedule, tick, tick.replace(hour=9))[0] == []
    answer = '{"for the day before": "2026-03-04"}'
    assert await run_job(database, plugins, acme, "daily_report") == ("DONE", None, answer)


async def test_the_example_of_register_migrations_works(
    load: Load, database: Database, database_urls: DatabaseUrls, acme: Workspace
) -> None:
    """It counts the roles that it was told of."""
    plugins = load("register_migrations()")
    await tables.apply(database_urls.owner, {"example": tables.wanted(plugins)["example"]})
    own = PluginTables(database, "example", acme.workspace_id)
    plugins.offers.register("tables", lambda _plugin, _workspace_id: own)
    change = RoleChange(**GIVEN, account=None, role="CHAMPION", before=None, after=BUYER)
    for _ in range(2):
        assert await tell(plugins, "on_role_changed", change, acme) == Answered(None)
    assert await own.fetch("SELECT role, times FROM seen") == [{"role": "CHAMPION", "times": 2}]


@pytest.mark.parametrize(("hook", "noted"), [("on_start", "STARTED"), ("on_stop", "STOPPED")])
async def test_the_examples_of_on_start_and_on_stop_work(load: Load, hook: str, noted: str) -> None:
    """They are told which process."""
    plugins = load(f"{hook}(process)")
    process = ProcessFacts(process_id="p", version="0.2")
    assert await tell(plugins, hook, process, None) == Answered(None)
    assert vars(loaded())[noted] == ["p"]
