"""How plugins do, noted by the processes that call them and read by `cdp plugins`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
import structlog
from msgspec import Struct, structs

from cdp.db.pool import Connection, Database
from cdp.errors import Unavailable
from cdp.hooks.health import HookHealth
from cdp.hooks.manager import Plugins
from cdp.settle.queue import queries
from cdp.settle.waking import pause
from cdp.telemetry import described

log = structlog.get_logger(__name__)

EVERY_SECONDS = 5.0
"""How old what `cdp plugins` shows may be."""

_ERROR_LENGTH = 500
"""So much of an error is kept, in characters; the log has its kind."""


class PluginFigures(Struct, frozen=True, kw_only=True):
    """One plugin in one hook, over all processes that called it within the last day."""

    plugin: str
    hook: str
    calls: int
    """Calls that were made."""
    failures: int
    """… of which raised."""
    timeouts: int
    refused: int
    """… whose answer was not allowed."""
    skipped: int
    """Calls that were not made."""
    last_error: str | None
    last_error_at: datetime | None
    left_alone: int
    """Processes that do not call it at present."""

    @property
    def in_vain(self) -> int:
        """Calls without effect."""
        return self.failures + self.timeouts + self.refused


class HealthNotes:
    """Notes how the plugins of this process do, as often as something has changed.

    Args:
        database: where to.
        plugins: whose figures.
        process: tells this process's notes from others'.
        clock: the current time.
        every: seconds between two looks.
    """

    def __init__(
        self,
        database: Database,
        plugins: Plugins,
        process: UUID,
        *,
        clock: Callable[[], datetime],
        every: float = EVERY_SECONDS,
    ) -> None:
        self._database = database
        self._plugins = plugins
        self._process = process
        self._clock = clock
        self._every = every
        self._noted: dict[tuple[str, str], HookHealth] = {}
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Note until `aclose`, and once more at the end; while the database is away, what was missed waits."""
        while not self._stop.is_set():
            await pause(self._every, self._stop)
            try:
                await self.note()
            except (Unavailable, asyncpg.PostgresError) as error:
                log.warning("plugin_health_not_noted", **described(error))

    def aclose(self) -> None:
        """Let `run` come to its end."""
        self._stop.set()

    async def note(self) -> int:
        """Write the figures that changed since they were last written; how many.

        Raises:
            Unavailable: the database is away; the next call writes them.
        """
        figures = {
            (plugin.name, hook.hook): _storable(hook)
            for plugin in self._plugins.health()
            for hook in plugin.hooks
            if hook.calls or hook.last_error is not None
        }
        changed = {key: hook for key, hook in figures.items() if self._noted.get(key) != hook}
        if changed:
            rows = [{"plugin": key[0], **structs.asdict(hook)} for key, hook in changed.items()]
            async with self._database.unbound() as connection:
                await connection.execute(
                    queries.note_plugin_health,
                    self._process,
                    msgspec.json.encode(rows).decode(),
                    self._clock(),
                )
            self._noted |= changed
        return len(changed)


async def plugins_health(connection: Connection, *, now: datetime) -> list[PluginFigures]:
    """What all processes noted within the last day, by plugin and hook; the connection is bound to no workspace."""
    return [PluginFigures(**row) for row in await connection.fetch(queries.plugins_health, now)]


def _storable(hook: HookHealth) -> HookHealth:
    """The figures with an error that PostgreSQL can hold, whatever the plugin raised."""
    if hook.last_error is None:
        return hook
    text = hook.last_error[:_ERROR_LENGTH].replace("\0", "").encode("utf-8", "replace").decode()
    return structs.replace(hook, last_error=text)
