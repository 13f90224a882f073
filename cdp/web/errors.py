"""Translation of errors at the edge that is HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cdp.errors import DiptychError, Unavailable
from cdp.web.answers import error_answer, json_answer

log = structlog.get_logger(__name__)

Handler = Callable[[Request, Exception], Awaitable[Response]]


def exception_handlers() -> Mapping[Any, Handler]:
    """What turns exceptions into answers; what is not named here is the middleware's: 500 and a log entry."""
    return {DiptychError: _on_purpose, HTTPException: _by_routing}


async def _on_purpose(_request: Request, error: Exception) -> Response:
    assert isinstance(error, DiptychError)
    if isinstance(error, Unavailable):
        log.warning("unavailable", reason=error.message)
    return error_answer(error)


async def _by_routing(_request: Request, error: Exception) -> Response:
    """Unknown addresses, wrong methods."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    messages = {
        HTTPStatus.NOT_FOUND: "There is nothing at this address.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take this method.",
    }
    return json_answer(
        {"code": status.name, "message": messages.get(status, error.detail)},
        status=error.status_code,
        headers=error.headers,
    )
