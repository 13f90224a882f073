"""Routes of plugins: who may ask, what they are given, what becomes of their answers and their faults."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from msgspec import Struct
from standardwebhooks import Webhook

import diptych_next_step
from cdp.access.keys import create_key
from cdp.app import Application, create_asgi
from cdp.errors import BadInput, Misconfigured
from cdp.hooks import hookimpl
from cdp.hooks.manager import Plugins
from cdp.model import (
    EventType,
    KeyAuth,
    NewEvent,
    PublicAuth,
    Route,
    RouteAnswer,
    RouteRequest,
    Secret,
    WebhookAuth,
    WorkspaceId,
)
from cdp.model.ids import encode_id
from cdp.settings import Settings
from cdp.web.plugged import plugged_routes

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Answering:
    """A plugin whose routes answer with what a test says."""

    asked: list[RouteRequest] = field(default_factory=list)
    answer: Any = None

    @hookimpl
    def register_routes(self) -> list[Route]:
        """One of each kind."""
        common: dict[str, Any] = {"description": "For tests.", "handle": self.handle}
        return [
            Route(method="GET", path="open/{name}", auth=PublicAuth(), **common),
            Route(
                method="PUT",
                path="report/{name}",
                auth=KeyAuth(scopes=frozenset({"profiles:read", "usage:read"})),
                body_bytes=20,
                **common,
            ),
            Route(method="POST", path="news", auth=KeyAuth(scopes=frozenset()), ingests=True, **common),
        ]

    async def handle(self, request: RouteRequest) -> Any:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(request) if callable(self.answer) else self.answer


@dataclass
class Site:
    """An application with two plugins, over HTTP."""

    application: Application
    client: httpx.AsyncClient
    keys: dict[str, str]
    workspace: str
    plugin: Answering

    async def ask(self, method: str, path: str, *, role: str | None = None, **more: Any) -> httpx.Response:
        headers = {
            **more.pop("headers", {}),
            **({"Authorization": f"Bearer {self.keys[role]}"} if role else {}),
        }
        return await self.client.request(method, path, headers=headers, **more)

    async def graphql(self, document: str, **variables: Any) -> Any:
        body = {"query": document, "variables": variables}
        answer = (await self.ask("POST", "/graphql", role="ADMIN", json=body)).json()
        assert "errors" not in answer, answer
        return answer["data"]


@pytest.fixture
async def site(database_url: str, workspace: WorkspaceId) -> AsyncIterator[Site]:
    plugin, plugins = Answering(), Plugins(deadline=0.5, failures_to_open=100)
    plugins.register(plugin, name="answering")
    plugins.register(diptych_next_step, name="diptych_next_step")
    assert plugins.left_out() == frozenset()
    settings = Settings(database_url=database_url, pool_size=2, flush_delay_ms=0.1)
    async with (
        Application.open(settings, plugins=plugins) as application,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=create_asgi(application)), base_url="http://site"
        ) as client,
    ):
        keys = {
            role: await create_key(application.database, workspace, role, role)
            for role in ("ADMIN", "SALES", "MARKETING", "INGEST")
        }
        yield Site(application, client, keys, encode_id("Workspace", workspace), plugin)


async def test_a_public_route_is_for_anybody_and_is_given_no_keys(site: Site) -> None:
    """Of the request what a plugin may know; the address names the workspace."""
    site.plugin.answer = RouteAnswer(json={"hello": "you"}, headers={"Cache-Control": "no-store"})
    address = f"/plugins/answering/{site.workspace}/open/door"
    answer = await site.ask(
        "GET", f"{address}?a=1&a=2", role="SALES", headers={"Cookie": "c=1", "X-Own": "x"}
    )
    assert (answer.status_code, answer.json()) == (200, {"hello": "you"})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    (request,) = site.plugin.asked
    assert (request.path, request.query, request.scopes) == ({"name": "door"}, {"a": "2"}, frozenset())
    assert request.headers["x-own"] == "x"
    assert not {"authorization", "cookie"} & request.headers.keys()
    for unknown in (encode_id("Workspace", 999), encode_id("Profile", 1), "x"):
        assert (await site.ask("GET", f"/plugins/answering/{unknown}/open/door")).status_code == 404


async def test_a_route_with_a_key_takes_all_its_scopes(site: Site) -> None:
    address = "/plugins/answering/report/weekly"
    site.plugin.answer = lambda request: RouteAnswer(
        status=201, body=request.body.upper(), media_type="text/plain"
    )
    statuses = {
        role: (await site.ask("PUT", address, role=role, content=b"figures")).status_code
        for role in (None, "INGEST", "SALES", "MARKETING")
    }
    assert statuses == {None: 401, "INGEST": 403, "SALES": 403, "MARKETING": 201}
    answer = await site.ask("PUT", address, role="MARKETING", content=b"figures")
    assert (answer.content, answer.headers["content-type"]) == (b"FIGURES", "text/plain; charset=utf-8")
    assert site.plugin.asked[-1].scopes == {"profiles:read", "intent:read", "usage:read"}
    assert (await site.ask("GET", address, role="MARKETING")).status_code == 405
    assert (await site.ask("PUT", address, role="MARKETING", content=b"x" * 21)).status_code == 413

    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 10

    assert (await site.ask("PUT", address, role="MARKETING", content=in_pieces())).status_code == 413


async def test_what_a_plugin_may_not_answer_is_its_failure(site: Site) -> None:
    """Nothing of it gets out; what it has to say to whoever asks does."""
    track = NewEvent(type=EventType.TRACK, message_id="a", user_id="b", event="Not Announced")
    for answer, status, code in (
        (BadInput("Say who."), 400, "BAD_USER_INPUT"),
        (RouteAnswer(status=99), 502, "PLUGIN_FAILED"),
        (RouteAnswer(headers={"X-Split": "a\r\nSet-Cookie: b"}), 502, "PLUGIN_FAILED"),
        (RouteAnswer(json=object()), 502, "PLUGIN_FAILED"),
        ("a secret", 502, "PLUGIN_FAILED"),
        (ValueError("a secret"), 502, "PLUGIN_FAILED"),
        (RouteAnswer(events=(track,)), 502, "PLUGIN_FAILED"),
    ):
        site.plugin.answer = answer
        found = await site.ask("GET", f"/plugins/answering/{site.workspace}/open/door")
        assert (found.status_code, found.json()["code"]) == (status, code)
        assert "secret" not in found.text
    assert (await site.graphql("{ profiles { totalCount } }"))["profiles"]["totalCount"] == 0


async def test_a_route_that_ingests_takes_a_key_that_may_and_answers_once_events_are_stored(
    site: Site,
) -> None:
    """An event that is refused is kept, as anybody's is, and the answer stands."""
    site.plugin.answer = RouteAnswer(
        status=202,
        events=(
            NewEvent(
                type=EventType.TRACK, message_id="m-1", user_id="ann", event="Called", properties={"a": 1}
            ),
            NewEvent(type=EventType.TRACK, message_id="m-2", event="By nobody"),
        ),
    )
    assert (await site.ask("POST", "/plugins/answering/news", role="SALES")).status_code == 403
    for _ in range(2):
        answer = await site.ask("POST", "/plugins/answering/news", role="INGEST")
        assert (answer.status_code, answer.content) == (202, b"")
    data = await site.graphql("""{ profiles { nodes { timeline { nodes { name properties source } } } }
      refusedEvents { nodes { code source } } }""")
    assert data["profiles"]["nodes"] == [
        {"timeline": {"nodes": [{"name": "Called", "properties": {"a": 1}, "source": "plugin:answering"}]}}
    ]
    assert {one["source"] for one in data["refusedEvents"]["nodes"]} == {"plugin:answering"}


async def test_the_crms_webhook_is_taken_only_as_it_was_signed(site: Site) -> None:
    """By the workspace's own secret, lately, and to the byte; sent again it counts once."""
    address = f"/plugins/diptych_next_step/{site.workspace}/crm"
    news = {
        "contact": {"user_id": "ann", "email": "ann@works.example"},
        "company": {"id": "w", "owner": "Olga"},
    }
    body = json.dumps({**news, "event": "Contract Signed", "properties": {"total": "10"}})
    good = signed(body)
    assert (await site.ask("POST", address, content=body, headers=good)).status_code == 401, (
        "no secret is set"
    )
    configure = (
        "mutation ($in: PluginConfigureInput!) { pluginConfigure(input: $in) { userErrors { message } } }"
    )
    await site.graphql(
        configure, **{"in": {"plugin": "diptych_next_step", "settings": {"crm_secret": SECRET}}}
    )
    assert (await site.graphql("{ workspace { id } }"))["workspace"]["id"] == site.workspace
    long_ago = datetime.now(UTC) - timedelta(minutes=6)
    wrong = (
        {},
        signed(body + " "),
        signed(body, at=long_ago),
        signed(body, secret="whsec_" + "A" * 32),
        {**good, "webhook-signature": "v1"},
        {**good, "webhook-id": "another"},
    )
    for headers in wrong:
        assert (await site.ask("POST", address, content=body, headers=headers)).status_code == 401
    for _ in range(2):
        answer = await site.ask("POST", address, content=body, headers=good)
        assert (answer.status_code, answer.json()) == (202, {"events": 3})
    found = await site.graphql("""{ profiles { nodes { displayName timeline { totalCount }
      memberships { nodes { account { groupId owner } } } } } }""")
    account = {"groupId": "w", "owner": "Olga"}
    assert found["profiles"]["nodes"] == [
        {
            "displayName": "ann@works.example",
            "timeline": {"totalCount": 3},
            "memberships": {"nodes": [{"account": account}]},
        }
    ]
    bad = json.dumps({"contact": {}})
    answer = await site.ask("POST", address, content=bad, headers=signed(bad))
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "The body cannot be read: Object missing required field `user_id` - at `$.contact`.",
    )


async def test_a_workspace_that_turns_the_plugin_off_has_nothing_at_its_addresses(site: Site) -> None:
    address = f"/plugins/diptych_next_step/{site.workspace}/actions"
    answer = await site.ask("GET", address)
    assert answer.json()["actions"]["WIN_BACK"] == "Win back"
    await site.graphql(
        'mutation { pluginDisable(input: { plugin: "diptych_next_step" }) { userErrors { message } } }'
    )
    answer = await site.ask("GET", address)
    assert (answer.status_code, answer.json()["code"]) == (404, "PLUGIN_DISABLED")


class NoSecret(Struct, frozen=True):
    token: Secret | None = None


@pytest.mark.parametrize(
    ("routes", "why"),
    [
        ([{"path": "/hook"}], "'/hook' cannot be a route"),
        ([{"path": "a/../b"}], "'a/../b' cannot be a route"),
        ([{"path": "a/{x}/b"}, {"path": "a/{y}/b"}], "it has two routes GET a/{y}/b."),
        ([{"description": ""}], "hook has no description."),
        ([{"body_bytes": 2_000_000}], "takes 2,000,000 bytes"),
        ([{"handle": lambda app: RouteAnswer()}], "wants an argument 'app'"),
    ],
)
def test_a_route_that_is_not_fit_leaves_the_plugin_out(routes: list[dict[str, Any]], why: str) -> None:
    assert why in str(loaded(*routes).health()[0].error)


def test_a_route_that_no_setting_can_sign_stops_the_start() -> None:
    plugins = loaded({"auth": WebhookAuth(secret="crm_secret")})
    with pytest.raises(Misconfigured, match="The route hook of the plugin odd is signed by 'crm_secret'"):
        plugged_routes(type("Parts", (), {"plugins": plugins})())


def loaded(*routes: dict[str, Any]) -> Plugins:
    given = {
        "method": "GET",
        "path": "hook",
        "description": "One.",
        "auth": PublicAuth(),
        "handle": lambda request: RouteAnswer(),
    }
    plugin = type("Odd", (), {})()
    plugin.register_routes = hookimpl(lambda: [Route(**(given | one)) for one in routes])
    plugin.register_settings = hookimpl(lambda: NoSecret)
    plugins = Plugins()
    plugins.register(plugin, name="odd")
    return plugins


def signed(body: str, *, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    """The headers of a delivery."""
    # The library signs moments as if they had no zone.
    moment = (at or datetime.now(UTC)).replace(microsecond=0)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", moment, body),
    }
