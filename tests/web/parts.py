"""The routes of this room on given parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from starlette.applications import Starlette
from starlette.middleware import Middleware

from cdp.access.authenticator import Authenticator
from cdp.access.rates import Rates
from cdp.db.pool import Database
from cdp.ingest.intake import Intake
from cdp.model import Limits
from cdp.settings import Settings
from cdp.web.errors import exception_handlers
from cdp.web.health import health_routes
from cdp.web.metrics import Metrics
from cdp.web.middleware import middleware
from cdp.web.room import Doorkeeper, Room
from cdp.web.tracking import tracking_routes
from cdp.workspaces.cache import Workspaces


@dataclass(frozen=True, kw_only=True)
class Parts:
    database: Database
    authenticator: Authenticator
    intake: Intake
    metrics: Metrics
    clock: Callable[[], datetime]
    settings: Settings = field(default_factory=Settings)
    rates: Rates = field(default_factory=lambda: Rates(Limits()))
    room: Room = field(default_factory=lambda: Room(2**24))

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(self.database)


def app_of(parts: Parts) -> Starlette:
    return Starlette(
        routes=[*tracking_routes(parts), *health_routes(parts)],
        middleware=[*middleware(parts.metrics), Middleware(Doorkeeper, room=parts.room)],
        exception_handlers=exception_handlers(),
    )
