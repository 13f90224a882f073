"""Administrators steer background work: jobs are started, watched, stopped and retried, changes told again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import Struct
from prometheus_client import generate_latest

from cdp.app import Application
from cdp.hooks import hookimpl
from cdp.model import Job, MissedTicks, Schedule
from tests.mutations.conftest import Api, Asking

ERRORS = "userErrors { code field message }"
JOBS = (
    "{ jobs { totalCount nodes { id plugin name state attempts startedBy input result error done total } } }"
)


class Wanted(Struct, frozen=True, kw_only=True):
    """Input of the tests' job."""

    upto: int = 3


@pytest.fixture
def unwilling() -> list[bool]:
    return []


@pytest.fixture
async def steered(application: Application, unwilling: list[bool]) -> Application:
    """With a plugin that has a job, a schedule, and may be told of changes."""

    def add_up(input: Wanted, job: Any) -> int:  # noqa: A002
        job.progress(input.upto, input.upto)
        if unwilling:
            raise ValueError("not today")
        return sum(range(input.upto + 1))

    def on_profile_changed(change: Any) -> None:
        if unwilling:
            raise OSError("down")

    job = Job(name="add_up", description="Adds up.", run=add_up, input=Wanted, attempts=1)
    schedule = Schedule(name="yearly", job="add_up", cron="0 0 1 1 *", missed=MissedTicks.SKIP)
    application.plugins.register(
        SimpleNamespace(
            register_jobs=hookimpl(lambda: [job], specname="register_jobs"),
            register_schedules=hookimpl(lambda: [schedule], specname="register_schedules"),
            on_profile_changed=hookimpl(on_profile_changed),
        ),
        name="sums",
    )
    return application


async def test_a_job_is_started_and_seen_to_its_end(api: Api, steered: Application, asking: Asking) -> None:
    """By whom, with what, how far it came, and what it answered."""
    payload = await api.mutate("jobStart", f"jobId {ERRORS}", {"name": "add_up", "input": {"upto": 4}})
    assert payload["userErrors"] == []
    await steered.background.work_off()
    assert await api.run(JOBS) == {
        "jobs": {
            "totalCount": 1,
            "nodes": [
                {
                    "id": payload["jobId"],
                    "plugin": "sums",
                    "name": "add_up",
                    "state": "DONE",
                    "attempts": 1,
                    "startedBy": "key admin",
                    "input": {"upto": 4},
                    "result": 10,
                    "error": None,
                    "done": 4,
                    "total": 4,
                }
            ],
        }
    }
    for condition, found in (
        ("state: DONE", 1),
        ("state: FAILED", 0),
        ('plugin: "sums"', 1),
        ('name: "x"', 0),
    ):
        assert await api.run(f"{{ jobs({condition}) {{ totalCount }} }}") == {"jobs": {"totalCount": found}}


async def test_a_job_that_failed_is_retried(api: Api, steered: Application, unwilling: list[bool]) -> None:
    """With the reason to be read before."""
    unwilling.append(True)
    started = await api.mutate("jobStart", "jobId", {"name": "add_up"})
    await steered.background.work_off()
    found = await api.run("{ jobs(state: FAILED) { nodes { id error } } }")
    assert found == {"jobs": {"nodes": [{"id": started["jobId"], "error": "ValueError: not today"}]}}
    unwilling.clear()
    retried = await api.mutate("jobRetry", f"jobId {ERRORS}", {"id": started["jobId"]})
    assert retried == {"jobId": started["jobId"], "userErrors": []}
    await steered.background.work_off()
    assert (await api.run("{ jobs { nodes { state } } }"))["jobs"]["nodes"] == [{"state": "DONE"}]
    (error,) = (await api.mutate("jobCancel", ERRORS, {"id": started["jobId"]}))["userErrors"]
    assert error["code"] == "CONFLICT"


async def test_what_cannot_be_done_is_said(api: Api, steered: Application) -> None:
    """A job that nobody has, an input that does not fit, ids of nothing."""
    for name, given, code, field in (
        ("jobStart", {"name": "subtract"}, "NOT_FOUND", ["input", "name"]),
        ("jobStart", {"name": "add_up", "input": {"upto": "x"}}, "BAD_USER_INPUT", ["input", "input"]),
        ("jobStart", {"name": "add_up", "input": [1]}, "BAD_USER_INPUT", ["input", "input"]),
        ("jobRetry", {"id": "nonsense"}, "NOT_FOUND", ["input", "id"]),
        ("deliveryRetry", {}, "BAD_USER_INPUT", ["input"]),
        ("deliveryRetry", {"id": "RGVsaXZlcnk6OTk5"}, "NOT_FOUND", ["input", "id"]),
        ("deliveryDiscard", {"id": "RGVsaXZlcnk6OTk5"}, "NOT_FOUND", ["input", "id"]),
    ):
        (error,) = (await api.mutate(name, ERRORS, given))["userErrors"]
        assert (error["code"], error["field"]) == (code, field), name


async def test_what_can_be_started_and_when_it_starts_by_itself(api: Api, steered: Application) -> None:
    """With the schema of its input, for a form."""
    await steered.background.work_off()
    found = await api.run(
        "{ jobKinds { name plugin description inputSchema attempts }"
        " jobSchedules { name plugin job cron timeZone nextAt lastAt } }"
    )
    (kind,) = [one for one in found["jobKinds"] if one["plugin"] == "sums"]
    assert kind["inputSchema"]["properties"] == {"upto": {"type": "integer", "default": 3}}
    (schedule,) = [one for one in found["jobSchedules"] if one["plugin"] == "sums"]
    assert schedule == {
        "name": "yearly",
        "plugin": "sums",
        "job": "add_up",
        "cron": "0 0 1 1 *",
        "timeZone": "UTC",
        "nextAt": "2027-01-01T00:00:00.000000Z",
        "lastAt": None,
    }


async def test_a_change_that_a_plugin_did_not_take_is_seen_told_again_and_given_up(
    api: Api, steered: Application, unwilling: list[bool]
) -> None:
    """And how much waits is a metric."""
    unwilling.append(True)
    for user in ("ada", "bob"):
        await api.ingest({"type": "TRACK", "userId": user, "event": "Moon Viewed"})
    while await steered.worker.settle_once():
        pass
    await steered.background.work_off()
    await steered.background.look()
    page = "{ deliveries(state: WAITING) { nodes { id plugin hook state attempts error profileId } } }"
    ada, bob = (await api.run(page))["deliveries"]["nodes"]
    person = await api.person("user_id", "ada")
    assert ada == {
        "id": ada["id"],
        "plugin": "sums",
        "hook": "on_profile_changed",
        "state": "WAITING",
        "attempts": 1,
        "error": "OSError: down",
        "profileId": person["id"],
    }
    text = generate_latest(steered.metrics.registry).decode()
    assert 'cdp_plugin_waiting{plugin="sums",what="changes"} 2.0' in text
    assert 'cdp_plugin_lag_seconds{plugin="sums",what="changes"}' in text
    unwilling.clear()
    assert await api.mutate("deliveryRetry", f"retried {ERRORS}", {"id": ada["id"]}) == {
        "retried": 1,
        "userErrors": [],
    }
    await steered.background.work_off()
    assert [one["id"] for one in (await api.run(page))["deliveries"]["nodes"]] == [bob["id"]]
    assert await api.mutate("deliveryDiscard", "discarded", {"plugin": "sums"}) == {"discarded": 1}
    assert (await api.run(page))["deliveries"]["nodes"] == []


async def test_another_workspace_sees_none_of_it(
    api: Api, steered: Application, asking: Asking, other_workspace: Any
) -> None:
    """Nor can it stop what it does not see."""
    started = await api.mutate("jobStart", "jobId", {"name": "add_up"})
    theirs = await asking("ADMIN", of=other_workspace)
    assert (await theirs.run(JOBS))["jobs"]["totalCount"] == 0
    (error,) = (await theirs.mutate("jobCancel", ERRORS, {"id": started["jobId"]}))["userErrors"]
    assert error["code"] == "NOT_FOUND"
