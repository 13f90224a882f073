"""Visitors' tokens: JWTs that the customer's own server signs for one person, for minutes.

    head    {"alg": "HS256", "typ": "JWT", "kid": "cdp_vis_…"}
    claims  {"aud": "diptych:visitor", "sub": "ann", "iat": …, "exp": …}

What a server signs besides with the same secret is none of them, for want of that audience.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
from jwt.types import Options
from msgspec import Struct

from cdp.errors import Unauthenticated

AUDIENCE = "diptych:visitor"
ALGORITHM = "HS256"
USER_ID = "user_id"

LONGEST = 4_096
"""Characters of a token."""
LONGEST_LIFE = 3_600
"""Seconds from `iat` to `exp`."""
LEEWAY = 60
"""Seconds by which the clock of who signs may be ahead of ours."""
MOST_IDENTIFIERS = 20
MOST_GROUPS = 100

_LONGEST_TEXT = 512
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}")
_KID = re.compile(r"cdp_vis_[0-9A-Za-z]{22}")
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TIME_ONLY_BY_US: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "require": ["aud", "sub", "iat", "exp"],
}

NO_GOOD = "This visitor token is not one of this workspace, or not of now."


class VisitorToken(Struct, frozen=True, kw_only=True):
    """What a good token says."""

    kind: str
    value: str
    """The identifier of the visitor, as the signing server wrote it."""
    also: tuple[tuple[str, str], ...] = ()
    """Kinds and values of further identifiers of the same person, on the server's word."""
    groups: tuple[str, ...] = ()
    """Ids of groups that the visitor is in, on the server's word."""
    expires_at: int
    """Seconds since 1970."""
    once: bytes | None = None
    """What tells it from all others, where it may be used once."""

    @property
    def identifiers(self) -> tuple[tuple[str, str], ...]:
        """Kind and value of all that it proves."""
        return ((self.kind, self.value), *self.also)


@lru_cache(maxsize=1_024)
def kid_of(token: str) -> str | None:
    """Which secret a token says that it is signed with; None: it is no visitor's token, whatever else it may be."""
    if len(token) > LONGEST or _SHAPE.fullmatch(token) is None:
        return None
    try:
        head = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        return None
    kid = head.get("kid")
    return kid if isinstance(kid, str) and _KID.fullmatch(kid) else None


def read(token: str, secret: str, *, now: float) -> VisitorToken:
    """What a token says, once its signature and its times are found good.

    Args:
        token: as it came.
        secret: of the `kid` that it names.
        now: seconds since 1970.

    Raises:
        Unauthenticated: it is not good. The message says what to mend, and nothing of the secret.
    """
    claims = _signed(token, secret)
    expires_at = _until(claims, now)
    kind = _text(claims, "kind", USER_ID)
    if _KIND.fullmatch(kind) is None:
        raise Unauthenticated("The claim `kind` of a visitor token is the name of a kind of identifiers.")
    return VisitorToken(
        kind=kind,
        value=_text(claims, "sub"),
        also=_also(claims),
        groups=tuple(_texts(claims.get("groups", []), "groups", MOST_GROUPS)),
        expires_at=expires_at,
        once=_once(claims, token),
    )


def sign(
    secret: str,
    kid: str,
    value: str,
    *,
    now: datetime,
    life: timedelta = timedelta(minutes=10),
    **claims: Any,
) -> str:
    """A token, as the customer's server makes it: `claims` are `kind`, `also`, `groups`, `once` and `jti`."""
    issued = int(now.timestamp())
    said = {"aud": AUDIENCE, "sub": value, "iat": issued, "exp": issued + int(life.total_seconds()), **claims}
    return jwt.encode(said, secret, algorithm=ALGORITHM, headers={"kid": kid})


@lru_cache(maxsize=1_024)
def _signed(token: str, secret: str) -> Mapping[str, Any]:
    """The claims of a token that is signed with the secret; a page asks many times with one token."""
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token, secret, algorithms=[ALGORITHM], audience=AUDIENCE, options=_TIME_ONLY_BY_US
        )
    except jwt.MissingRequiredClaimError as error:
        raise Unauthenticated(f"The visitor token lacks the claim `{error.claim}`.") from None
    except jwt.InvalidAudienceError:
        raise Unauthenticated(f"The claim `aud` of a visitor token is {AUDIENCE!r}.") from None
    except (jwt.InvalidTokenError, ValueError, TypeError):
        raise Unauthenticated(NO_GOOD) from None
    return claims


def over(message: str) -> Unauthenticated:
    """The error for a token that was good: pages are left open, and their tokens expire."""
    error = Unauthenticated(message)
    error.was_good = True
    return error


def _until(claims: Mapping[str, Any], now: float) -> int:
    issued, expires, begins = (_time(claims, name) for name in ("iat", "exp", "nbf"))
    assert issued is not None
    assert expires is not None
    if expires <= now:
        raise over("This visitor token has expired; have another one signed.")
    if max(issued, begins or 0) > now + LEEWAY:
        raise Unauthenticated("This visitor token is of the future; compare the clocks.")
    if not 0 < expires - issued <= LONGEST_LIFE:
        raise Unauthenticated(f"A visitor token lives for {LONGEST_LIFE:,} seconds at most.")
    return expires


def _time(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None and name == "nbf":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e11:
        raise Unauthenticated(f"The claim `{name}` of a visitor token is a number of seconds since 1970.")
    return int(value)


def _text(claims: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = claims.get(name, default)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TEXT:
        raise Unauthenticated(f"The claim `{name}` of a visitor token is a text.")
    return value


def _texts(value: object, name: str, most: int) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    texts = [one for one in listed if isinstance(one, str) and 0 < len(one) <= _LONGEST_TEXT]
    if len(texts) < len(listed) or len(texts) > most:
        raise Unauthenticated(f"The claim `{name}` of a visitor token holds texts, {most} at most.")
    return texts


def _also(claims: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    also = claims.get("also", {})
    if not isinstance(also, dict):
        raise Unauthenticated('The claim `also` of a visitor token is an object, such as {"email": "…"}.')
    found = [
        (kind, value) for kind, values in also.items() for value in _texts(values, "also", MOST_IDENTIFIERS)
    ]
    if len(found) > MOST_IDENTIFIERS:
        raise Unauthenticated(f"A visitor token names {MOST_IDENTIFIERS} identifiers at most.")
    return tuple(found)


def _once(claims: Mapping[str, Any], token: str) -> bytes | None:
    match claims.get("once", False):
        case False:
            return None
        case True:
            # Of what is signed alone: a signature may be spelt in more than one way.
            return hashlib.sha256(token.rpartition(".")[0].encode()).digest()
        case _:
            raise Unauthenticated("The claim `once` of a visitor token is true or false.")
