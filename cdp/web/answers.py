"""Answers in JSON; every error body has `code` and `message`, which is also what tracking clients insist on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from cdp.errors import (
    BadInput,
    Conflict,
    DiptychError,
    Forbidden,
    NotFound,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

_STATUS: tuple[tuple[type[DiptychError], int], ...] = (
    (TooLarge, 413),
    (BadInput, 400),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (RateLimited, 429),
    (Unavailable, 503),
)
"""The first that fits; everything else is our own fault."""


def json_answer(content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON."""
    return Response(
        msgspec.json.encode(content), status_code=status, headers=headers, media_type="application/json"
    )


def error_answer(error: DiptychError) -> Response:
    """An error as its status, its code and its sentence."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    headers: dict[str, str] = {}
    content: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.field:
        content["field"] = error.field
    match error:
        case Unavailable():
            headers["Retry-After"] = str(error.retry_after)
            # What is away, and where it lives, is for the log.
            content["message"] = "The server cannot do this just now; try again in a moment."
        case RateLimited():
            headers["Retry-After"] = str(error.retry_after)
        case Unauthenticated():
            # Not Basic, although it is understood: browsers would ask the visitor for a password.
            headers["WWW-Authenticate"] = 'Bearer realm="diptych"'
        case _ if status == 500:
            content = {
                "code": "INTERNAL",
                "message": "Something is wrong with this server; its log says what.",
            }
    return json_answer(content, status=status, headers=headers)
