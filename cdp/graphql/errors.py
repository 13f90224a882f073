"""Errors as GraphQL answers them: a sentence and `extensions.code`; what is our own fault is masked and logged."""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import structlog
from graphql import GraphQLError, Node

from cdp.errors import DiptychError, RateLimited, Unavailable

log = structlog.get_logger(__name__)

LONGEST_MESSAGE = 1_000
"""Characters; GraphQL's own messages quote whole values."""

AWAY = "The server cannot do this just now; try again in a moment."
"""What is away, and where it lives, is for the log."""

_CODES = {
    "BAD_USER_INPUT",
    "COMPLEXITY",
    "FORBIDDEN",
    "INTERNAL",
    "NOT_FOUND",
    "RATE_LIMITED",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
}


def to_graphql_error(
    error: Exception, nodes: Sequence[Node] | None = None, path: Sequence[str | int] | None = None
) -> GraphQLError:
    """Translate whatever a field raised; an error of GraphQL's own is the caller's to mend."""
    cause = error.original_error if isinstance(error, GraphQLError) else error
    located = {
        "nodes": (error.nodes if isinstance(error, GraphQLError) else None) or list(nodes or ()),
        "path": (error.path if isinstance(error, GraphQLError) else None) or list(path or ()) or None,
    }
    match cause:
        case None:
            assert isinstance(error, GraphQLError)
            return _with_code(error)
        case GraphQLError():
            return _with_code(GraphQLError(cause.message, extensions=cause.extensions, **located))  # type: ignore[arg-type]
        case Unavailable():
            log.warning("unavailable", reason=cause.message)
            return GraphQLError(AWAY, extensions={"code": cause.code}, original_error=cause, **located)  # type: ignore[arg-type]
        case DiptychError():
            more: dict[str, Any] = {"code": cause.code if cause.code in _CODES else "BAD_USER_INPUT"}
            if isinstance(cause, RateLimited):
                more["retryAfter"] = cause.retry_after
            return GraphQLError(short(cause.message), extensions=more, original_error=cause, **located)  # type: ignore[arg-type]
        case asyncpg.QueryCanceledError():
            message = "The query took too long; ask for less at once."
            return GraphQLError(message, extensions={"code": "COMPLEXITY"}, original_error=cause, **located)  # type: ignore[arg-type]
        case _:
            return _masked(cause, **located)  # type: ignore[arg-type]


def short(message: str) -> str:
    """A message without the end of what it quotes."""
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]} …"


def _with_code(error: GraphQLError) -> GraphQLError:
    if "code" in (error.extensions or {}) and len(error.message) <= LONGEST_MESSAGE:
        return error
    return GraphQLError(
        short(error.message),
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions={"code": "BAD_USER_INPUT", **(error.extensions or {})},
    )


def _masked(
    cause: BaseException, nodes: Sequence[Node] | None, path: Sequence[str | int] | None
) -> GraphQLError:
    reference = secrets.token_hex(6)
    # Not the traceback itself: it would quote values, and they may be personal data.
    log.error(
        "graphql_internal_error",
        reference=reference,
        path=path,
        error=type(cause).__name__,
        sqlstate=getattr(cause, "sqlstate", None),
        at=[
            f"{Path(place.filename).name}:{place.lineno} {place.name}"
            for place in traceback.extract_tb(cause.__traceback__)[-6:]
        ],
    )
    return GraphQLError(
        f"Something went wrong on our side; quote the reference {reference} when you ask about it.",
        nodes=nodes,
        path=path,
        extensions={"code": "INTERNAL", "reference": reference},
    )
