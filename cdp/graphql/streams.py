"""Streams of answers inside one HTTP response: server-sent events, and multipart for Apollo Client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

import msgspec
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from strawberry.types import ExecutionResult
from typing_extensions import override

from cdp.access.principals import Principal
from cdp.errors import DiptychError
from cdp.graphql.accepting import StreamForm
from cdp.graphql.askers import Asker
from cdp.graphql.asking import Asked, Desk, response_map
from cdp.graphql.context import Context
from cdp.graphql.errors import to_graphql_error

HEARTBEAT_SECONDS = {StreamForm.EVENTS: 12.0, StreamForm.PARTS: 5.0}
"""After so long without an answer something is sent all the same, so that nobody on the way closes the connection."""

_MEDIA_TYPES = {
    StreamForm.EVENTS: "text/event-stream; charset=utf-8",
    StreamForm.PARTS: 'multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"',
}
_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
"""JSON has line breaks between its tokens only; an event would end there."""

_SEPARATORS = [(one.encode(), f"\\u{ord(one):04x}".encode()) for one in "\x85\u2028\u2029"]
"""What JSON may hold as it is, and some clients take for the end of a line all the same."""

_HEADERS = {
    "Cache-Control": "no-store, no-transform",
    "Vary": "Accept, Authorization, X-Api-Key",
    "X-Accel-Buffering": "no",
}


class Streaming(StreamingResponse):
    """A response whose end is not in sight: neither packed nor measured as the others are."""

    def __init__(self, written: AsyncGenerator[bytes], form: StreamForm) -> None:
        super().__init__(written, headers={**_HEADERS, "Content-Type": _MEDIA_TYPES[form]})
        self._written = written

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["diptych.streams_since"] = time.perf_counter()
        async with aclosing(self._written):
            await super().__call__(scope, receive, send)


async def stream(desk: Desk, asked: Asked, asker: Asker, form: StreamForm, context: Context) -> Streaming:
    """The answers to an operation, as they come.

    Raises:
        Unauthenticated: there is no good key.
        RateLimited: too many streams are open.
    """
    written = _counted(desk, context.caller, _written(desk, asked, asker, form, context))
    # The first piece is made before the response begins: what is refused at once is an ordinary failure.
    return Streaming(_after(await anext(written), written), form)


async def _after(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(rest):
        yield first
        async for piece in rest:
            yield piece


async def _counted(desk: Desk, principal: Principal, written: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    with desk.services.hub.guest(principal.workspace_id, principal.subject):
        async with aclosing(written):
            async for piece in written:
                yield piece


async def _written(
    desk: Desk, asked: Asked, asker: Asker, form: StreamForm, context: Context
) -> AsyncGenerator[bytes]:
    """The stream as it goes out, with something in it every now and then."""
    writer = _Events() if form is StreamForm.EVENTS else _Parts()
    yield writer.opening
    waiting: asyncio.Future[ExecutionResult] | None = None
    async with aclosing(desk.answers(asked, asker, context)) as answers:
        try:
            while True:
                waiting = waiting or asyncio.ensure_future(anext(answers))
                done, _ = await asyncio.wait({waiting}, timeout=HEARTBEAT_SECONDS[form])
                if not done:
                    yield writer.heartbeat
                    continue
                taken, waiting = waiting, None
                yield writer.answer(response_map(taken.result()))
        except StopAsyncIteration:
            # A server that stops cuts the stream off, so that clients come again; what is complete is not asked again.
            if not desk.services.hub.stopping.is_set():
                yield writer.closing
        except DiptychError as error:
            shown = to_graphql_error(error)
            yield writer.failure([shown.formatted])
            yield writer.closing
        finally:
            if waiting is not None:
                waiting.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration, DiptychError):
                    await waiting


class _Events:
    """Server-sent events in graphql-sse's «distinct connections mode»."""

    opening = b":\n\n"
    heartbeat = b":\n\n"
    closing = b"event: complete\ndata: \n\n"

    def answer(self, content: Any) -> bytes:
        data = msgspec.json.encode(content).translate(_ONE_LINE)
        for separator, escaped in _SEPARATORS:
            data = data.replace(separator, escaped)
        return b"event: next\ndata: " + data + b"\n\n"

    def failure(self, errors: Any) -> bytes:
        return self.answer({"errors": errors})


class _Parts:
    """Multipart subscriptions: each part ends with the delimiter of the next one, so that it is read at once."""

    opening = b"\r\n--graphql"
    heartbeat = b"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n{}\r\n--graphql"
    closing = b"--\r\n"

    def answer(self, content: Any) -> bytes:
        return self._part({"payload": content})

    def failure(self, errors: Any) -> bytes:
        return self._part({"payload": None, "errors": errors})

    def _part(self, content: Any) -> bytes:
        head = b"\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"
        return head + msgspec.json.encode(content) + b"\r\n--graphql"
