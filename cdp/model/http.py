"""What a plugin is given to talk HTTP with, and what it gets back."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from cdp.errors import OutboundFailed


class HttpResponse(Struct, frozen=True, kw_only=True):
    """What a server answered, whatever its status."""

    status: int
    headers: dict[str, str]
    """Names in lower case; several of one name are joined by commas."""
    body: bytes
    url: str
    """Of the last request, where redirects were followed."""

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            OutboundFailed: it is none.
        """
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError):
            raise OutboundFailed("The answer is not JSON.") from None

    def retry_after(self) -> float | None:
        """Seconds that the server asks to be left alone for, in the header `Retry-After`; None: it does not say.

        A time of day is compared with the server's own `Date`.
        """
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit() and len(text) < 10:
            return float(text)
        try:
            until, now = parsedate_to_datetime(text), parsedate_to_datetime(self.headers.get("date", ""))
            return max(0.0, (until - now).total_seconds())
        except (ValueError, TypeError):
            return None


class Http(Protocol):
    """The one way out: it goes to public addresses alone, for a limited time, and takes in a limited body."""

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
        """Ask a server.

        Args:
            method: such as `GET`.
            url: `http` or `https`, without user name or password.
            headers: sent along; those of a secret do not follow a redirect to elsewhere.
            params: added to the query of the URL.
            json: sent as the body, with its Content-Type.
            content: sent as the body as it is.
            timeout: seconds for everything, at most what the process allows.
            redirects: how many are followed, of `GET` and `HEAD`; a further one is the answer.

        Raises:
            OutboundRefused: the URL or an address that it leads to is not allowed.
            OutboundFailed: no whole answer came in time, or it is too large.
        """

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
        redirects: int = 3,
    ) -> HttpResponse:
        """`request("GET", url)`."""
        return await self.request(
            "GET", url, headers=headers, params=params, timeout=timeout, redirects=redirects
        )

    async def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> HttpResponse:
        """`request("POST", url)`."""
        return await self.request("POST", url, headers=headers, json=json, content=content, timeout=timeout)
