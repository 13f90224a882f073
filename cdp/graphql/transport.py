"""GraphQL over HTTP: who asks, in which form the answer goes back, and with which status."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, cast

import msgspec
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from cdp.errors import DiptychError, TooLarge, Unauthenticated, Unavailable
from cdp.graphql import ide
from cdp.graphql.context import Context, Services
from cdp.graphql.errors import to_graphql_error
from cdp.graphql.packing import pack
from cdp.graphql.schema import build_schema
from cdp.graphql.trusted import TrustedDocuments, wanted_hash
from cdp.identity.kinds import make_kinds

LARGEST_BODY = 1_000_000
"""Bytes."""

JSON_TYPE = "application/json"
RESPONSE_TYPE = "application/graphql-response+json"


_PLAIN_JSON = {"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"}
_BY_POST = OperationType.from_http("POST")


class _Asked(msgspec.Struct, rename="camel"):
    """The parameters of a request."""

    query: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None


_read_asked = msgspec.json.Decoder(_Asked).decode


class Answering(Response):
    """Collects what the answer to one request will need."""

    def __init__(self, media_type: str) -> None:
        super().__init__()
        del self.headers["content-length"]
        self.status_code = None  # type: ignore[assignment]
        self.answer_type = media_type


class GraphQLView(GraphQL[Context, None]):
    """The endpoint."""

    def __init__(self, services: Services, trusted: TrustedDocuments) -> None:
        super().__init__(build_schema(), graphql_ide="graphiql", subscription_protocols=())
        self._services = services
        self._trusted = trusted
        self._kinds = make_kinds(*services.plugins.identifier_kinds())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every failure is answered in JSON."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, _limited(receive))
        try:
            match request.method:
                case "POST" if request.headers.get("content-type", "").lower() in _PLAIN_JSON:
                    response = await self._run_plain(request)
                case "GET" | "POST":
                    response = await self.run(request)
                case _:
                    response = _wrong_method(request)
        except HTTPException as error:
            carried = not isinstance(error.__cause__, InvalidOperationTypeError)
            response = _failure(
                request, error.status_code if carried else 405, error.reason, "BAD_USER_INPUT"
            )
        except DiptychError as error:
            response = _refusal(request, error)
        response = await pack(request, response)
        await response(scope, receive, send)

    async def _run_plain(self, request: Request) -> Response:
        """What nearly every request is: a JSON object by POST. Whatever is odd about it goes the ordinary way."""
        context = await self.get_context(request, Response())
        try:
            asked = _read_asked(await request.body())
            result = await self.schema.execute(
                self._trusted.text(asked.query, wanted_hash(asked.document_id, asked.extensions)),
                variable_values=asked.variables,
                context_value=context,
                operation_name=asked.operation_name,
                allowed_operation_types=_BY_POST,
                operation_extensions=asked.extensions,
            )
        except (
            msgspec.MsgspecError,
            RecursionError,
            UnicodeDecodeError,
            MissingQueryError,
            CannotGetOperationTypeError,
            InvalidOperationTypeError,
        ):
            return await self.run(request, context)
        data = await self.process_result(request, result)
        return self.create_response(data, await self.get_sub_response(request))

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:  # noqa: ARG002
        """Who asks, and when.

        Raises:
            Unauthenticated: there is a key, and it is not good.
        """
        token = token_of(request.headers)
        authenticator = self._services.authenticator
        return Context(
            services=self._services,
            principal=await authenticator.authenticate(token) if token is not None else None,
            as_of=self._services.clock(),
            kinds=self._kinds,
        )

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
            data.query = self._trusted.text(data.query, wanted_hash(None, extensions))
        return data

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:  # noqa: ARG002
        """The response map; without `data` where nothing was executed."""
        response: dict[str, Any] = {}
        if result.errors:
            response["errors"] = [error.formatted for error in result.errors]
        if not isinstance(result, PreExecutionError):
            response["data"] = result.data
        return cast("GraphQLHTTPResponse", response)

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        """The answer in the form that the client takes, with the status that the specification asks for."""
        assert isinstance(sub_response, Answering)
        data = cast("Mapping[str, Any]", response_data)
        status = sub_response.status_code or 200
        headers: dict[str, str] = {}
        if "data" not in data:
            codes = {error.get("extensions", {}).get("code") for error in data["errors"]}
            if "UNAUTHENTICATED" in codes:
                status = 401
                headers["WWW-Authenticate"] = 'Bearer realm="diptych"'
            elif sub_response.answer_type == RESPONSE_TYPE:
                status = 400
        return Response(
            self.encode_json(data),
            status_code=status,
            media_type=f"{sub_response.answer_type}; charset=utf-8",
            headers=headers,
        )

    async def render_graphql_ide(self, request: Request) -> Response:  # noqa: ARG002
        """GraphiQL in the browser."""
        return ide.render()


def graphql_routes(services: Services, trusted: TrustedDocuments | None = None) -> list[BaseRoute]:
    """`/graphql`, and the files of GraphiQL."""
    view = GraphQLView(services, trusted or TrustedDocuments())
    return [ide.ASSETS, Route("/graphql", view, methods=None)]


def token_of(headers: Mapping[str, str]) -> str | None:
    """The key that a request brings; None: none.

    Raises:
        Unauthenticated: the header cannot be read.
    """
    authorization = headers.get("authorization")
    if authorization is None:
        return headers.get("x-api-key")
    scheme, _, rest = authorization.strip().partition(" ")
    rest = rest.strip()
    match scheme.lower():
        case "bearer" if rest:
            return rest
        case "basic":
            try:
                decoded = base64.b64decode(rest, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                raise Unauthenticated("The Authorization header cannot be read.") from None
            return decoded.partition(":")[0] or None
        case _:
            raise Unauthenticated("Send the key as `Authorization: Bearer KEY`.")


def media_type_of(accept: str) -> str:
    """The media type to answer with: JSON of old unless the client asks for the new one at least as much."""
    wanted = {JSON_TYPE: 0.0, RESPONSE_TYPE: 0.0}
    for part in accept.split(","):
        name, *parameters = (one.strip().lower() for one in part.split(";"))
        if name in wanted:
            wanted[name] = max(wanted[name], _quality(parameters))
    return (
        RESPONSE_TYPE if wanted[RESPONSE_TYPE] and wanted[RESPONSE_TYPE] >= wanted[JSON_TYPE] else JSON_TYPE
    )


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _refusal(request: Request, error: DiptychError) -> Response:
    status = {Unauthenticated: 401, Unavailable: 503, TooLarge: 413}.get(type(error), 400)
    shown = to_graphql_error(error)
    response = _failure(request, status, shown.message, str((shown.extensions or {})["code"]))
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="diptych"'
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _wrong_method(request: Request) -> Response:
    return _failure(request, 405, "GraphQL takes GET and POST.", "BAD_USER_INPUT")


def _failure(request: Request, status: int, message: str, code: str) -> Response:
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    media_type = media_type_of(request.headers.get("accept", ""))
    headers = {"Allow": "POST" if request.method == "GET" else "GET, POST"} if status == 405 else None
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type=f"{media_type}; charset=utf-8",
        headers=headers,
    )


def _limited(receive: Receive) -> Receive:
    read = 0

    async def limited() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > LARGEST_BODY:
            raise TooLarge(f"A request may have {LARGEST_BODY:,} bytes.")
        return message

    return limited
