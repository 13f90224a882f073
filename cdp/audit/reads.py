"""Who reads personal data, and what for: counted in memory and told to the log in sums; reading waits for nothing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import asyncpg
import structlog

from cdp.audit.reading import head
from cdp.audit.recording import Acting, record
from cdp.db.pool import Database
from cdp.errors import DiptychError
from cdp.model import WorkspaceId

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
"""So often are the sums told; as much is lost where a process is killed."""
MOST_READERS = 5_000
"""That a process tells apart between two sums; those beyond are told as one, `several`, for each workspace."""
MOST_FIELDS = 200
"""Names of fields in one sum; of those beyond there is the number."""

_Reader: TypeAlias = tuple[WorkspaceId, str, str | None]


class _Several:
    """Readers that are not told apart."""

    subject = "several"
    name = "readers beyond those told apart"
    role = ""
    purpose = None

    def __init__(self, workspace_id: WorkspaceId) -> None:
        self.workspace_id = workspace_id


class _Sum:
    __slots__ = ("fields", "last", "reader", "reads", "since", "until")

    def __init__(self, reader: Acting, now: datetime) -> None:
        self.reader = reader
        self.since = self.until = now
        self.reads = 0
        self.fields: set[str] = set()
        self.last: Sequence[str] = ()


class Reads:
    """The reads of personal data of one process.

    Args:
        database: whose logs they are told to.
        clock: the time.
        every: seconds between two sums.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        every: float = EVERY_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._every = every
        self._sums: dict[_Reader, _Sum] = {}
        self._telling: asyncio.Task[None] | None = None

    def note(self, reader: Acting, fields: Sequence[str]) -> None:
        """Count an answer that holds these fields of people, by coordinate (`Profile.displayName`)."""
        now = self._clock()
        workspace_id = reader.workspace_id
        found = self._sums.get((workspace_id, reader.subject, reader.purpose))
        if found is None:
            found = self._begin(reader, now)
        found.reads += 1
        found.until = now
        if fields is not found.last:
            found.fields.update(fields)
            found.last = fields

    def _begin(self, reader: Acting, now: datetime) -> _Sum:
        if len(self._sums) >= MOST_READERS:
            reader = _Several(reader.workspace_id)
        known = (reader.workspace_id, reader.subject, reader.purpose)
        if known not in self._sums:
            self._sums[known] = _Sum(reader, now)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.ensure_future(self._tell_on())
        return self._sums[known]

    async def _tell_on(self) -> None:
        """Tell what there is after a while, for as long as there is something."""
        while self._sums:
            await asyncio.sleep(self._every)
            await self.tell()

    async def tell(self) -> None:
        """Tell all sums to the logs of their workspaces; those that cannot be told are kept, and grow."""
        of_workspaces: dict[WorkspaceId, list[_Sum]] = defaultdict(list)
        for known in list(self._sums):
            of_workspaces[known[0]].append(self._sums.pop(known))
        for workspace_id, sums in of_workspaces.items():
            try:
                async with self._database.transaction(workspace_id) as connection:
                    for one in sums:
                        await record(connection, one.reader, "personalDataRead", "", _told(one))
                    anchor = await head(connection, workspace_id)
                # Logs go elsewhere: whoever cuts the end off the chain would have to change them too.
                log.info("audit_head", workspace_id=workspace_id, anchor=str(anchor))
            except (DiptychError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("audit_of_reads_put_off", workspace_id=workspace_id, error=type(error).__name__)
                self._keep(sums)
            except BaseException:
                self._keep(sums)
                raise

    def _keep(self, sums: Sequence[_Sum]) -> None:
        for one in sums:
            reader = one.reader
            grown = self._sums.setdefault((reader.workspace_id, reader.subject, reader.purpose), one)
            if grown is not one:
                grown.reads += one.reads
                grown.fields |= one.fields
                grown.since = min(grown.since, one.since)

    async def aclose(self) -> None:
        """Tell what is left."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
        await self.tell()


def _told(one: _Sum) -> dict[str, object]:
    fields = sorted(one.fields)
    told: dict[str, object] = {
        "reads": one.reads,
        "since": one.since.isoformat(),
        "until": one.until.isoformat(),
        "fields": fields[:MOST_FIELDS],
    }
    if len(fields) > MOST_FIELDS:
        told["more_fields"] = len(fields) - MOST_FIELDS
    return told
