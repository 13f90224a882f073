"""The one listener of a process, and all who are woken by it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import structlog

from cdp.db.pool import Connection, Database
from cdp.errors import RateLimited, Unavailable
from cdp.live.changes import SETTLED, TOUCHED, decode
from cdp.live.watch import Watch
from cdp.model import WorkspaceId

log = structlog.get_logger(__name__)

PROBE_SECONDS = 10.0
"""How often the connection is tried: one that died without a word would leave everybody waiting."""
RECONNECT_SECONDS = 1.0
LANES = 2
"""Watchers that read at the same time; the others stand in line, so that requests find connections free."""
REST = 2.0
"""So many times as long as it has read, a lane rests: watching takes no more than a part of the process."""


class Hub:
    """Wakes watchers when what they watch was changed by any process.

    It listens from when the first comes to watch, on one connection of the pool, and connects anew when that is lost:
    then everybody is woken, as nobody knows what was missed.
    """

    def __init__(
        self,
        database: Database,
        *,
        most: int = 2_000,
        most_of_workspace: int = 1_000,
        most_of_one: int = 500,
        most_of_address: int = 50,
    ) -> None:
        """It watches nothing before somebody comes.

        Args:
            database: whose connections tell of changes.
            most: streams and sockets that are open at once.
            most_of_workspace: of one workspace.
            most_of_one: of one key, token or visitor.
            most_of_address: sockets of one address that have not said yet whose they are.
        """
        self._database = database
        self._most = most
        self._most_of_workspace = most_of_workspace
        self._most_of_one = most_of_one
        self._most_of_address = most_of_address
        self._open = 0
        self._watches: dict[WorkspaceId, set[Watch]] = {}
        self._guests: dict[str, int] = {}
        self._listening = asyncio.Event()
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._lanes = asyncio.Semaphore(LANES)
        self.stopping = asyncio.Event()
        """Set when the process is about to stop: streams and sockets end."""

    @property
    def watchers(self) -> int:
        """How many watch."""
        return sum(map(len, self._watches.values()))

    @asynccontextmanager
    async def watch(self, workspace_id: WorkspaceId) -> AsyncIterator[Watch]:
        """Watch a workspace; from here on no change is missed.

        Raises:
            Unavailable: the database is away.
        """
        watch = Watch()
        self._watches.setdefault(workspace_id, set()).add(watch)
        try:
            await self._listen()
            watch.lower()
            yield watch
        finally:
            watching = self._watches[workspace_id]
            watching.discard(watch)
            if not watching:
                del self._watches[workspace_id]

    @contextmanager
    def guest(self, workspace_id: WorkspaceId, subject: str) -> Iterator[None]:
        """Count one open stream or socket of a principal.

        Raises:
            RateLimited: there are as many as there may be, of this principal, of its workspace or of all.
        """
        of_one = f"A key may hold {self._most_of_one:,} streams and sockets open; close some."
        of_all = f"A workspace may hold {self._most_of_workspace:,} streams and sockets open; close some."
        with (
            self._counted(f"{workspace_id} {subject}", self._most_of_one, of_one),
            self._counted(f"{workspace_id}", self._most_of_workspace, of_all),
            self._one_of_all(),
        ):
            yield

    @contextmanager
    def stranger(self, address: str | None) -> Iterator[None]:
        """Count one socket that has not said yet whose it is.

        Raises:
            RateLimited: there are as many as there may be, of this address, of all strangers or of all.
        """
        many = "Too many sockets have not said whose they are; try again later."
        with (
            self._counted(f"stranger {address}", self._most_of_address, many),
            self._counted("stranger", self._most_of_one, many),
            self._one_of_all(),
        ):
            yield

    @contextmanager
    def _counted(self, who: str, most: int, sentence: str) -> Iterator[None]:
        if self._guests.get(who, 0) >= most:
            raise RateLimited(sentence)
        self._guests[who] = self._guests.get(who, 0) + 1
        try:
            yield
        finally:
            self._guests[who] -= 1
            if not self._guests[who]:
                del self._guests[who]

    @contextmanager
    def _one_of_all(self) -> Iterator[None]:
        if self._open >= self._most:
            raise RateLimited(
                "This server holds as many streams and sockets open as it can; try again later."
            )
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold a lane to read on; it rests afterwards before the next one gets it."""
        await self._lanes.acquire()
        began = time.monotonic()
        try:
            yield
        finally:
            rest = min(1.0, REST * (time.monotonic() - began))
            asyncio.get_running_loop().call_later(rest, self._lanes.release)

    def stop(self) -> None:
        """Have every stream and socket end."""
        self.stopping.set()
        self._wake_all()

    async def aclose(self) -> None:
        """Stop, and let go of the connection."""
        self.stop()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        """Be listening.

        Raises:
            Unavailable: the database is away.
        """
        if self._listening.is_set():
            return
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(5.0):
                await self._listening.wait()
        except TimeoutError:
            raise Unavailable("Nothing can be followed just now; try again in a moment.") from None

    async def _run(self) -> None:
        while True:
            try:
                async with self._database.unbound() as connection:
                    await self._serve(connection)
            except Unavailable as error:
                log.warning("live_waits_for_database", error=error.message)
            finally:
                self._listening.clear()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _serve(self, connection: Connection) -> None:
        """Listen until the connection is lost.

        Raises:
            Unavailable: it is.
        """
        self._lost.clear()
        connection.add_termination_listener(self._notice_loss)
        for channel in (TOUCHED, SETTLED):
            await connection.add_listener(channel, self._notified)
        try:
            self._listening.set()
            self._wake_all()
            while not self._lost.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(PROBE_SECONDS):
                        await self._lost.wait()
                if not connection.is_closed():
                    await self._probe(connection)
        finally:
            if not connection.is_closed():
                connection.remove_termination_listener(self._notice_loss)
                for channel in (TOUCHED, SETTLED):
                    await connection.remove_listener(channel, self._notified)

    async def _probe(self, connection: Connection) -> None:
        try:
            await connection.fetchval("SELECT 1", timeout=PROBE_SECONDS)
        except TimeoutError:
            connection.terminate()
            raise Unavailable("The connection that listens for changes is dead.") from None

    def _notice_loss(self, *_about: object) -> None:
        self._lost.set()

    def _notified(self, _connection: object, _process: int, _channel: str, payload: object) -> None:
        try:
            workspace_id, touched = decode(str(payload))
        except ValueError:
            log.warning("live_payload_not_understood")
            return
        for watch in self._watches.get(workspace_id, ()):
            watch.wake(touched)

    def _wake_all(self) -> None:
        for watching in self._watches.values():
            for watch in watching:
                watch.wake()
