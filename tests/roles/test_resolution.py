"""Roles are resolved anew without an event: when time, an account, a resolver or its settings change."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import Struct

from cdp.app import Application
from cdp.db.pool import Database
from cdp.hooks import hookimpl
from cdp.hooks.manager import Plugins
from cdp.model import Evidence, MembershipFacts, RoleContribution, ScoreContribution, WorkspaceId
from cdp.roles import backfill
from cdp.roles.resolution import Resolution
from cdp.workspaces.cache import Workspaces
from tests.mutations.conftest import NOW, Api, TestClock
from tests.roles.conftest import Settle

WEEK = timedelta(days=7)
ROLES = "memberships { nodes { account { groupId } heldRoles { role confidence } } }"


class JudgeSettings(Struct, frozen=True, kw_only=True):
    """Of the plugin `judge`."""

    confidence: float = 0.5


def judge(role: str = "ADVOCATE", *, until: datetime | None = None, when: Any = None) -> SimpleNamespace:
    """A plugin that claims one role of everybody, as surely as the workspace sets."""

    def resolve_roles(membership: MembershipFacts, settings: JudgeSettings) -> list[RoleContribution]:
        if when is not None and not when(membership):
            return []
        why = (Evidence(reason="looked at it"),)
        return [RoleContribution(role=role, confidence=settings.confidence, evidence=why, until=until)]

    return SimpleNamespace(
        register_settings=hookimpl(lambda: JudgeSettings), resolve_roles=hookimpl(resolve_roles)
    )


async def used(api: Api, *people: str, group: str | None = None) -> None:
    for person in people:
        if group is not None:
            await api.ingest({"type": "GROUP", "userId": person, "groupId": group})
        context = {"groupId": group} if group is not None else {}
        await api.ingest({"type": "TRACK", "userId": person, "event": "Heard Of", "context": context})


async def held(api: Api, person: str, group: str | None = None) -> dict[str, float]:
    found = await api.person("user_id", person, ROLES)
    for node in found["memberships"]["nodes"]:
        if (node["account"] or {"groupId": None})["groupId"] == group:
            return {one["role"]: one["confidence"] for one in node["heldRoles"]}
    return {}


async def backfills(api: Api) -> list[dict[str, Any]]:
    answer = await api.run("{ roleResolution { backfills { reason total done finishedAt } } }")
    found: list[dict[str, Any]] = answer["roleResolution"]["backfills"]
    return found


async def test_what_a_claim_says_of_its_end_holds_without_anything_happening(
    application: Application, api: Api, clock: TestClock, settle: Settle
) -> None:
    """It is over to the second, is resolved anew when due, and history says when it ended."""
    application.plugins.register(
        judge(until=NOW + WEEK, when=lambda facts: facts.as_of < NOW + WEEK), name="judge"
    )
    await used(api, "ada")
    await settle()
    assert await held(api, "ada") == {"ADVOCATE": 0.5}
    clock.advance(days=7)
    assert await held(api, "ada") == {}
    await settle()
    found = await api.person("user_id", "ada", "memberships { nodes { roles(ended: true) { role until } } }")
    (role,) = found["memberships"]["nodes"][0]["roles"]
    assert role["until"].startswith((NOW + WEEK).isoformat()[:19])


async def test_who_is_due_by_time_is_asked_again_and_may_go_on(
    api: Api,
    clock: TestClock,
    settle: Settle,
    database: Database,
    workspace: WorkspaceId,
) -> None:
    """A trial that runs out is believed less from then on; nobody did anything."""
    began = {"type": "TRACK", "userId": "ada", "timestamp": NOW.isoformat()}
    await api.ingest({**began, "event": "Trial Started"}, {**began, "event": "Signed In"})
    await settle()
    assert (await held(api, "ada"))["TRIAL_USER"] == 0.9
    clock.advance(days=45, seconds=1)
    assert "TRIAL_USER" not in await held(api, "ada")
    await settle()
    assert (await held(api, "ada"))["TRIAL_USER"] == 0.4
    async with database.connection(workspace) as connection:
        assert (
            await connection.fetchval("SELECT count(*) FROM role_due WHERE workspace_id = $1", workspace) == 0
        )


async def test_a_change_of_settings_resolves_everybody_anew(
    application: Application, api: Api, settle: Settle, clock: TestClock
) -> None:
    """Off, on, and set otherwise; with a reason and progress; a change that is none does nothing."""
    application.plugins.register(judge(), name="judge")
    await used(api, "ada", "bob")
    await settle()
    assert (await held(api, "ada"), len(await backfills(api))) == ({"ADVOCATE": 0.5}, 1)
    done = "userErrors { message }"
    clock.advance(seconds=5)
    await api.mutate("pluginConfigure", done, {"plugin": "judge", "settings": {"confidence": 0.7}})
    await settle()
    assert (await held(api, "ada"), await held(api, "bob")) == ({"ADVOCATE": 0.7}, {"ADVOCATE": 0.7})
    latest = (await backfills(api))[0]
    assert (latest["reason"], latest["total"], latest["done"]) == (
        "resolvers or their settings changed",
        2,
        2,
    )
    assert latest["finishedAt"] is not None
    await api.mutate("pluginConfigure", done, {"plugin": "judge", "settings": {"confidence": 0.7}})
    await settle()
    assert len(await backfills(api)) == 2
    await api.mutate("pluginDisable", done, {"plugin": "judge"})
    await settle()
    assert (await held(api, "ada"), len(await backfills(api))) == ({}, 3)
    await api.mutate("pluginEnable", done, {"plugin": "judge"})
    await api.mutate("rolesResolve", "backfill { reason total } userErrors { message }", {"reason": "again"})
    await settle()
    assert await held(api, "bob") == {"ADVOCATE": 0.7}
    assert [one["finishedAt"] is not None for one in await backfills(api)] == [True] * 5


async def test_another_threshold_of_the_workspace_is_another_view(api: Api, settle: Settle) -> None:
    """What resolvers see hangs on it; other settings of the workspace do not matter."""
    await used(api, "ada")
    await settle()
    for settings, expected in (({"messageDays": 40}, 1), ({"windowDays": 14}, 2)):
        await api.mutate("workspaceSettingsUpdate", "userErrors { message }", settings)
        await settle()
        assert len(await backfills(api)) == expected


async def test_what_changes_an_account_is_news_for_all_of_its_people(
    application: Application, api: Api, settle: Settle
) -> None:
    """Whoever uses a trial in it is no trial user any more once a colleague has paid."""
    await used(api, "ada", "bob", group="acme")
    trial = {"type": "TRACK", "userId": "ada", "context": {"groupId": "acme"}, "timestamp": NOW.isoformat()}
    await api.ingest({**trial, "event": "Trial Started"}, {**trial, "event": "Signed In"})
    await settle()
    assert "TRIAL_USER" in await held(api, "ada", "acme")
    order = {"orderId": "o1", "total": 9, "currency": "EUR"}
    await api.ingest({**trial, "userId": "bob", "event": "Order Completed", "properties": order})
    await settle()
    assert "TRIAL_USER" not in await held(api, "ada", "acme")
    assert "ECONOMIC_BUYER" in await held(api, "bob", "acme")


async def test_of_two_versions_that_run_side_by_side_the_later_one_decides(
    database: Database, workspace: WorkspaceId
) -> None:
    """While a new version is rolled out they do not take turns resolving everybody."""

    def process(started: datetime, *plugins: str) -> Resolution:
        loaded = Plugins()
        for name in plugins:
            loaded.register(judge(), name=name)
        return Resolution(database, Workspaces(database, max_age=0.0), loaded, clock=lambda: started)

    async def count() -> int:
        async with database.connection(workspace) as connection:
            return len(await backfill.recent(connection, workspace))

    old, new = process(NOW, "judge"), process(NOW + WEEK, "judge", "other")
    counts = []
    for one in (old, old, new, old, new, old):
        await one.look()
        counts.append(await count())
    assert counts == [1, 1, 2, 2, 2, 2]


async def test_people_are_handed_over_in_chunks_that_wait_for_each_other(
    database: Database,
    workspace: WorkspaceId,
    api: Api,
    application: Application,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So a backfill of any size stands in nobody's way, and what it says of its progress is so."""
    monkeypatch.setattr(backfill, "CHUNK", 2)
    monkeypatch.setattr(backfill, "_FEW", 1)
    await used(api, "a", "b", "c")
    await application.worker.settle_once()
    async with database.transaction(workspace) as connection:
        assert await backfill.start(connection, workspace, reason="test", now=NOW) == 3
    seen = []
    for _ in range(8):
        await backfill.backfill_some(database, workspace, now=NOW)
        async with database.connection(workspace) as connection:
            one = (await backfill.recent(connection, workspace))[0]
        seen.append((one.done, one.finished_at is not None))
        if len(seen) % 2 == 0:
            await application.worker.settle_once()
    assert seen == [
        (2, False),
        (2, False),
        (3, False),
        (3, False),
        (3, True),
        (3, True),
        (3, True),
        (3, True),
    ]


async def test_points_are_shown_with_their_reason_and_taken_back(
    application: Application, api: Api, settle: Settle, clock: TestClock
) -> None:
    """Beside the exact figures; by panel; filtered, sorted, and gone when the plugin is turned off."""

    def points(name: str, many: float) -> Any:
        def score(membership: MembershipFacts) -> list[ScoreContribution]:
            if "ada" not in {one.value for one in membership.profile.identifiers}:
                return []
            return [ScoreContribution(name=name, points=many, reason=f"for {name}", facts={"n": 1})]

        return hookimpl(score)

    scorer = SimpleNamespace(
        score_intent=points("fit", 10), score_usage=points("fun", -3), score_influence=points("pull", 4)
    )
    application.plugins.register(scorer, name="scorer")
    await used(api, "ada", "bob")
    await settle()
    panels = """
        buyerIntent { score pluginPoints contributions { name points source reason facts since until } }
        usage { pluginPoints contributions { name points } }
        memberships { nodes { influence influencePoints influenceContributions { name reason } } }
    """
    found = await api.person("user_id", "ada", panels)
    intent = found["buyerIntent"]
    assert (intent["score"], intent["pluginPoints"]) == (0, 10)
    (fit,) = intent["contributions"]
    assert (fit["name"], fit["points"], fit["source"], fit["reason"], fit["facts"], fit["until"]) == (
        "fit",
        10,
        "scorer",
        "for fit",
        {"n": 1},
        None,
    )
    assert found["usage"] == {"pluginPoints": -3, "contributions": [{"name": "fun", "points": -3}]}
    assert found["memberships"]["nodes"] == [
        {
            "influence": 0,
            "influencePoints": 4,
            "influenceContributions": [{"name": "pull", "reason": "for pull"}],
        }
    ]
    listed = """{ found: profiles(where: {buyerIntent: {pluginPoints: {gte: 5}}}) { totalCount }
                  sorted: profiles(orderBy: {field: INTENT_POINTS, direction: DESC}) {
                    nodes { buyerIntent { pluginPoints } } } }"""
    answer = await api.run(listed)
    assert answer["found"]["totalCount"] == 1
    assert [one["buyerIntent"]["pluginPoints"] for one in answer["sorted"]["nodes"]] == [10, 0]
    await api.mutate("pluginDisable", "userErrors { message }", {"plugin": "scorer"})
    await settle()
    gone = await api.person("user_id", "ada", panels)
    assert (gone["buyerIntent"]["contributions"], gone["usage"]["pluginPoints"]) == ([], 0)


async def test_points_of_somebody_who_turned_out_to_be_another_are_not_counted_twice(
    application: Application, api: Api, settle: Settle, database: Database, workspace: WorkspaceId
) -> None:
    """What was contributed about the one that is gone goes with them."""
    scorer = hookimpl(lambda membership: [ScoreContribution(name="x", points=1.0, reason="x")])
    application.plugins.register(SimpleNamespace(score_intent=scorer), name="scorer")
    await used(api, "ada", "bob")
    await settle()
    ids = [(await api.person("user_id", one))["id"] for one in ("ada", "bob")]
    await api.mutate("profileMerge", "userErrors { message }", {"into": ids[0], "from": ids[1]})
    await settle()
    assert (await api.person("user_id", "bob", "buyerIntent { pluginPoints }"))["buyerIntent"] == {
        "pluginPoints": 1
    }
    async with database.connection(workspace) as connection:
        kept = "SELECT count(*) FROM score_contribution WHERE workspace_id = $1"
        assert await connection.fetchval(kept, workspace) == 1


async def test_the_committee_counts_roles_of_plugins(
    application: Application, api: Api, settle: Settle
) -> None:
    """A role that is registered as buying has a seat; one that is needed is missed while nobody holds it."""
    await used(api, "ada", group="acme")
    await api.ingest({"type": "IDENTIFY", "userId": "ada", "traits": {"hs_buying_role": "BLOCKER;END_USER"}})
    await settle()
    committee = """{ accounts { nodes { buyerIntent {
        committee { role members { person { id } } } unfilledRoles } } } }"""
    (account,) = (await api.run(committee))["accounts"]["nodes"]
    seats = {one["role"]: len(one["members"]) for one in account["buyerIntent"]["committee"]}
    assert seats == {"BLOCKER": 1}
    assert account["buyerIntent"]["unfilledRoles"] == ["CHAMPION", "ECONOMIC_BUYER", "INFLUENCER"]
