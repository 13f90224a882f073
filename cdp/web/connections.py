"""Connections of clients: how many there may be, and how long each may keep us waiting.

uvicorn reads requests as they come and waits for them as long as they take. What holds memory and costs the client next
to nothing (connections that say nothing, heads that never end, answers that nobody reads) is bounded here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from cdp.web.safety import as_text

log = structlog.get_logger(__name__)

HEAD_SECONDS = 10.0
"""In which the head of a request must have arrived, from its first byte or from the beginning of the connection; also
how long the rest of a body may keep coming that was refused, and how long an answer may wait to be taken."""

HEAD_BYTES = 64 * 1024
"""Longest head of a request."""

MOST_HEADERS = 100
"""In the head of a request."""

MOST_PIPELINED = 16
"""Requests that a client may send before it has had the first answer."""

_SWEEP_SECONDS = 1.0


def _raw(status: str, code: str, message: str, *headers: str) -> bytes:
    """A whole answer, for where there is no request yet to be answered."""
    body = msgspec.json.encode({"code": code, "message": message})
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *as_text(),
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


_FULL = _raw(
    "503 Service Unavailable",
    "UNAVAILABLE",
    "The server has as many connections as it can; try again in a moment.",
    "Retry-After: 1",
)
_TOO_LONG = _raw(
    "431 Request Header Fields Too Large",
    "TOO_LARGE",
    f"The head of a request may have {HEAD_BYTES:,} bytes.",
)
_TOO_MANY_HEADERS = _raw(
    "431 Request Header Fields Too Large",
    "TOO_LARGE",
    f"The head of a request may have {MOST_HEADERS} headers.",
)
_MALFORMED = _raw("400 Bad Request", "BAD_USER_INPUT", "This is no request of HTTP.")
_TOO_SLOW = _raw(
    "408 Request Timeout", "TOO_SLOW", f"The request did not begin within {HEAD_SECONDS:.0f} seconds."
)


class Connection(HttpToolsProtocol):
    """One connection, as uvicorn has it, and since when it waits for the client."""

    most = 2_000
    """Connections of the process; `at_most` sets it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_bytes = 0
        self._waits_since: float | None = None
        """Since when something is to come from the client, or to be taken by it; None: nothing is."""

    @property
    def _answered(self) -> bool:
        """Whether no request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or say that there are too many."""
        if len(self.connections) >= self.most:
            transport.write(_FULL)
            transport.close()
            self.transport = transport
            return
        super().connection_made(transport)
        self._waits_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Read on; the head of a request has its bounds."""
        if self.transport.is_closing():
            return
        if self._waits_since is None and self._answered:
            self._waits_since = self.loop.time()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            # Only what has come since the last head, or the last piece of a body, was complete.
            self._end(_TOO_LONG)

    def on_headers_complete(self) -> None:
        """A request has begun, unless its head is too long."""
        # What has come at once may be longer than the head alone.
        head = 0 if self._head_bytes <= HEAD_BYTES else len(self.url) + sum(map(_length, self.headers))
        self._head_bytes = 0
        self._waits_since = None
        if head > HEAD_BYTES or len(self.headers) > MOST_HEADERS:
            self._end(_TOO_LONG if head > HEAD_BYTES else _TOO_MANY_HEADERS)
            raise ValueError("the head of the request is too long")
        super().on_headers_complete()
        if len(self.pipeline) > MOST_PIPELINED:
            raise ValueError("too many requests were sent ahead")  # uvicorn answers 400

    def on_body(self, body: bytes) -> None:
        """A piece of a body has come; one that nobody wants any more may not keep coming."""
        self._head_bytes = 0
        if self.cycle.response_complete:
            self._waits_since = self._waits_since or self.loop.time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request has come whole."""
        self._head_bytes = 0
        if self._answered:
            self._waits_since = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client does not take its answer."""
        self._waits_since = self._waits_since or self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        self._waits_since = None
        super().resume_writing()

    def keeps_waiting(self, now: float) -> bool:
        """Whether the client has had its time."""
        return self._waits_since is not None and now - self._waits_since > HEAD_SECONDS

    def end_waiting(self) -> None:
        """Say so, if there is somebody to say it to, and close."""
        log.info("connection_too_slow")
        cycle: RequestResponseCycle | None = self.cycle
        if not self._head_bytes and cycle is None:
            self.transport.close()  # nothing was asked, so nothing is answered
        elif (
            cycle is None or (cycle.response_complete and not cycle.more_body)
        ) and not self.transport.is_closing():
            self._end(_TOO_SLOW)
        else:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the signature is uvicorn's
        """Say that what came is no request, unless something has been said already."""
        if not self.transport.is_closing():
            self._end(_MALFORMED)

    def _end(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()


def _length(header: tuple[bytes, bytes]) -> int:
    return len(header[0]) + len(header[1]) + 4  # ": " and the end of the line


def at_most(connections: int) -> type[Connection]:
    """The protocol for uvicorn, for so many connections."""
    return type("Connection", (Connection,), {"most": connections})


@asynccontextmanager
async def sweeping(connections: Callable[[], set[Any]]) -> AsyncIterator[None]:
    """End the connections that keep us waiting too long, for as long as the block lasts."""

    async def sweep() -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = loop.time()
            for one in list(connections()):
                if isinstance(one, Connection) and one.keeps_waiting(now):
                    one.end_waiting()

    running = asyncio.create_task(sweep())
    try:
        yield
    finally:
        running.cancel()
