"""Who asks for what, whichever transport carries it: keys to contexts, requests to answers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from cdp.access.keys import looks_like_key
from cdp.errors import BadInput, DiptychError, Unauthenticated
from cdp.graphql.context import Context, Services
from cdp.graphql.errors import to_graphql_error
from cdp.graphql.following import follow
from cdp.graphql.schema import build_schema
from cdp.graphql.trusted import TrustedDocuments, wanted_hash
from cdp.identity.kinds import make_kinds


class Asked(msgspec.Struct, rename="camel"):
    """The parameters of a request."""

    query: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None


class Desk:
    """Where every transport hands in what it was asked."""

    def __init__(self, services: Services, trusted: TrustedDocuments) -> None:
        self.services = services
        self.trusted = trusted
        self._kinds = make_kinds(*services.plugins.identifier_kinds())

    async def context(self, token: str | None) -> Context:
        """Who asks, and when.

        Raises:
            Unauthenticated: there is a key, and it is not good.
        """
        services = self.services
        return Context(
            services=services,
            principal=await services.authenticator.authenticate(token) if token is not None else None,
            as_of=services.clock(),
            kinds=self._kinds,
        )

    def text(self, asked: Asked) -> str | None:
        """The document that is asked for, by its text or its hash; raises what TrustedDocuments.text does."""
        return self.trusted.text(asked.query, wanted_hash(asked.document_id, asked.extensions))

    async def answers(self, asked: Asked, token: str | None) -> AsyncGenerator[ExecutionResult]:
        """The answers to an operation of any type; to a query or a mutation it is one.

        Raises:
            Unauthenticated: the key is not good, or has ended meanwhile.
            Unavailable: the database is away.
        """
        schema = build_schema(self.services.plugins)
        context = await self.context(token)
        try:
            prepared = schema.prepare(self.text(asked), asked.variables, context, asked.operation_name)
        except MissingQueryError:
            yield _refusal(BadInput("There is no `query`."))
            return
        except CannotGetOperationTypeError as error:
            yield _refusal(BadInput(error.as_http_error_reason()))
            return
        except DiptychError as error:
            yield _refusal(error)
            return
        if isinstance(prepared, PreExecutionError):
            yield prepared
        elif prepared.operation.is_subscription:
            following = follow(prepared, context, lambda: self.services.authenticator.authenticate(token))
            async with aclosing(following):
                async for answer in following:
                    yield answer
        else:
            yield await schema.run(prepared, context)


def response_map(result: ExecutionResult) -> dict[str, Any]:
    """An answer as it is written; without `data` where nothing was executed."""
    response: dict[str, Any] = {}
    if result.errors:
        response["errors"] = [error.formatted for error in result.errors]
    if not isinstance(result, PreExecutionError):
        response["data"] = result.data
    return response


def _refusal(error: DiptychError) -> PreExecutionError:
    return PreExecutionError(data=None, errors=[to_graphql_error(error)])


def token_of(headers: Mapping[str, str]) -> str | None:
    """The key that a request brings, by the lower-case names of its headers; None: none.

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


def token_of_payload(payload: Mapping[str, Any]) -> str | None:
    """The key that a client sends as it opens a socket: its headers, in any case, or under `headers`; None: none.

    Raises:
        Unauthenticated: it cannot be read.
    """
    inner = payload.get("headers")
    found = {
        str(name).lower(): value
        for source in (inner if isinstance(inner, Mapping) else {}, payload)
        for name, value in source.items()
        if isinstance(value, str)
    }
    if looks_like_key(found.get("authorization", "")):
        return found["authorization"]
    return token_of(found)
