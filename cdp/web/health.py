"""For those who operate it: is the process alive, can it do its work, and what has it done?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hmac import compare_digest
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cdp.db.pool import Database
from cdp.errors import Unauthenticated
from cdp.settings import Settings
from cdp.web.answers import error_answer, json_answer
from cdp.web.exposition import CONTENT_TYPE, merged, page
from cdp.web.figures import DatabaseFigures
from cdp.web.metrics import Metrics
from cdp.web.readiness import Check, Readiness
from cdp.web.siblings import Seat, ask_others


class HealthParts(Protocol):
    """The parts of the application that these routes use."""

    @property
    def database(self) -> Database:
        """What must answer."""

    @property
    def metrics(self) -> Metrics:
        """What was counted."""

    @property
    def settings(self) -> Settings:
        """Who may read what was counted."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """Now."""


def health_routes(parts: HealthParts, seat: Seat | None = None) -> list[Route]:
    """`/healthz`, `/readyz` and `/metrics`; `seat` is this process's place among those that share its port."""
    readiness = Readiness(parts.database, parts.metrics, parts.clock)
    figures = DatabaseFigures(parts.database, parts.clock)

    async def healthz(_request: Request) -> Response:
        return json_answer({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        checks = await readiness.checks()
        ready = all(check.ok for check in checks.values() if check.fatal)
        headers = {"Cache-Control": "no-store"}
        return json_answer(
            {"status": _status(checks, ready=ready), "checks": _shown(checks)},
            status=200 if ready else 503,
            headers=headers if ready else headers | {"Retry-After": "1"},
        )

    async def metrics(request: Request) -> Response:
        if not _may_read(request, parts.settings.metrics_token):
            return error_answer(Unauthenticated("Send the token of CDP_METRICS_TOKEN as a Bearer token."))
        own = parts.metrics.families()
        if seat is not None:
            own = merged([(str(seat.number), own), *await ask_others(seat)])
        return Response(page([*own, *await figures.families()]), headers={"Content-Type": CONTENT_TYPE})

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


def _may_read(request: Request, token: str | None) -> bool:
    """Whether no token is needed, or this is it; how long the answer takes does not tell how much of it is right."""
    if token is None:
        return True
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and compare_digest(given.strip().encode(), token.encode())


def _status(checks: dict[str, Check], *, ready: bool) -> str:
    if not ready:
        return "unavailable"
    return "ready" if all(check.ok for check in checks.values()) else "degraded"


def _shown(checks: dict[str, Check]) -> dict[str, dict[str, object]]:
    return {
        name: {"ok": check.ok} | ({"reason": check.reason} if check.reason is not None else {})
        for name, check in checks.items()
    }
