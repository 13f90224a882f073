"""What several processes have let pass, put together: each tells the others through the database about every second.

Nobody waits for it. A process that hears late lets pass a burst more; what was too much is owed by all of them, so that
in the long run a workspace gets what it may, however many processes serve it. While the database is away each process
counts for itself.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from cdp.access.rates import Key, Rates
from cdp.db.pool import Database
from cdp.db.queries import load_queries
from cdp.model import WorkspaceId
from cdp.telemetry import described

log = structlog.get_logger(__name__)

_SQL = load_queries("cdp.access", "rates.sql")

EVERY_SECONDS = 1.0
"""Between two rounds."""
AT_LEAST_SECONDS = 0.1
"""Between two rounds, also when much has been taken."""
_LONGEST = 100
"""Characters of a subject that stands in the database as it is."""
WORTH_TELLING = 0.05
"""Seconds of a bucket below which others are not told of it yet: a workspace far from its limits costs no statement."""


class Sharing:
    """Tells what this process let pass, and hears what all did."""

    def __init__(self, rates: Rates, database: Database) -> None:
        self._rates = rates
        self._database = database
        self._hurry = asyncio.Event()
        rates.hurry = self._hurry.set

    async def once(self, worth: float = WORTH_TELLING) -> None:
        """One round over the workspaces of which there is something to tell.

        Raises:
            Unavailable: the database is away; what was not told will be.
        """
        self._hurry.clear()
        for workspace_id in list(self._rates.untold):
            await self._tell(workspace_id, worth)

    async def run(self) -> None:
        """Round after round."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._hurry.wait()
            try:
                await self.once()
            except Exception as error:  # noqa: BLE001 - this process goes on counting, and tells it next time
                log.warning("rates_not_shared", **described(error))
            await asyncio.sleep(AT_LEAST_SECONDS)

    async def _tell(self, workspace_id: WorkspaceId, worth: float) -> None:
        keys = self._rates.untold.get(workspace_id, set())
        told = {_name(key): (key, seconds) for key in keys if (seconds := self._rates.taken(key)) >= worth}
        keys -= {key for key, _ in told.values()} | {key for key in keys if not self._rates.taken(key)}
        if not keys:
            self._rates.untold.pop(workspace_id, None)
        if not told:
            return
        names = sorted(told)  # rows are locked in one order
        try:
            async with self._database.connection(workspace_id) as connection:
                rows = await connection.fetch(
                    _SQL.take, workspace_id, names, [told[name][1] for name in names]
                )
        except BaseException:
            self._rates.untold.setdefault(workspace_id, set()).update(key for key, _ in told.values())
            raise
        for row in rows:
            key, seconds = told[row["bucket"]]
            self._rates.heard(key, row["seconds"], seconds)


def _name(key: Key) -> str:
    """Of a bucket, in the database: what a token says of its owner is of any length."""
    _, what, subject = key
    if len(subject) > _LONGEST or not subject.isprintable():
        subject = hashlib.sha256(subject.encode(errors="surrogatepass")).hexdigest()
    return f"{what} {subject}"


@asynccontextmanager
async def sharing(rates: Rates, database: Database) -> AsyncIterator[None]:
    """Share for as long as the block lasts."""
    running = asyncio.create_task(Sharing(rates, database).run())
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
