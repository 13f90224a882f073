"""The core that plugins are tested on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import Struct

from cdp.hooks import hookimpl
from cdp.hooks.implementation import function_of
from cdp.model import Evidence, MembershipFacts, PluginInfo, RoleContribution, RoleKind
from cdp.testing import BEGINNING, Clock, Core, Failed, HookCalls

USED = {"type": "track", "userId": "ada", "event": "Feature Used", "properties": {"feature": "reports"}}
ROLES = """{ profile(identifier: {kind: "user_id", value: "ada"}) {
  memberships { nodes { roles { role source confidence } } } } }"""


class Sure(Struct, frozen=True, kw_only=True):
    """How sure the plugin is."""

    confidence: float = 0.5


class Reader:
    """Claims a role, as surely as the workspace says."""

    @hookimpl
    def register_plugin(self) -> PluginInfo:
        return PluginInfo(opt_in=True)

    @hookimpl
    def register_settings(self) -> type[Sure]:
        return Sure

    @hookimpl
    def register_roles(self) -> list[RoleKind]:
        return [RoleKind(name="READER", description="Reads reports.")]

    @hookimpl
    async def resolve_roles(self, membership: MembershipFacts, settings: Sure) -> list[RoleContribution]:
        if "reports" not in [one.feature for one in membership.usage.features]:
            raise LookupError("no reports")
        why = Evidence(reason="read one")
        return [RoleContribution(role="READER", confidence=settings.confidence, evidence=(why,))]


@pytest.fixture
def cdp_plugins() -> Mapping[str, object]:
    return {"reader": Reader(), "broken": SimpleNamespace()}


def claimed(query: Callable[..., Any]) -> list[tuple[str, float]]:
    (membership,) = query(ROLES)["profile"]["memberships"]["nodes"]
    return [(one["role"], one["confidence"]) for one in membership["roles"] if one["source"] == "reader"]


def test_what_a_plugin_needs_to_be_tested_is_there(
    core: Core, ingest: Callable[..., None], settle: Callable[[], None], calls: HookCalls, clock: Clock
) -> None:
    """Events come in, settling asks the plugin, GraphQL shows what it said, and every call is on record."""
    assert core.left_out == {"broken": "it implements no hook; mark its functions with @hookimpl."}
    ingest(USED)
    settle()
    assert claimed(core.query) == []  # nobody has turned it on
    core.configure("reader", confidence=0.75)
    clock.advance(days=1)
    ingest(USED, {**USED, "userId": "bob", "properties": {"feature": "export"}})
    settle()
    assert claimed(core.query) == [("READER", 0.75)]
    ours = sorted(calls("resolve_roles", plugin="reader"), key=lambda call: call.error is not None)
    good, *bad = ours
    assert good.given["membership"].as_of == datetime(2026, 1, 16, 12, tzinfo=UTC)
    assert not good.mutated
    assert [one.role for one in good.answer] == ["READER"]
    assert all(isinstance(call.error, LookupError) and call.answer is None for call in bad)
    assert {call.plugin for call in calls("resolve_roles")} >= {"reader", "diptych_roles"}
    calls.clear()
    core.disable("reader")
    ingest(USED)
    settle()
    assert claimed(core.query) == []
    assert calls(plugin="reader") == []


def test_a_test_is_told_what_was_refused(core: Core) -> None:
    with pytest.raises(Failed, match="An event was refused.*MISSING_ID"):
        core.ingest({"type": "track", "event": "Nobody Did"})
    with pytest.raises(Failed, match="The query has errors") as failed:
        core.query("{ nothing }")
    assert failed.value.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"
    with pytest.raises(Failed, match="pluginConfigure failed.*has no setting 'colour'"):
        core.configure("reader", colour="red")
    assert core.answer("{ plugins { name } }", role="SALES")["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_requests_bring_the_key_of_a_role(core: Core) -> None:
    assert core.request("GET", "/healthz").status == 200
    assert core.request("POST", "/v1/batch", key="SALES", json={"batch": [USED]}).status == 403
    answer = core.request("POST", "/v1/batch", key="INGEST", json={"batch": [USED]})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


def test_the_clock_stands_until_it_is_told_to_go_on(core: Core, clock: Clock) -> None:
    asked = '{ now: profile(identifier: {kind: "user_id", value: "ada"}) { lastSeenAt } }'
    core.ingest(USED)
    assert core.query(asked)["now"]["lastSeenAt"] == "2026-01-15T12:00:00.000000Z"
    clock.now = datetime(2026, 2, 1, tzinfo=UTC)
    core.ingest(USED)
    assert core.query(asked)["now"]["lastSeenAt"] == "2026-02-01T00:00:00.000000Z"
    assert clock() > BEGINNING
    with pytest.raises(ValueError, match="has no time zone"):
        clock.now = datetime(2026, 2, 1)  # noqa: DTZ001 - that is what is wrong


def test_the_demo_is_traffic_too(core: Core) -> None:
    """Of the accounts that one names, and no others."""
    core.demo("acct_000082")
    core.settle()
    found = core.query("{ accounts(first: 5) { totalCount } profiles(first: 1) { totalCount } }")
    assert found["accounts"]["totalCount"] == 1
    assert found["profiles"]["totalCount"] > 3


def test_the_fixtures_and_what_a_core_can_do_are_these() -> None:
    """Tests of other people's plugins name them."""
    import cdp.testing

    kind = type(cdp.testing.core)
    assert {name for name, one in vars(cdp.testing).items() if isinstance(one, kind)} == {
        *("calls", "clock", "core", "ingest", "query", "settle"),
        *("cdp_databases", "cdp_plugins", "cdp_settings"),
    }
    assert {name for name in vars(Core) if not name.startswith("_")} == {
        *(
            "answer",
            "configure",
            "demo",
            "disable",
            "ingest",
            "key",
            "left_out",
            "query",
            "request",
            "settle",
        ),
        "workspace_id",
    }


def test_what_changes_what_it_was_given_is_on_record() -> None:
    """The record has the question as it was asked."""

    def forgetful(request: list[int]) -> int:
        return request.pop()

    calls = HookCalls()
    heard = calls.heard(function_of("tests", "resolve_roles", forgetful, ("request",)))
    assert heard(request=[1, 2]) == 2
    assert [(call.given, call.answer, call.mutated) for call in calls] == [({"request": [1, 2]}, 2, True)]
