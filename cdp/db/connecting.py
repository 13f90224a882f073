"""Reaching a PostgreSQL, and what it means when that fails."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import asyncpg

from cdp.errors import Misconfigured, Unavailable

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    ConnectionError,
)
"""Errors after which the same statement may well succeed on another connection."""

CONNECT_TIMEOUT = 10.0
"""Seconds."""


async def connect(url: str) -> asyncpg.Connection:
    """One connection as the role of `url`, outside any pool and bound to no workspace: for migrations and repair.

    Raises:
        Unavailable: nobody answers there.
        Misconfigured: somebody does, and refuses.
    """
    with reaching(url):
        return await asyncpg.connect(url, timeout=CONNECT_TIMEOUT)


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Translate what can go wrong while a connection to `url` is made into a sentence without its password.

    Raises:
        Unavailable: nobody answers there, or not in time.
        Misconfigured: the URL, the password, the role or the database is wrong.
    """
    try:
        yield
    except (*LOST, OSError, TimeoutError) as error:
        raise Unavailable(
            f"PostgreSQL cannot be reached at {describe(url)} ({reason(error)}): is it running?"
        ) from error
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise Misconfigured(f"PostgreSQL at {describe(url)} refuses the connection: {error}.") from error
    except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError) as error:
        raise Misconfigured(
            f"The login of {describe(url)} may not act as the application ({error}): "
            "run `cdp migrate` as the owner, then GRANT diptych_app to this login."
        ) from error
    except (asyncpg.InterfaceError, ValueError) as error:
        raise Misconfigured(f"{describe(url)} is not the URL of a PostgreSQL: {error}.") from error


def describe(url: str) -> str:
    """Where a URL leads, as `host:port/database`, without user and password."""
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        host = (query.get("host") or [parts.hostname or "localhost"])[0]
        port = (query.get("port") or [str(parts.port or 5432)])[0]
    except ValueError:
        return "this address"
    return f"{host}:{port}/{parts.path.lstrip('/')}"


def reason(error: BaseException) -> str:
    """What went wrong in a few words, without the full stop."""
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    if isinstance(error, TimeoutError):
        return "no answer in time"
    said = str(error).splitlines()
    return said[0].rstrip(".") if said else type(error).__name__
