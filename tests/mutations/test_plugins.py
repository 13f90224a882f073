"""What a workspace decides about its plugins: who may, what is shown of it, and when it holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from cdp.app import Application
from cdp.db.pool import Database
from cdp.hooks import hookimpl
from cdp.hooks.outcomes import Answered
from cdp.model import (
    IntentFacts,
    MembershipFacts,
    PluginInfo,
    ProfileFacts,
    ProfileId,
    RoleContribution,
    Secret,
    UsageFacts,
    WorkspaceId,
)
from cdp.workspaces.cache import Workspaces
from tests.mutations.conftest import Api, Asking

STATE = "plugin { name enabled summary labels run settings settingsSchema } userErrors { code field message }"


class Limits(Struct, frozen=True, kw_only=True):
    """What the tests' plugin has to be set."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    words: tuple[str, ...] = ()
    token: Secret | None = None


@pytest.fixture
def membership() -> MembershipFacts:
    """Of somebody about whom nothing is known."""
    intent, usage, now = IntentFacts(), UsageFacts(), datetime(2026, 3, 1, tzinfo=UTC)
    profile = ProfileFacts(
        profile_id=ProfileId(1),
        display_name=None,
        identifiers=(),
        traits={},
        intent=intent,
        usage=usage,
        as_of=now,
    )
    return MembershipFacts(
        profile=profile, account=None, own=True, intent=intent, usage=usage, since=None, until=None, as_of=now
    )


@pytest.fixture
def seen(application: Application) -> list[Limits]:
    """The settings that a plugin called `limits` was given, call by call."""
    given: list[Limits] = []

    def resolve_roles(membership: MembershipFacts, settings: Limits) -> list[RoleContribution]:
        given.append(settings)
        return []

    plugin = SimpleNamespace(
        register_plugin=hookimpl(lambda: PluginInfo(summary="Counts.", labels=frozenset({"crm"}))),
        register_settings=hookimpl(lambda: Limits),
        resolve_roles=hookimpl(resolve_roles),
    )
    application.plugins.register(plugin, name="limits")
    assert application.plugins.left_out() == frozenset()
    return given


async def shown(api: Api, selection: str) -> dict[str, Any]:
    plugins = (await api.run(f"{{ plugins {{ name {selection} }} }}"))["plugins"]
    (one,) = (one for one in plugins if one["name"] == "limits")
    return dict(one)


async def test_settings_are_typed_described_and_given_to_the_hook(
    api: Api,
    application: Application,
    seen: list[Limits],
    membership: MembershipFacts,
    workspace: WorkspaceId,
) -> None:
    """The JSON schema says what there is; a change is stored, shown, and the hook's own type."""
    before = await shown(api, "enabled settings settingsSchema")
    assert before["enabled"] is True
    assert before["settings"] == {"limit": 10, "words": [], "token": {"set": False}}
    properties = before["settingsSchema"]["properties"]
    assert properties["limit"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}
    assert {"type": "string", "format": "password", "writeOnly": True} in properties["token"]["anyOf"]
    changed = await api.mutate(
        "pluginConfigure", STATE, {"plugin": "limits", "settings": {"limit": 7, "token": "s3cret"}}
    )
    assert changed["userErrors"] == []
    assert changed["plugin"]["settings"] == {"limit": 7, "words": [], "token": {"set": True}}
    current = await application.workspaces.get(workspace)
    (answer,) = await application.plugins.resolve_roles([membership], workspace=current)
    assert answer["limits"] == Answered(())
    assert seen == [Limits(limit=7, token=Secret("s3cret"))]
    assert seen[0].token is not None
    assert seen[0].token.reveal() == "s3cret"
    assert "s3cret" not in repr(seen[0])
    assert "s3cret" not in repr(current)


async def test_what_does_not_fit_is_refused_and_a_secret_is_never_repeated(
    api: Api, seen: list[Limits]
) -> None:
    """Unknown names, wrong types, values out of range, what is no object, a plugin that is none."""
    for settings, needle in {
        '{"limit": 1000}': "Expected `int` <= 100",
        '{"limit": "many"}': "Expected `int`, got `str`",
        '{"colour": 1}': "it has limit, words, token",
        '{"token": 1234567}': "The setting token does not fit: it is a text",
        '{"words": ["\\u0000"]}': "NUL",
        "[1]": "The settings are an object",
    }.items():
        given = {"plugin": "limits", "settings": json.loads(settings)}
        payload = await api.mutate("pluginConfigure", STATE, given)
        assert payload["plugin"] is None
        (error,) = payload["userErrors"]
        assert error["code"] == "BAD_USER_INPUT"
        assert error["field"] == ["input", "settings"]
        assert needle in error["message"]
        assert "1234567" not in error["message"]
    payload = await api.mutate("pluginDisable", STATE, {"plugin": "nobody"})
    assert [error["code"] for error in payload["userErrors"]] == ["NOT_FOUND"]
    assert (await shown(api, "settings"))["settings"]["limit"] == 10


async def test_null_takes_the_default_again_and_what_is_left_out_stays(api: Api, seen: list[Limits]) -> None:
    """A secret is unset by it."""
    for settings in ({"limit": 7, "token": "s"}, {"words": ["a"]}, {"limit": None, "token": None}):
        payload = await api.mutate("pluginConfigure", STATE, {"plugin": "limits", "settings": settings})
        assert payload["userErrors"] == []
    assert (await shown(api, "settings"))["settings"] == {
        "limit": 10,
        "words": ["a"],
        "token": {"set": False},
    }


async def test_another_process_leaves_a_plugin_alone_within_a_second(
    api: Api, application: Application, database: Database, seen: list[Limits], workspace: WorkspaceId
) -> None:
    """What it holds of the workspace is at most a second old, so that nobody has to be told."""
    now = 0.0
    elsewhere = Workspaces(database, monotonic=lambda: now)
    plugins = application.plugins
    assert plugins.calls.asked("resolve_roles", await elsewhere.get(workspace))[0].plugin == "limits"
    payload = await api.mutate("pluginDisable", STATE, {"plugin": "limits"})
    assert payload["plugin"]["enabled"] is False
    now += 1.0
    asked = plugins.calls.asked("resolve_roles", await elsewhere.get(workspace))
    assert "limits" not in {one.plugin for one in asked}
    await api.mutate("workspaceSettingsUpdate", "userErrors { message }", {"disabledPlugins": ["limits"]})
    payload = await api.mutate("pluginEnable", STATE, {"plugin": "limits"})
    assert payload["plugin"]["enabled"] is True
    now += 1.0
    assert plugins.calls.asked("resolve_roles", await elsewhere.get(workspace))[0].plugin == "limits"


async def test_settings_that_a_newer_plugin_does_not_allow_are_its_defaults(
    api: Api, application: Application, seen: list[Limits], workspace: WorkspaceId
) -> None:
    """The plugin works on; the log says why, without what was set."""
    await api.mutate("pluginConfigure", STATE, {"plugin": "limits", "settings": {"limit": 99}})

    class Stricter(Struct, frozen=True, kw_only=True):
        limit: Annotated[int, Meta(le=50)] = 5

    application.plugins.settings.declare("limits", Stricter)
    current = await application.workspaces.get(workspace)
    assert application.plugins.settings.of("limits", current) == Stricter()


async def test_another_workspace_has_settings_of_its_own(
    api: Api, asking: Asking, seen: list[Limits], other_workspace: WorkspaceId
) -> None:
    """And a reader without workspace:admin sees none at all."""
    await api.mutate("pluginConfigure", STATE, {"plugin": "limits", "settings": {"limit": 7}})
    await api.mutate("pluginDisable", STATE, {"plugin": "limits"})
    other = await shown(await asking("ADMIN", of=other_workspace), "enabled settings")
    assert (other["enabled"], other["settings"]["limit"]) == (True, 10)
    answer = await (await asking("SUPPORT")).ask("{ plugins { name } }")
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
