"""For those who operate it: is the process alive, can it do its work, and what has it done?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import asyncpg
import structlog
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cdp.db import migrate
from cdp.db.pool import Database
from cdp.db.queries import load_queries
from cdp.errors import DiptychError
from cdp.web.answers import json_answer
from cdp.web.metrics import CONTENT_TYPE, Metrics

queries = load_queries("cdp.web", "health.sql")
log = structlog.get_logger(__name__)

WORKER_LAG = timedelta(minutes=1)
"""Roles and enrichment that are so much behind are worth a warning."""

_PATIENCE = 3.0
"""Seconds until a database that does not answer counts as away."""


class Check(Struct, frozen=True, kw_only=True):
    """One thing that must hold, and why it does not."""

    ok: bool
    reason: str | None = None


class HealthParts(Protocol):
    """The parts of the application that these routes use."""

    @property
    def database(self) -> Database:
        """What must answer."""

    @property
    def metrics(self) -> Metrics:
        """What was counted."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """Now."""


def health_routes(parts: HealthParts) -> list[Route]:
    """`/healthz`, `/readyz` and `/metrics`."""

    async def healthz(_request: Request) -> Response:
        return json_answer({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        checks = await _checks(parts.database, parts.clock())
        # A worker that lags makes roles stale; it is no reason to take the server, which is well, out of service.
        ready = checks["database"].ok and checks["migrations"].ok
        status = (
            "ready" if all(check.ok for check in checks.values()) else "degraded" if ready else "unavailable"
        )
        return json_answer(
            {"status": status, "checks": checks},
            status=200 if ready else 503,
            headers={"Cache-Control": "no-store"}
            if ready
            else {"Cache-Control": "no-store", "Retry-After": "1"},
        )

    async def metrics(_request: Request) -> Response:
        return Response(parts.metrics.page(), headers={"Content-Type": CONTENT_TYPE})

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]


async def _checks(database: Database, now: datetime) -> dict[str, Check]:
    try:
        async with asyncio.timeout(_PATIENCE), database.unbound() as connection:
            pending = await migrate.pending(connection)
            oldest = await connection.fetchval(queries.oldest_settlement) if not pending else None
    except DiptychError as error:
        # What it says may name the place where the database lives, and anybody may ask here.
        log.warning("not_ready", reason=error.message)
        return _away("The database cannot be reached; the log says why.")
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return _away(f"The database cannot be used ({type(error).__name__}).")
    except TimeoutError:
        return _away(f"The database does not answer within {_PATIENCE:.0f} seconds.")
    return {
        "database": Check(ok=True),
        "migrations": Check(
            ok=not pending,
            reason=f"{len(pending)} migrations are missing; run `cdp migrate`." if pending else None,
        ),
        "worker": _worker(oldest, now),
    }


def _away(reason: str) -> dict[str, Check]:
    unknown = Check(ok=False, reason="The database is away, so that nobody can tell.")
    return {"database": Check(ok=False, reason=reason), "migrations": unknown, "worker": unknown}


def _worker(oldest: datetime | None, now: datetime) -> Check:
    if oldest is None or now - oldest <= WORKER_LAG:
        return Check(ok=True)
    seconds = (now - oldest).total_seconds()
    return Check(
        ok=False, reason=f"Profiles wait to be settled for {seconds:,.0f} seconds; is a worker running?"
    )
