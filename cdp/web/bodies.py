"""Bodies of requests, of which no more is ever held than is allowed."""

from __future__ import annotations

from starlette.requests import Request

from cdp.errors import TooLarge


def declared_size(request: Request, most: int, *, advice: str = "") -> int:
    """The body's length in bytes as its head says; 0 where it does not.

    Args:
        request: the request.
        most: bytes that are allowed.
        advice: what the sender can do where it is larger, such as `; send less`.

    Raises:
        TooLarge: it is more than is allowed.
    """
    declared = request.headers.get("content-length", "")
    size = int(declared) if declared.isdecimal() else 0
    _check(size, most, advice)
    return size


async def read_body(request: Request, most: int, *, advice: str = "") -> bytes:
    """The body; reading ends where it turns out to be too large.

    Args:
        request: the request.
        most: bytes that are allowed.
        advice: what the sender can do where it is larger, such as `; send less`.

    Raises:
        TooLarge: it is more than is allowed, by its head or in fact.
    """
    declared_size(request, most, advice=advice)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        _check(size, most, advice)
        parts.append(part)
    return b"".join(parts)


def _check(size: int, most: int, advice: str) -> None:
    if size > most:
        raise TooLarge(f"The body is larger than {most:,} bytes{advice}.")
