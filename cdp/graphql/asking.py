"""Who asks for what, whichever transport carries it: askers to contexts, requests to answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from cdp.access.principals import Principal
from cdp.access.rates import Noted
from cdp.errors import BadInput, DiptychError, Unauthenticated
from cdp.graphql.askers import Asker
from cdp.graphql.context import NO_KEY, Context, Services
from cdp.graphql.errors import to_graphql_error
from cdp.graphql.following import follow
from cdp.graphql.schema import build_schema
from cdp.graphql.trusted import TrustedDocuments, wanted_hash
from cdp.identity.kinds import make_kinds
from cdp.model import Limits


class Asked(msgspec.Struct, rename="camel"):
    """The parameters of a request."""

    query: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None


NO_LIMITS = Limits()


class Desk:
    """Where every transport hands in what it was asked."""

    def __init__(self, services: Services, trusted: TrustedDocuments) -> None:
        self.services = services
        self.trusted = trusted
        self._kinds = make_kinds(*services.plugins.identifier_kinds())

    async def principal(self, asker: Asker) -> Principal:
        """Whose key or token it is, and what for.

        Raises:
            Unauthenticated: there is none, or it is not good.
            Unavailable: it cannot be told now.
        """
        if asker.token is None:
            raise Unauthenticated(NO_KEY)
        principal = await self.services.authenticator.authenticate(asker.token, asker.peer)
        if asker.purpose is not None and principal.purpose is None:  # what a token was signed for stands
            return msgspec.structs.replace(principal, purpose=asker.purpose)
        return principal

    async def context(self, asker: Asker, noted: Noted | None = None) -> Context:
        """Who asks, and when; it counts as a request.

        Args:
            asker: what the request brings.
            noted: where it is noted how much more may be asked: the request's scope.

        Raises:
            Unauthenticated: there is a key, and it is not good.
            RateLimited: it is one request too many.
        """
        services = self.services
        address = asker.peer.address if asker.peer is not None else None
        principal, limits = None, NO_LIMITS
        if asker.token is None:
            services.rates.stranger(address, noted)
        else:
            principal = await self.principal(asker)
            limits = (await services.workspaces.get(principal.workspace_id)).limits
            services.rates.request(principal, limits, noted, address=address)
        return Context(
            services=services,
            principal=principal,
            as_of=services.clock(),
            kinds=self._kinds,
            limits=limits,
            noted=noted,
        )

    def text(self, asked: Asked) -> str | None:
        """The document that is asked for, by its text or its hash; raises what TrustedDocuments.text does."""
        return self.trusted.text(asked.query, wanted_hash(asked.document_id, asked.extensions))

    async def answers(
        self, asked: Asked, asker: Asker, context: Context | None = None
    ) -> AsyncGenerator[ExecutionResult]:
        """The answers to an operation of any type; to a query or a mutation it is one.

        Args:
            asked: the operation.
            asker: who asks, looked at again and again while it is followed.
            context: of a request that was counted already.

        Raises:
            Unauthenticated: the key is not good, or has ended meanwhile.
            Unavailable: the database is away.
            RateLimited: it is one request too many.
        """
        schema = build_schema(self.services.plugins)
        context = context or await self.context(asker)
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
            following = follow(prepared, context, lambda: self.principal(asker))
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
