"""GraphQL over WebSocket: the protocol `graphql-transport-ws`, as the libraries graphql-ws and urql speak it.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing, suppress
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.http.websocket_origin import is_same_origin, normalize_origin
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from cdp.access.principals import Principal
from cdp.errors import BadInput, DiptychError, RateLimited, Unauthenticated, Unavailable
from cdp.graphql.askers import Asker, asker_of_payload
from cdp.graphql.asking import Asked, Desk, response_map
from cdp.graphql.errors import to_graphql_error
from cdp.graphql.following import CHECK_SECONDS

PROTOCOL = "graphql-transport-ws"

LARGEST_MESSAGE = 1_000_000
"""Characters."""
LONGEST_ID = 256
"""Characters of an operation's id."""
MOST_OPERATIONS = 100
"""At once, on one socket."""
MESSAGES_PER_SECOND = 100
"""On one socket, for long."""
MESSAGES_AT_ONCE = 2_000
INIT_SECONDS = 10.0
"""Until the client must have said who it is."""
SEND_SECONDS = 60.0
"""A client that does not take a message for so long has gone, though its connection has not."""

TOO_LARGE, GOING_AWAY, TRY_AGAIN = 1009, 1001, 1013
BAD_REQUEST, UNAUTHORIZED, NO_SUBPROTOCOL, INIT_TIMEOUT, ID_TAKEN, TOO_MANY = (
    4400,
    4401,
    4406,
    4408,
    4409,
    4429,
)
"""Close codes; the last ones are the protocol's."""


class _Message(msgspec.Struct):
    type: str
    id: str | None = None
    payload: Any = None


_read = msgspec.json.Decoder(_Message).decode


class _Closed(Exception):
    """The socket is to be closed, with this code and for this reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def may_connect(websocket: WebSocket, allowed_origins: frozenset[str]) -> bool:
    """Whether the page that opens the socket may: one of our own host, one of those allowed, or no page at all.

    Browsers let any page open a socket to anywhere. No cookie of ours would go with it, but a page that has got hold of
    a key should not be able to use it from a stranger's browser either.
    """
    origin = websocket.headers.get("origin")
    if origin is None or "*" in allowed_origins or normalize_origin(origin) in allowed_origins:
        return True
    return is_same_origin(origin, websocket.headers.get("host"))


class Socket:
    """One connection."""

    def __init__(self, websocket: WebSocket, desk: Desk) -> None:
        self._websocket = websocket
        self._desk = desk
        self._asker = Asker(None)
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails when an operation finds that the socket must be closed."""

    async def serve(self) -> None:
        """Talk until one of the two has had enough."""
        if PROTOCOL not in self._websocket.scope["subprotocols"]:
            await self._websocket.accept()
            await self._websocket.close(NO_SUBPROTOCOL, f"Speak {PROTOCOL}.")
            return
        await self._websocket.accept(PROTOCOL)
        hub = self._desk.services.hub
        try:
            client = self._websocket.client
            with hub.stranger(client.host if client is not None else None):
                principal = await self._begin()
            with hub.guest(principal.workspace_id, principal.subject):
                await self._send({"type": "connection_ack"})
                await self._talk()
        except _Closed as closed:
            await self._close(closed)
        except DiptychError as error:
            await self._close(_as_close(error))
        except (WebSocketDisconnect, TimeoutError):
            pass
        finally:
            await _end_all(self._operations.values())

    # ── who it is ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _begin(self) -> Principal:
        """Hear who it is."""
        try:
            async with asyncio.timeout(INIT_SECONDS):
                message = await self._receive()
                while message.type in {"ping", "pong"}:
                    await self._pong(message)
                    message = await self._receive()
        except TimeoutError:
            raise _Closed(INIT_TIMEOUT, "Connection initialisation timeout") from None
        if message.type == "subscribe":
            raise _Closed(UNAUTHORIZED, "Unauthorized")
        if message.type != "connection_init" or not isinstance(message.payload, (dict, type(None))):
            raise _Closed(BAD_REQUEST, "Begin with connection_init, whose payload is an object.")
        self._asker = asker_of_payload(message.payload or {}, self._websocket)
        return await self._authenticate()

    async def _authenticate(self) -> Principal:
        return await self._desk.principal(self._asker)

    async def _guard(self) -> None:
        """Have the socket closed when the key has ended, or the server stops."""
        stopping = self._desk.services.hub.stopping
        while not stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_SECONDS):
                    await stopping.wait()
            with suppress(Unavailable):
                await self._authenticate()
        raise _Closed(GOING_AWAY, "The server stops; come again.")

    # ── what it wants ────────────────────────────────────────────────────────────────────────────────────────────

    async def _talk(self) -> None:
        """Take messages until the client goes, or until the socket must be closed."""
        tasks = [asyncio.ensure_future(one) for one in (self._listen(), self._guard(), self._failed)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await _end_all(tasks)

    async def _listen(self) -> None:
        now = asyncio.get_running_loop().time
        used_up_at = now()
        while True:
            message = await self._receive()
            used_up_at = max(used_up_at, now()) + 1 / MESSAGES_PER_SECOND
            if used_up_at - now() > MESSAGES_AT_ONCE / MESSAGES_PER_SECOND:
                raise _Closed(TOO_MANY, "Too many messages")
            await self._obey(message)

    async def _obey(self, message: _Message) -> None:
        match message.type:
            case "ping" | "pong":
                await self._pong(message)
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                task = self._operations.pop(message.id or "", None)
                if task is not None:
                    task.cancel()
            case "connection_init":
                raise _Closed(TOO_MANY, "Too many initialisation requests")
            case _:
                raise _Closed(BAD_REQUEST, "There is no such type of message.")

    async def _pong(self, message: _Message) -> None:
        if message.type == "ping":
            await self._send({"type": "pong"})

    async def _subscribe(self, message: _Message) -> None:
        id_ = message.id
        if not id_ or len(id_) > LONGEST_ID:
            raise _Closed(BAD_REQUEST, f"An operation's id has 1 to {LONGEST_ID} characters.")
        if id_ in self._operations:
            raise _Closed(ID_TAKEN, f"Subscriber for {id_[:32]} already exists")
        try:
            asked = msgspec.convert(message.payload, Asked)
        except msgspec.ValidationError as error:
            raise _Closed(BAD_REQUEST, f"The payload does not fit: {error}") from None
        if len(self._operations) >= MOST_OPERATIONS:
            refusal = RateLimited(f"A socket carries {MOST_OPERATIONS} operations at once; complete some.")
            await self._send({"id": id_, "type": "error", "payload": [to_graphql_error(refusal).formatted]})
            return
        self._operations[id_] = asyncio.create_task(self._operate(id_, asked))

    async def _operate(self, id_: str, asked: Asked) -> None:
        """Answer one operation. It is forgotten before its last message goes out: the id may be used again then."""
        last: dict[str, Any] = {"id": id_, "type": "complete"}
        try:
            async with aclosing(self._desk.answers(asked, self._asker)) as answers:
                async for answer in answers:
                    if isinstance(answer, PreExecutionError):
                        last = {"id": id_, "type": "error", "payload": response_map(answer)["errors"]}
                        break
                    await self._answer(id_, answer)
            if self._desk.services.hub.stopping.is_set():
                return
        except (Unauthenticated, WebSocketDisconnect, TimeoutError) as error:
            if not self._failed.done():
                self._failed.set_exception(error)
            return
        except Exception as error:  # noqa: BLE001 - masked and logged
            last = {"id": id_, "type": "error", "payload": [to_graphql_error(error).formatted]}
        if self._operations.pop(id_, None) is not None:
            with suppress(WebSocketDisconnect, TimeoutError):
                await self._send(last)

    async def _answer(self, id_: str, answer: ExecutionResult) -> None:
        await self._send({"id": id_, "type": "next", "payload": response_map(answer)})

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _receive(self) -> _Message:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        text = message.get("text")
        if text is None:
            raise _Closed(BAD_REQUEST, "Messages are text.")
        if len(text) > LARGEST_MESSAGE:
            raise _Closed(TOO_LARGE, f"A message may have {LARGEST_MESSAGE:,} characters.")
        try:
            return _read(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
            raise _Closed(BAD_REQUEST, "A message is a JSON object with a `type`.") from None

    async def _send(self, content: dict[str, Any]) -> None:
        """Send a message; one at a time, so that a slow client holds up its operations and no answers pile up.

        Raises:
            TimeoutError: the client does not take it.
            WebSocketDisconnect: it has gone.
        """
        async with self._sending, asyncio.timeout(SEND_SECONDS):
            await self._websocket.send_text(msgspec.json.encode(content).decode())

    async def _close(self, why: _Closed) -> None:
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._websocket.close(why.code, why.reason.encode()[:120].decode(errors="ignore"))


async def _end_all(tasks: Iterable[asyncio.Future[Any]]) -> None:
    ended = list(tasks)
    for task in ended:
        task.cancel()
    await asyncio.gather(*ended, return_exceptions=True)


def _as_close(error: DiptychError) -> _Closed:
    match error:
        case Unauthenticated():
            return _Closed(UNAUTHORIZED, "Unauthorized")
        case RateLimited():
            return _Closed(TOO_MANY, error.message)
        case BadInput():
            return _Closed(BAD_REQUEST, error.message)
        case _:
            return _Closed(TRY_AGAIN, "Try again in a moment.")
