"""Answers that pages of other origins may read: those to visitors' tokens, and to nobody else.

Nothing here goes by cookies, so that a page gets no more than it could have asked for without a browser; but keys do
not belong in pages, and whoever tries one there finds out at once.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cdp.access.visitors.token import kid_of

_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "authorization, content-type, accept, x-purpose",
    "Access-Control-Max-Age": "7200",
}
_EXPOSED = "Retry-After, RateLimit, RateLimit-Policy, X-Request-Id"


class Crossing:
    """Lets pages elsewhere ask with visitors' tokens (CORS)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer preflights, and say of an answer that the page may read it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if "origin" not in headers:
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            # A preflight does not bring the token: which answers may be read is said with the answers.
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send)
        elif _is_visitor(headers.get("authorization", "")):
            await self._app(scope, receive, _readable(send))
        else:
            await self._app(scope, receive, send)


def _is_visitor(authorization: str) -> bool:
    scheme, _, token = authorization.partition(" ")
    return scheme.lower() == "bearer" and kid_of(token.strip()) is not None


def _readable(send: Send) -> Send:
    async def readable(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Access-Control-Allow-Origin"] = "*"
            headers["Access-Control-Expose-Headers"] = _EXPOSED
        await send(message)

    return readable
