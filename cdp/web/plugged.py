"""Routes of plugins: `/plugins/<plugin>/…`, with a key; `/plugins/<plugin>/<workspace>/…`, signed or for anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

import structlog
from msgspec import Struct
from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute

from cdp.access.authenticator import Authenticator
from cdp.access.peers import peer_of
from cdp.access.principals import Principal, PrincipalKind
from cdp.access.rates import Rates
from cdp.access.scopes import KeyRole
from cdp.errors import BadInput, Forbidden, Misconfigured, NotFound, Unauthenticated
from cdp.hooks.extending import Told, implementation, route_answer
from cdp.hooks.implementation import Implementation
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Failed
from cdp.ingest.contributed import take_contributed
from cdp.ingest.intake import Intake
from cdp.ingest.proving import Page
from cdp.model import (
    KeyAuth,
    Route,
    RouteAnswer,
    RouteRequest,
    Secret,
    WebhookAuth,
    Workspace,
    WorkspaceId,
)
from cdp.model.ids import decode_id_of
from cdp.web.answers import json_answer
from cdp.web.bodies import read_body
from cdp.workspaces.cache import Workspaces

log = structlog.get_logger(__name__)

_WORKSPACE = "_workspace"
"""Where the workspace's id stands in the path; no plugin's own part can be called so."""

_NOT_SIGNED = "The signature is missing, too old, or not by the secret that the workspace has set."
_UNTOLD = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key", "x-write-key"})
"""Headers that plugins are not given, besides those of signatures."""

STRANGERS = 4
"""Requests without a key that look for their workspace at once."""


class PluggedParts(Protocol):
    """The parts of the application that these routes use."""

    @property
    def plugins(self) -> Plugins:
        """Whose routes they are."""

    @property
    def authenticator(self) -> Authenticator:
        """Who a key belongs to."""

    @property
    def workspaces(self) -> Workspaces:
        """What they have set."""

    @property
    def rates(self) -> Rates:
        """How much they have asked lately."""

    @property
    def intake(self) -> Intake:
        """Where contributed events go."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """The current time, UTC."""


def plugged_routes(parts: PluggedParts) -> list[HttpRoute]:
    """The routes that the plugins of an application registered.

    Raises:
        Misconfigured: one is signed by a secret that the plugin's settings do not have.
    """
    door = asyncio.Semaphore(STRANGERS)
    routes = []
    for plugin, route in parts.plugins.registered("register_routes"):
        _check_secret(parts.plugins, plugin, route)
        function = implementation(plugin, "register_routes", route.handle)
        plugged = Plugged(parts, plugin, route, function, door)
        within = "" if isinstance(route.auth, KeyAuth) else f"{{{_WORKSPACE}}}/"
        path = f"/plugins/{plugin}/{within}{route.path}"
        routes.append(HttpRoute(path, plugged.answer, methods=[route.method]))
    # Those that need no workspace first: `{_workspace}` stands for anything.
    return sorted(routes, key=lambda one: _WORKSPACE in one.path)


class _Asked(Struct, frozen=True):
    """Who asks, on behalf of which workspace."""

    principal: Principal
    workspace: Workspace
    delivery: str | None = None


class Plugged:
    """One route of one plugin."""

    def __init__(
        self,
        parts: PluggedParts,
        plugin: str,
        route: Route,
        function: Implementation,
        door: asyncio.Semaphore,
    ) -> None:
        self._parts = parts
        self._plugin = plugin
        self._route = route
        self._function = function
        self._check = route_answer(route)
        self._door = door

    async def answer(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            DiptychError: it may not be asked, is too large, or the plugin has something to say to whoever asks.
        """
        asked = await self._admitted(request)
        address = request.client.host if request.client is not None else None
        self._parts.rates.request(asked.principal, asked.workspace.limits, request.scope, address=address)
        body = await read_body(request, self._route.body_bytes)
        if isinstance(self._route.auth, WebhookAuth):
            asked = self._verified(self._route.auth, request, body, asked)
        given = RouteRequest(
            method=request.method,
            path={name: value for name, value in request.path_params.items() if name != _WORKSPACE},
            query=dict(request.query_params),
            headers=_told(request.headers),
            body=body,
            delivery=asked.delivery,
            scopes=frozenset(map(str, asked.principal.scopes)),
            as_of=self._parts.clock(),
        )
        outcome = await self._parts.plugins.calls.one(
            self._function, given, self._check, workspace=asked.workspace
        )
        if isinstance(outcome, Failed):
            message = f"The plugin {self._plugin} failed to answer."
            return json_answer({"code": "PLUGIN_FAILED", "message": message}, status=502)
        if isinstance(outcome.value, Told):
            raise outcome.value.error
        answer: RouteAnswer = outcome.value
        if answer.events:
            await self._take(answer, asked, given.as_of)
        return _response(answer)

    async def _admitted(self, request: Request) -> _Asked:
        """Who asks; a signature is looked at once the body is there.

        Raises:
            Unauthenticated: the key is missing, or not one.
            Forbidden: it lacks a scope.
            NotFound: there is no such workspace, or the plugin is off there.
        """
        auth = self._route.auth
        if isinstance(auth, KeyAuth):
            principal = await self._parts.authenticator.authenticate(_key_of(request), peer_of(request))
            if principal.kind is PrincipalKind.VISITOR:
                raise Forbidden("A visitor token opens no routes of plugins.")
            for scope in sorted(auth.scopes | ({"events:write"} if self._route.ingests else frozenset())):
                principal.require(scope)
            workspace = await self._parts.workspaces.get(principal.workspace_id)
        else:
            workspace = await self._named(request.path_params[_WORKSPACE])
            principal = _stranger(workspace.workspace_id, self._plugin)
        if self._parts.plugins.calls.is_off(self._plugin, workspace):
            raise NotFound(
                f"The plugin {self._plugin} is turned off in this workspace.", code="PLUGIN_DISABLED"
            )
        return _Asked(principal, workspace)

    async def _named(self, given: str) -> Workspace:
        """The workspace of an id.

        Raises:
            NotFound: there is none.
        """
        try:
            workspace_id = WorkspaceId(decode_id_of("Workspace", given))
        except BadInput:
            raise NotFound("There is nothing at this address.") from None
        async with self._door:
            return await self._parts.workspaces.get(workspace_id)

    def _verified(self, auth: WebhookAuth, request: Request, body: bytes, asked: _Asked) -> _Asked:
        """The same with the id of the delivery, once its signature is good.

        Raises:
            Unauthenticated: it is not, or the workspace has set no secret.
        """
        settings = self._parts.plugins.settings.of(self._plugin, asked.workspace)
        secret = getattr(settings, auth.secret)
        if not isinstance(secret, Secret):
            raise Unauthenticated(_NOT_SIGNED)
        try:
            Webhook(secret.reveal()).verify(body, dict(request.headers), json_parse=False)
        except (WebhookVerificationError, EmptyWebhookSecretError, ValueError):
            raise Unauthenticated(_NOT_SIGNED) from None
        return _Asked(asked.principal, asked.workspace, request.headers["webhook-id"])

    def _asked_by_anybody(self, principal: Principal) -> bool:
        """Whether what the plugin was told is the word of a page; a delivery that is signed is the sender's."""
        return principal.publishable and not isinstance(self._route.auth, WebhookAuth)

    async def _take(self, answer: RouteAnswer, asked: _Asked, now: datetime) -> None:
        """Take in what it contributes; what is refused is kept with its reason, and the answer stands.

        Raises:
            RateLimited: whoever asks sends too much.
            Unavailable: come again; what was stored counts once.
        """
        workspace = asked.workspace
        self._parts.rates.events(asked.principal, workspace.limits, len(answer.events))
        receipt = await take_contributed(
            self._parts.intake,
            workspace.workspace_id,
            self._plugin,
            answer.events,
            now=now,
            page=Page() if self._asked_by_anybody(asked.principal) else None,
        )
        if receipt.refused:
            codes = sorted({one.code for one in receipt.refused})
            log.warning("plugin_events_refused", plugin=self._plugin, times=len(receipt.refused), codes=codes)


def _check_secret(plugins: Plugins, plugin: str, route: Route) -> None:
    if isinstance(route.auth, WebhookAuth):
        declared: Mapping[str, Any] = (plugins.settings.schema(plugin) or {}).get("properties", {})
        if route.auth.secret not in declared:
            raise Misconfigured(
                f"The route {route.path} of the plugin {plugin} is signed by {route.auth.secret!r}, "
                "which its settings do not have."
            )


def _stranger(workspace_id: WorkspaceId, plugin: str) -> Principal:
    """Who has no key, for the rates: all of one workspace are one."""
    return Principal(
        workspace_id=workspace_id,
        kind=PrincipalKind.PLUGIN,
        subject=f"plugin:{plugin}",
        key_id=-int(workspace_id),
        name="stranger",
        role=KeyRole.INGEST.value,
        scopes=frozenset(),
        publishable=True,
    )


def _key_of(request: Request) -> str | None:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return request.headers.get("x-api-key")


def _told(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name not in _UNTOLD and not name.startswith("webhook-")
    }


def _response(answer: RouteAnswer) -> Response:
    headers = {"X-Content-Type-Options": "nosniff", **answer.headers}
    media_type = answer.media_type if answer.body else None
    return Response(answer.body or b"", status_code=answer.status, headers=headers, media_type=media_type)
