"""The tracking HTTP API, as existing tracking clients speak it; docs/ingest.md has it for their users."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, Protocol

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cdp.access.authenticator import Authenticator
from cdp.access.peers import peer_of
from cdp.access.principals import Principal
from cdp.access.rates import Rates
from cdp.access.scopes import Scope
from cdp.errors import BadInput, TooLarge
from cdp.ingest.decode import Batch, decode_batch, decode_single, unpack
from cdp.ingest.intake import Intake, Receipt
from cdp.ingest.limits import BATCH_BYTES
from cdp.ingest.proving import Page
from cdp.model import EventType
from cdp.telemetry import stage
from cdp.web.answers import json_answer
from cdp.web.bodies import declared_size, read_body
from cdp.web.room import STRANGERS, stay_of
from cdp.web.safety import PAGE
from cdp.workspaces.cache import Workspaces

_SINGLE = {
    "identify": EventType.IDENTIFY,
    "i": EventType.IDENTIFY,
    "track": EventType.TRACK,
    "t": EventType.TRACK,
    "page": EventType.PAGE,
    "p": EventType.PAGE,
    "screen": EventType.SCREEN,
    "s": EventType.SCREEN,
    "group": EventType.GROUP,
    "g": EventType.GROUP,
    "alias": EventType.ALIAS,
    "a": EventType.ALIAS,
}
"""Addresses that take one event; the short ones are the browser SDK's."""

_BATCH = ("batch", "b")

_ADVICE = "; send smaller batches"


class TrackingParts(Protocol):
    """The parts of the application that these routes use."""

    @property
    def authenticator(self) -> Authenticator:
        """Who is asking."""

    @property
    def intake(self) -> Intake:
        """Where batches go."""

    @property
    def workspaces(self) -> Workspaces:
        """What they may send per second."""

    @property
    def rates(self) -> Rates:
        """How much of it they have sent."""


def tracking_routes(parts: TrackingParts) -> list[Route]:
    """`POST /v1/{identify,track,page,screen,group,alias,batch}`, their short forms, and the browser SDK's settings."""
    tracking = Tracking(parts.authenticator, parts.intake, parts.workspaces, parts.rates)
    # Any page may send events, unless its key says from which: the key says where they go, no cookie who sends them.
    anywhere = [
        Middleware(
            CORSMiddleware,
            allow_origins=["*"],
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"],
            max_age=7200,
        )
    ]
    routes = [
        Route(f"/v1/{name}", tracking.receiver(None), methods=["POST", "OPTIONS"], middleware=anywhere)
        for name in _BATCH
    ]
    routes += [
        Route(f"/v1/{name}", tracking.receiver(event_type), methods=["POST", "OPTIONS"], middleware=anywhere)
        for name, event_type in _SINGLE.items()
    ]
    routes.append(
        Route(
            "/v1/projects/{key}/settings",
            tracking.settings,
            methods=["GET", "OPTIONS"],
            middleware=anywhere,
        )
    )
    return routes


class Tracking:
    """Receives batches and single events."""

    def __init__(
        self, authenticator: Authenticator, intake: Intake, workspaces: Workspaces, rates: Rates
    ) -> None:
        self._authenticator = authenticator
        self._intake = intake
        self._workspaces = workspaces
        self._rates = rates

    def receiver(self, event_type: EventType | None) -> Callable[[Request], Any]:
        """The endpoint for one event of this type, or for a batch (None)."""

        async def receive(request: Request) -> Response:
            if request.method == "OPTIONS":
                return Response(status_code=204, headers={"Allow": "POST, OPTIONS"})
            return json_answer(_report(await self._receive(request, event_type)))

        return receive

    async def settings(self, request: Request) -> Response:
        """What the browser SDK asks for before it sends anything: where to send to, and that nothing else is installed.

        Raises:
            Unauthenticated: the key is not one.
        """
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": "GET, OPTIONS"})
        key = request.path_params["key"]
        peer = peer_of(request)
        principal = await self._authenticator.authenticate(key, peer)
        principal.require(Scope.EVENTS_WRITE)
        if principal.origins:
            request.scope[PAGE] = peer.origin
        return json_answer(browser_settings(key, request.url.scheme, request.url.netloc))

    async def _receive(self, request: Request, event_type: EventType | None) -> Receipt:
        key = _key(request)
        if key is None:
            # It must be in the body, which has to be understood first; nobody's mistakes are kept.
            if (stay := stay_of(request.scope)) is not None:
                stay.belong_to(STRANGERS)
            batch = _decode(request, await read_body(request, BATCH_BYTES, advice=_ADVICE), event_type)
            principal = await self._admit(request, batch.write_key)
            with self._intake.admitting(principal.workspace_id):
                return await self._take(request, principal, batch)
        # Whoever has sent too much is told so before the body is read.
        principal = await self._admit(request, key)
        if (stay := stay_of(request.scope)) is not None:
            stay.expect(declared_size(request, BATCH_BYTES, advice=_ADVICE))
        with self._intake.admitting(principal.workspace_id):
            body = await read_body(request, BATCH_BYTES, advice=_ADVICE)
            try:
                batch = _decode(request, body, event_type)
            except TooLarge:
                raise
            except BadInput as error:
                await self._intake.keep_body(principal.workspace_id, body, error)
                raise
            return await self._take(request, principal, batch)

    async def _admit(self, request: Request, key: str | None) -> Principal:
        """Who sends, if there is room for it and its rate allows it.

        Raises:
            Unauthenticated: the key is not one.
            Forbidden: it may not send events.
            Unavailable: its workspace has as much under way as it may.
            RateLimited: it asks too often.
        """
        peer = peer_of(request)
        principal = await self._authenticator.authenticate(key, peer)
        principal.require(Scope.EVENTS_WRITE)
        workspace_id = principal.workspace_id
        if principal.origins:
            request.scope[PAGE] = peer.origin
        if (stay := stay_of(request.scope)) is not None:
            stay.belong_to(workspace_id)
        limits = (await self._workspaces.get(workspace_id)).limits
        self._rates.request(principal, limits, request.scope, address=peer.address)
        return principal

    async def _take(self, request: Request, principal: Principal, batch: Batch) -> Receipt:
        workspace_id = principal.workspace_id
        limits = (await self._workspaces.get(workspace_id)).limits
        address = request.client.host if request.client is not None else None
        self._rates.events(principal, limits, len(batch.items), request.scope, address=address)
        page = Page(request.headers.get("x-visitor-token")) if principal.publishable else None
        return await self._intake.take(workspace_id, batch, page=page)


def browser_settings(key: str, scheme: str, host: str) -> dict[str, Any]:
    """The settings document of @segment/analytics-next: its own delivery to this server, and no other integration."""
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": key,
                "apiHost": f"{host}/v1",
                "protocol": scheme,
                "addBundledMetadata": True,
                "unbundledIntegrations": [],
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
            }
        },
        "plan": {},
        "analyticsNextEnabled": True,
        "edgeFunction": {},
        "enabledMiddleware": {},
        "middlewareSettings": {},
        "remotePlugins": [],
        "legacyVideoPluginsEnabled": False,
        # Nothing about the visitor's browser goes to the SDK's maker.
        "metrics": {"sampleRate": 0},
    }


def _decode(request: Request, body: bytes, event_type: EventType | None) -> Batch:
    """Raises Unavailable where there is no room for what the body unpacks to, besides what is wrong with it."""
    with stage("ingest.decode"):
        text = unpack(body)
        if len(text) > len(body) and (stay := stay_of(request.scope)) is not None:
            stay.grow(len(text) - len(body))
        return decode_batch(text) if event_type is None else decode_single(text, event_type)


def _report(receipt: Receipt) -> dict[str, Any]:
    report: dict[str, Any] = {
        "success": True,
        "accepted": receipt.stored + receipt.duplicates,
        "refused": receipt.refused,
    }
    if receipt.remarks:
        report["warnings"] = receipt.remarks
    return report


def _key(request: Request) -> str | None:
    """The key in the headers: the user name of Basic auth, a Bearer token, or `X-Write-Key`."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "basic":
            try:
                name = base64.b64decode(credentials.strip(), validate=True).decode("utf-8").partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                name = ""
            if name:
                return name
        case "bearer":
            if credentials.strip():
                return credentials.strip()
    return request.headers.get("x-write-key") or None
