"""Server processes that share a port: whichever is asked for metrics answers for all of them.

A scraper that asks again may reach another process, and figures that change with the process that answers are of no
use. So each process listens on a socket in a folder that only this server's processes can open, and tells its figures
there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct
from prometheus_client import Metric

from cdp.web.exposition import pack, unpack

log = structlog.get_logger(__name__)

_PATIENCE = 1.0
"""Seconds that another process may take; a busy one is left out this time."""


class Seat(Struct, frozen=True, kw_only=True):
    """A process's place among those that share its port."""

    folder: Path
    """Of the sockets; nobody else may look into it."""
    number: int
    of: int
    """How many there are."""

    def socket(self, number: int) -> Path:
        """Where the process of that number listens."""
        return self.folder / f"{number}.sock"


@asynccontextmanager
async def telling(seat: Seat, families: Callable[[], list[Metric]]) -> AsyncIterator[None]:
    """Tell the other processes this one's metrics, for as long as the block lasts."""

    async def tell(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # who asked has gone
            writer.write(pack(families()))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    own = seat.socket(seat.number)
    own.unlink(missing_ok=True)  # of a process that had this seat before, and was killed
    server = await asyncio.start_unix_server(tell, own)
    try:
        yield
    finally:
        server.close()


async def ask_others(seat: Seat) -> list[tuple[str, list[Metric]]]:
    """The metrics of the other processes, by number; one that does not answer is missing."""
    others = [number for number in range(seat.of) if number != seat.number]
    answers = await asyncio.gather(*(_ask(seat.socket(number)) for number in others))
    return [
        (str(number), answer) for number, answer in zip(others, answers, strict=True) if answer is not None
    ]


async def _ask(socket: Path) -> list[Metric] | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                return unpack(await reader.read())
            finally:
                writer.close()
    except (OSError, TimeoutError, msgspec.MsgspecError) as error:
        log.warning("process_tells_no_metrics", process=socket.stem, error=type(error).__name__)
        return None
