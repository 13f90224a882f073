"""Who asks, as requests and sockets say it: a key or token, where from, and what for."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from starlette.requests import HTTPConnection

from cdp.access.peers import peer_of
from cdp.access.principals import Peer
from cdp.access.tokens_of_keys import looks_like_key
from cdp.errors import BadInput, Unauthenticated
from cdp.model import Purpose

PURPOSE_HEADER = "x-purpose"


class Asker(Struct, frozen=True):
    """What a request brings of whoever asks; nothing of it has been checked."""

    token: str | None
    """A key, or a token of an issuer or a visitor; None: nothing was sent."""
    peer: Peer | None = None
    purpose: str | None = None
    """What the data is wanted for, a value of `Purpose`; None: it does not say."""


def asker_of(connection: HTTPConnection) -> Asker:
    """Who asks, by the headers of a request.

    Raises:
        Unauthenticated: the header of the key cannot be read.
        BadInput: the purpose is none.
    """
    headers = connection.headers
    return Asker(token_of(headers), peer_of(connection), purpose_of(headers.get(PURPOSE_HEADER)))


def asker_of_payload(payload: Mapping[str, Any], connection: HTTPConnection) -> Asker:
    """Who asks over a socket: by what the client sends as it opens it, as headers or under `headers`; by its headers.

    Raises:
        Unauthenticated: the key cannot be read.
        BadInput: the purpose is none.
    """
    inner = payload.get("headers")
    sent = {
        str(name).lower(): value
        for source in (inner if isinstance(inner, Mapping) else {}, payload)
        for name, value in source.items()
        if isinstance(value, str)
    }
    headers = connection.headers
    purpose = sent.get(PURPOSE_HEADER) or headers.get(PURPOSE_HEADER)
    return Asker(_token_of_sent(sent) or token_of(headers), peer_of(connection), purpose_of(purpose))


def purpose_of(text: str | None) -> str | None:
    """The purpose of that name, in any case.

    Raises:
        BadInput: there is none; the message lists those that there are.
    """
    if text is None:
        return None
    try:
        return Purpose(text.strip().upper()).value
    except ValueError:
        raise BadInput(f"X-Purpose is not one of {', '.join(Purpose)}.") from None


def token_of(headers: Mapping[str, str]) -> str | None:
    """The key that a request brings, by the lower-case names of its headers; None: none.

    Raises:
        Unauthenticated: the header cannot be read.
    """
    authorization = headers.get("authorization")
    if authorization is None:
        return headers.get("x-api-key")
    scheme, _, rest = authorization.strip().partition(" ")
    rest = rest.strip()
    match scheme.lower():
        case "bearer" if rest:
            return rest
        case "basic":
            try:
                decoded = base64.b64decode(rest, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                raise Unauthenticated("The Authorization header cannot be read.") from None
            return decoded.partition(":")[0] or None
        case _:
            raise Unauthenticated("Send the key as `Authorization: Bearer KEY`.")


def _token_of_sent(sent: Mapping[str, str]) -> str | None:
    if looks_like_key(sent.get("authorization", "")):
        return sent["authorization"]
    return token_of(sent)
