"""HTTP for plugins: addresses are checked where the connection is made, so that no name can change in between.

A connection is opened for each request and closed after it: plugins run on loops of their own, which may be replaced at
any time, and nothing of one request reaches another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit, urlunsplit

import httpcore
import msgspec

from cdp.errors import OutboundFailed, OutboundRefused
from cdp.model import Http, HttpResponse
from cdp.outbound.addresses import Network, resolve

_SCHEMES = {"http": 80, "https": 443}
_FOLLOWED = frozenset({301, 302, 303, 307, 308})
_TOKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LONGEST_URL = 8_000


class Outbound(Http):
    """Sends requests; safe to use from several event loops at once.

    Args:
        allowed: networks that may be reached although they are not public.
        seconds: longest that one exchange may take, redirects included.
        most_bytes: largest body that is taken in, and sent.
    """

    def __init__(
        self, *, allowed: Sequence[Network] = (), seconds: float = 30.0, most_bytes: int = 1024 * 1024
    ) -> None:
        self._backend = _Pinned(allowed)
        self._seconds = seconds
        self._most_bytes = most_bytes

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - of the whole exchange
        redirects: int = 0,
    ) -> HttpResponse:
        """See `cdp.model.Http.request`."""
        if not method or not _TOKEN.issuperset(method):
            raise OutboundRefused(f"{method[:20]!r} is no method of HTTP.")
        named = {name.lower(): value for name, value in (headers or {}).items()}
        if json is not None:
            content = msgspec.json.encode(json)
            named.setdefault("content-type", "application/json")
        if content is not None and len(content) > self._most_bytes:
            raise OutboundRefused(f"The body has more than {self._most_bytes} bytes.")
        target = _checked(url, params)
        seconds = self._seconds if timeout is None else min(timeout, self._seconds)
        try:
            async with asyncio.timeout(seconds):
                return await self._following(method, target, named, content, redirects)
        except TimeoutError:
            raise OutboundFailed(f"No whole answer came within {seconds:g} seconds.") from None

    async def _following(
        self,
        method: str,
        target: SplitResult,
        headers: dict[str, str],
        content: bytes | None,
        redirects: int,
    ) -> HttpResponse:
        while True:
            answer = await self._once(method, target, headers, content)
            location = answer.headers.get("location")
            if (
                redirects <= 0
                or location is None
                or answer.status not in _FOLLOWED
                or method not in {"GET", "HEAD"}
            ):
                return answer
            redirects -= 1
            onward = _checked(urljoin(answer.url, location), None)
            if target.scheme == "https" and onward.scheme == "http":
                raise OutboundRefused("The server redirects from https to http.")
            if _origin(onward) != _origin(target):
                # Whatever may be a secret stays with whom it was given to.
                headers = {name: value for name, value in headers.items() if name == "accept"}
            target = onward

    async def _once(
        self, method: str, target: SplitResult, headers: Mapping[str, str], content: bytes | None
    ) -> HttpResponse:
        url = urlunsplit(target)
        sent = {
            "host": target.netloc,
            "user-agent": "diptych",
            "accept": "*/*",
            **headers,
            # What is packed could be a thousand times as large as it looks.
            "accept-encoding": "identity",
        }
        try:
            async with (
                httpcore.AsyncConnectionPool(network_backend=self._backend, max_connections=1) as pool,
                pool.stream(method, url, headers=list(sent.items()), content=content) as response,
            ):
                got = _joined(response.headers)
                if got.get("content-encoding", "identity") != "identity":
                    raise OutboundFailed("The answer is compressed although it was asked not to be.")
                body = await self._body(response)
        except (httpcore.LocalProtocolError, UnicodeEncodeError):
            raise OutboundRefused("The request cannot be sent: a header or the URL is malformed.") from None
        except (
            httpcore.NetworkError,
            httpcore.TimeoutException,
            httpcore.ProtocolError,
            OSError,
        ) as error:
            # The error's own words may quote the URL, and with it a secret.
            unreached = isinstance(error, httpcore.ConnectError | httpcore.ConnectTimeout)
            raise OutboundFailed(
                f"The exchange with the server failed: {type(error).__name__}.",
                code="OUTBOUND_UNREACHED" if unreached else None,
            ) from None
        return HttpResponse(status=response.status, headers=got, body=body, url=url)

    async def _body(self, response: httpcore.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_stream():
            body += chunk
            if len(body) > self._most_bytes:
                raise OutboundFailed(f"The answer has more than {self._most_bytes} bytes.")
        return bytes(body)


class _Pinned(httpcore.AsyncNetworkBackend):
    """Connects to the very addresses that were checked; TLS still asks for the host's name."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed = tuple(allowed)
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, check, connect to the first that answers."""
        refused: Exception | None = None
        for address in await resolve(host.strip("[]"), port, self._allowed):
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                refused = error
        assert refused is not None
        raise refused

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 - httpcore's
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """There is no way to a socket of this machine."""
        raise OutboundRefused(f"{path[:100]!r} is a socket of this machine.")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def _checked(url: str, params: Mapping[str, str] | None) -> SplitResult:
    """The URL in its parts, written in ASCII.

    Raises:
        OutboundRefused: it is no URL that may be asked for.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode() if ":" not in (parts.hostname or "") else ""
    except (ValueError, UnicodeError):
        raise OutboundRefused("This is no URL.") from None
    literal = parts.hostname if ":" in (parts.hostname or "") else None
    if parts.scheme not in _SCHEMES or not (host or literal):
        raise OutboundRefused("A URL begins with http:// or https:// and names a host.")
    if parts.username is not None or parts.password is not None:
        raise OutboundRefused("A URL may hold no user name and no password; send a header.")
    query = "&".join(one for one in (parts.query, urlencode(dict(params or {}))) if one)
    shown = f"[{literal}]" if literal else host
    netloc = shown if port in {None, _SCHEMES[parts.scheme]} else f"{shown}:{port}"
    found = SplitResult(parts.scheme, netloc, parts.path or "/", query, "")
    text = urlunsplit(found)
    if len(text) > _LONGEST_URL or not text.isascii() or any(one <= " " or one == "\x7f" for one in text):
        raise OutboundRefused("This URL is too long, or holds what must be percent-encoded.")
    return found


def _origin(target: SplitResult) -> tuple[str, str]:
    return target.scheme, target.netloc


def _joined(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        joined[key] = f"{joined[key]}, {text}" if key in joined else text
    return joined
