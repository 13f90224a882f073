"""Headers that tell browsers to make nothing else of an answer than what it is; on every answer that there is.

A page of ours, or of a plugin's, says by a `Content-Security-Policy` of its own what it needs; all else may nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import Scope

Header = tuple[bytes, bytes]

EVERYWHERE: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    # Answers are for whoever asked, with the key that was sent, at that moment.
    (b"cache-control", b"no-store"),
)  # fmt: skip
"""Unless the answer itself says otherwise."""

PAGE = "diptych.page"
"""Key in the scope of a request, of the one origin that may read the answer: its key is for some web pages alone."""

_ONE_YEAR = (b"strict-transport-security", b"max-age=31536000")
_SAME_ORIGIN = (b"cross-origin-resource-policy", b"same-origin")
_CROSS_ORIGIN = (b"cross-origin-resource-policy", b"cross-origin")
_TRACKING = "/v1/"


def with_safety(scope: Scope, headers: Iterable[Header]) -> list[Header]:
    """The headers of an answer, with those that keep browsers from doing anything else with it."""
    written = list(headers) if PAGE not in scope else _for_one_page(scope[PAGE], headers)
    said = {name for name, _ in written}
    written += [header for header in EVERYWHERE if header[0] not in said]
    # Web pages elsewhere send events, also in ways in which they may not read the answer.
    written.append(_CROSS_ORIGIN if scope["path"].startswith(_TRACKING) else _SAME_ORIGIN)
    if scope.get("scheme") == "https":
        written.append(_ONE_YEAR)
    return written


def _for_one_page(origin: str | None, headers: Iterable[Header]) -> list[Header]:
    """The same where any page could have read the answer, but the key that was sent is for some alone."""
    written = [(name, value) for name, value in headers if name != b"access-control-allow-origin"]
    if origin is not None:
        written.append((b"access-control-allow-origin", origin.encode("latin-1", "replace")))
    return [*written, (b"vary", b"Origin")]


def as_text() -> list[str]:
    """The same as lines of an answer that is written by hand."""
    return [f"{name.decode().title()}: {value.decode()}" for name, value in (*EVERYWHERE, _SAME_ORIGIN)]
