"""GraphQL over HTTP: who asks, in which form the answer goes back, and with which status."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec
from cross_web import AsyncHTTPRequestAdapter, HTTPException, StarletteRequestAdapter
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.websocket_origin import normalize_allowed_origins
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from cdp.errors import (
    BadInput,
    DiptychError,
    Misconfigured,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from cdp.graphql import ide
from cdp.graphql.accepting import RESPONSE_TYPE, media_type_of, stream_form_of, takes_json
from cdp.graphql.askers import asker_of
from cdp.graphql.asking import Asked, Desk, response_map
from cdp.graphql.context import Context, Services
from cdp.graphql.crossing import Crossing
from cdp.graphql.errors import short, to_graphql_error
from cdp.graphql.packing import pack
from cdp.graphql.schema import build_schema
from cdp.graphql.socket import Socket, may_connect
from cdp.graphql.streams import Streaming, stream
from cdp.graphql.trusted import TrustedDocuments, wanted_hash

LARGEST_BODY = 1_000_000
"""Bytes."""
SMALL_BODY = 2_000
"""Bytes up to which nobody notices that a request is read."""
MOST_CONTAINERS = 50_000
"""Objects and lists in a body; each takes longer to make than a hundred bytes of text to read."""

_PLAIN_JSON = {"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"}
_BY_POST = OperationType.from_http("POST")


_STATUS = {Unauthenticated: 401, Unavailable: 503, TooLarge: 413, RateLimited: 429}
_NOTHING = Asked()
_HOW_TO_FOLLOW = (
    "A subscription has more than one answer: follow it over a WebSocket, or accept text/event-stream or "
    "multipart/mixed;subscriptionSpec=1.0."
)

_read_asked = msgspec.json.Decoder(Asked).decode


class Answering(Response):
    """Collects what the answer to one request will need."""

    def __init__(self, media_type: str) -> None:
        super().__init__()
        del self.headers["content-length"]
        self.status_code = None  # type: ignore[assignment]
        self.answer_type = media_type


class GraphQLView(GraphQL[Context, None]):
    """The endpoint."""

    def __init__(self, desk: Desk, *, allowed_origins: frozenset[str]) -> None:
        super().__init__(
            build_schema(desk.services.plugins), graphql_ide="graphiql", subscription_protocols=()
        )
        self._desk = desk
        self._allowed_origins = allowed_origins
        self._turns = _Turns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or talk over one socket; every failure of a request is answered in JSON."""
        if scope["type"] == "websocket":
            websocket = WebSocket(scope, receive, send)
            if may_connect(websocket, self._allowed_origins):
                await Socket(websocket, self._desk).serve()
            else:
                await websocket.close()
            return
        request = Request(scope, _limited(receive, self._turns))
        try:
            match request.method:
                case "POST" if request.headers.get("content-type", "").lower() in _PLAIN_JSON:
                    response = await self._run_plain(request)
                case "GET" | "POST":
                    response = await self._run_odd(request)
                case _:
                    response = _wrong_method(request)
        except HTTPException as error:
            carried = not isinstance(error.__cause__, InvalidOperationTypeError)
            response = _failure(
                request, error.status_code if carried else 405, error.reason, "BAD_USER_INPUT"
            )
        except DiptychError as error:
            response = _refusal(request, error)
        if not isinstance(response, Streaming):
            response = await pack(request, response)
        await response(scope, receive, send)

    async def _run_plain(self, request: Request) -> Response:
        """What nearly every request is: a JSON object by POST. Whatever is odd about it goes the ordinary way."""
        accept = request.headers.get("accept", "")
        asker = asker_of(request)
        context = await self._desk.context(asker, request.scope)
        asked = _NOTHING
        try:
            asked = _read_asked(await request.body())
            if not takes_json(accept) and (form := stream_form_of(accept)):
                return await stream(self._desk, asked, asker, form, context)
            result = await self.schema.execute(
                self._desk.text(asked),
                variable_values=asked.variables,
                context_value=context,
                operation_name=asked.operation_name,
                allowed_operation_types=_BY_POST,
                operation_extensions=asked.extensions,
            )
        except InvalidOperationTypeError:
            if form := stream_form_of(accept):
                return await stream(self._desk, asked, asker, form, context)
            return _failure(request, 406, _HOW_TO_FOLLOW, "BAD_USER_INPUT")
        except (
            msgspec.MsgspecError,
            RecursionError,
            UnicodeDecodeError,
            MissingQueryError,
            CannotGetOperationTypeError,
        ):
            return await self.run(request, context)
        return _answer(result, media_type_of(accept))

    async def _run_odd(self, request: Request) -> Response:
        """A request by GET, or of another content type."""
        accept = request.headers.get("accept", "")
        form = None if takes_json(accept) else stream_form_of(accept)
        if form is None:
            return await self.run(request)
        try:
            data = await self.parse_http_body(StarletteRequestAdapter(request))
        except json.JSONDecodeError:
            raise HTTPException(400, "The body is not JSON.") from None
        if not isinstance(data, GraphQLRequestData):
            raise HTTPException(400, "A stream answers one operation.")
        asked = Asked(data.query, data.variables, data.operation_name, data.extensions)
        asker = asker_of(request)
        context = await self._desk.context(asker, request.scope)
        return await stream(self._desk, asked, asker, form, context)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:  # noqa: ARG002
        """Who asks, and when.

        Raises:
            Unauthenticated: there is a key, and it is not good.
        """
        return await self._desk.context(asker_of(request), request.scope)

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """What the answer will be made from."""
        return Answering(media_type_of(request.headers.get("accept", "")))

    def decode_json(self, data: str | bytes) -> object:
        """Read JSON strictly: no NaN, no half surrogate pairs, no bottomless nesting."""
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise json.JSONDecodeError(str(error), "", 0) from None

    def encode_json(self, data: object) -> bytes:
        """Write JSON; what the planner finished goes in as it is."""
        return msgspec.json.encode(data)

    async def parse_http_body(
        self, request: AsyncHTTPRequestAdapter
    ) -> GraphQLRequestData | list[GraphQLRequestData]:
        """Read the request's parameters."""
        try:
            data = await super().parse_http_body(request)
        except AttributeError:
            raise HTTPException(400, "The body must be a JSON object with `query`.") from None
        if isinstance(data, GraphQLRequestData) and not isinstance(data.operation_name, (str, type(None))):
            raise HTTPException(400, "`operationName` must be a string or null, if provided.")
        if isinstance(data, GraphQLRequestData):
            extensions = data.extensions if isinstance(data.extensions, dict) else None
            data.query = self._desk.trusted.text(data.query, wanted_hash(None, extensions))
        return data

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:  # noqa: ARG002
        """The response map; without `data` where nothing was executed."""
        return cast("GraphQLHTTPResponse", response_map(result))

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        """The answer in the form that the client takes, with the status that the specification asks for."""
        assert isinstance(sub_response, Answering)
        return _answer_map(cast("Mapping[str, Any]", response_data), sub_response.answer_type)

    async def render_graphql_ide(self, request: Request) -> Response:  # noqa: ARG002
        """GraphiQL in the browser."""
        return ide.render()


def graphql_routes(
    services: Services,
    trusted: TrustedDocuments | None = None,
    *,
    allowed_origins: Iterable[str] = (),
) -> list[BaseRoute]:
    """`/graphql`, over HTTP and WebSocket, and the files of GraphiQL.

    Args:
        services: what resolvers use.
        trusted: documents that may be asked for by their hash.
        allowed_origins: of web pages elsewhere that may open a WebSocket.

    Raises:
        Misconfigured: one of them is no origin.
    """
    try:
        allowed = normalize_allowed_origins(list(allowed_origins))
    except ValueError as error:
        raise Misconfigured(f"CDP_ALLOWED_ORIGINS: {error}") from None
    view = GraphQLView(Desk(services, trusted or TrustedDocuments()), allowed_origins=allowed)
    return [
        ide.ASSETS,
        Route("/graphql", view, methods=None, middleware=[Middleware(Crossing)]),
        WebSocketRoute("/graphql", view),
    ]


def _answer(result: ExecutionResult, answer_type: str) -> Response:
    return _answer_map(response_map(result), answer_type)


def _answer_map(data: Mapping[str, Any], answer_type: str) -> Response:
    status = 200
    headers: dict[str, str] = {}
    if "data" not in data:
        codes = {error.get("extensions", {}).get("code") for error in data["errors"]}
        if "UNAUTHENTICATED" in codes:
            status = 401
            headers["WWW-Authenticate"] = 'Bearer realm="diptych"'
        elif answer_type == RESPONSE_TYPE:
            status = 400
    return Response(
        msgspec.json.encode(data),
        status_code=status,
        media_type=f"{answer_type}; charset=utf-8",
        headers=headers,
    )


def _refusal(request: Request, error: DiptychError) -> Response:
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 400)
    shown = to_graphql_error(error)
    response = _failure(request, status, shown.message, **(shown.extensions or {}))
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="diptych"'
    if isinstance(error, (Unavailable, RateLimited)):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _wrong_method(request: Request) -> Response:
    return _failure(request, 405, "GraphQL takes GET and POST.", "BAD_USER_INPUT")


def _failure(request: Request, status: int, message: str, code: str, **more: Any) -> Response:
    body = {"errors": [{"message": short(message), "extensions": {"code": code, **more}}]}
    media_type = media_type_of(request.headers.get("accept", ""))
    headers = {"Allow": "POST" if request.method == "GET" else "GET, POST"} if status == 405 else None
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type=f"{media_type}; charset=utf-8",
        headers=headers,
    )


class _Turns:
    """One large body a turn of the event loop: what others ask is answered in between, however many come at once."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()

    async def wait(self) -> None:
        """Come to the head of the queue, and let everybody else go first once more."""
        async with self._one:
            await asyncio.sleep(0)


def _limited(receive: Receive, turns: _Turns) -> Receive:
    read = containers = 0

    async def limited() -> Message:
        nonlocal read, containers
        message = await receive()
        body = message.get("body", b"")
        read += len(body)
        if read > LARGEST_BODY:
            raise TooLarge(f"A request may have {LARGEST_BODY:,} bytes.")
        containers += body.count(b"{") + body.count(b"[")
        if containers > MOST_CONTAINERS:
            raise BadInput(f"A request may have {MOST_CONTAINERS:,} objects and lists.")
        if read > SMALL_BODY and not message.get("more_body", False):
            await turns.wait()
        return message

    return limited
