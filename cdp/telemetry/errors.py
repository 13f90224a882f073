"""Errors for the log: what they are and where, not their words, which may quote somebody's data."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from cdp.errors import DiptychError

_PLACES = 6


def described(error: BaseException) -> dict[str, Any]:
    """Kind, SQLSTATE if it is the database's, and the innermost places; of ours, those of what caused it."""
    cause = error.__cause__ if isinstance(error, DiptychError) and error.__cause__ is not None else error
    found: dict[str, Any] = {"error": type(cause).__name__}
    sqlstate = getattr(cause, "sqlstate", None)
    if sqlstate is not None:
        found["sqlstate"] = sqlstate
    found["at"] = [
        f"{Path(place.filename).name}:{place.lineno} {place.name}"
        for place in traceback.extract_tb(cause.__traceback__)[-_PLACES:]
    ]
    return found
