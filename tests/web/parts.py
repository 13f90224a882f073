"""The routes of this room on given parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.applications import Starlette

from cdp.access.keys import Authenticator
from cdp.db.pool import Database
from cdp.ingest.intake import Intake
from cdp.web.errors import exception_handlers
from cdp.web.health import health_routes
from cdp.web.metrics import Metrics
from cdp.web.middleware import middleware
from cdp.web.tracking import tracking_routes


@dataclass(frozen=True, kw_only=True)
class Parts:
    database: Database
    authenticator: Authenticator
    intake: Intake
    metrics: Metrics
    clock: Callable[[], datetime]


def app_of(parts: Parts) -> Starlette:
    return Starlette(
        routes=[*tracking_routes(parts), *health_routes(parts)],
        middleware=middleware(parts.metrics),
        exception_handlers=exception_handlers(),
    )
