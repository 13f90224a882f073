"""What every request has: an id, a line in the log, a duration in the metrics, an answer, and safe headers.

Nothing of a request's content is logged: no body, no query, no key, and of the path only the route that it took.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cdp.access.rates import headers as rate_headers
from cdp.telemetry import Watch, described, watched_by
from cdp.telemetry.tracing import Request, Traces
from cdp.web.answers import json_answer
from cdp.web.metrics import Metrics
from cdp.web.safety import with_safety

log = structlog.get_logger("cdp.access_log")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
BODY_SECONDS = 30.0
"""In which a request's body must have arrived; who sends a byte now and then would hold it open for ever."""

STREAMS_SINCE = "diptych.streams_since"
"""Key in the scope of a request, of when a response began whose end is not in sight (time.perf_counter)."""

_METHODS = frozenset({"GET", "POST", "OPTIONS", "HEAD", "PUT", "PATCH", "DELETE"})


def middleware(metrics: Metrics, traces: Traces | None = None) -> list[Middleware]:
    """The layers around every route."""
    return [Middleware(Requests, metrics=metrics, traces=traces)]


class Requests:
    """Names each request, logs, measures and traces it, and answers 500 to what nobody expected."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, traces: Traces | None = None) -> None:
        self._app = app
        self._metrics = metrics
        self._traces = traces
        self._watch = Watch(metrics, traces)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or one socket for as long as it is open."""
        if scope["type"] != "http":
            await self._socket(scope, receive, send)
            return
        request_id = _request_id(scope)
        started = time.perf_counter()
        status = 0
        body = _Body(receive)

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *with_safety(scope, message["headers"]),
                    *rate_headers(scope),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        self._metrics.asked()
        with self._named(scope, request_id) as traced, watched_by(self._watch):
            try:
                await self._app(scope, body.receive, note)
            except ClientDisconnect:
                if body.late and not status:
                    await _TOO_SLOW(scope, receive, note)
                status = status or 499
            except Exception as error:
                log.error(  # noqa: TRY400 - a traceback quotes values, and they may be personal data
                    "request_failed",
                    **described(error),
                )
                if status:
                    raise
                await _internal_error(request_id)(scope, receive, note)
            finally:
                # Of a stream what counts is how long it took to begin.
                seconds = scope.get(STREAMS_SINCE, time.perf_counter()) - started
                route = getattr(scope.get("route"), "path", "none")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._metrics.answered(route, method, status, seconds)
                if traced is not None:
                    traced.answered(route, method, status)
                log.info(
                    "request",
                    method=method,
                    route=route,
                    status=status,
                    milliseconds=round(seconds * 1000, 1),
                )

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        with (
            structlog.contextvars.bound_contextvars(request_id=_request_id(scope)),
            watched_by(self._watch),
        ):
            try:
                await self._app(scope, receive, send)
            finally:
                route = getattr(scope.get("route"), "path", "none")
                log.info("socket", route=route, seconds=round(time.perf_counter() - began, 1))

    @contextmanager
    def _named(self, scope: Scope, request_id: str) -> Iterator[Request | None]:
        """Put the request's id, and that of its trace, into every line that is logged for it."""
        if self._traces is None:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                yield None
            return
        method = scope["method"] if scope["method"] in _METHODS else "other"
        with (
            self._traces.request(scope["headers"], method, request_id) as traced,
            structlog.contextvars.bound_contextvars(request_id=request_id, trace_id=traced.trace_id),
        ):
            yield traced


class _Body:
    """The way in of one request; a body that is late counts as a client that went away."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._arriving = True
        self._until = asyncio.get_running_loop().time() + BODY_SECONDS
        self.late = False

    async def receive(self) -> Message:
        if not self._arriving:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            self.late = True
            return {"type": "http.disconnect"}
        self._arriving = bool(message.get("more_body", False))
        return message


_TOO_SLOW = json_answer(
    {"code": "TOO_SLOW", "message": f"The body did not arrive within {BODY_SECONDS:.0f} seconds."},
    status=408,
    headers={"Connection": "close"},
)


def _request_id(scope: Scope) -> str:
    """The caller's own id if it sent a sane one, so that its log and ours can be joined."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return uuid.uuid4().hex


def _internal_error(request_id: str) -> ASGIApp:
    return json_answer(
        {
            "code": "INTERNAL",
            "message": f"Something is wrong with this server; its log says what under {request_id}.",
        },
        status=500,
    )
