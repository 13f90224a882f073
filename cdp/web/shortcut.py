"""The way of the request that nearly all are: an event or a batch from a server, by POST, with its key in a header.

A Starlette application looks for the route among all, and each request passes five layers that have nothing to do for
it. Half of the time that one event takes outside of the database went there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cdp.errors import DiptychError
from cdp.web.errors import on_purpose


class Shortcut:
    """Takes POST requests that no web page sent straight to the endpoints of `routes`; the others go on to the app."""

    def __init__(self, app: ASGIApp, *, routes: Sequence[Route]) -> None:
        self._app = app
        self._routes: Mapping[str, Route] = {
            route.path: route for route in routes if "POST" in (route.methods or ())
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        route = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if route is None or scope["method"] != "POST" or _has_origin(scope):
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive)
        try:
            response = await route.endpoint(request)
        except DiptychError as error:
            response = await on_purpose(request, error)
        await response(scope, receive, send)


def _has_origin(scope: Scope) -> bool:
    return any(name == b"origin" for name, _ in scope["headers"])
