"""Tokens as they come with requests: checked once, and remembered for as long as nothing about them has changed."""

from __future__ import annotations

import base64
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import jwt
import msgspec
from msgspec import Struct

from cdp.access.memory import Memory
from cdp.access.principals import Principal
from cdp.access.tokens.claims import expiry, principal_of
from cdp.access.tokens.issuer import ALGORITHMS, Issuer
from cdp.access.tokens.keysets import KeySets, PublicKey
from cdp.access.tokens.store import find_issuers
from cdp.db.pool import Database
from cdp.errors import Unauthenticated

LONGEST = 8_192
"""Characters of a token."""
_LONGEST_URL = 500
"""Characters; and as many audiences."""
_FOR_ACCESS = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""Types of tokens that let somebody in; issuers sign others for the same audience: of who logged out, for example."""


class Untrusted(Unauthenticated):
    """A token that nothing is known of: its bearer is not told why, which is `why`."""

    def __init__(self, why: str) -> None:
        super().__init__("This token is not one that this server trusts.")
        self.why = why


class _Header(Struct):
    """What a token says of its signature, before anything of it is believed."""

    alg: str
    kid: str | None = None
    typ: str | None = None


class _Claims(Struct):
    """What it says of where it comes from and where it goes, before anything of it is believed."""

    iss: str
    aud: str | list[str]
    events: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    """What a notice of the issuer is about (RFC 8417)."""

    @property
    def audiences(self) -> frozenset[str]:
        """Whom it is for."""
        return frozenset((self.aud,) if isinstance(self.aud, str) else self.aud)


_read_header = msgspec.json.Decoder(_Header).decode
_read_claims = msgspec.json.Decoder(_Claims).decode


class _Known(Struct, frozen=True, eq=False):
    """A token that was good."""

    principal: Principal
    issuer: Issuer
    key: PublicKey
    expires_at: float
    """Seconds since 1970."""


class TokenBearer:
    """Tells whose a token of an OIDC issuer is.

    What is remembered of a token is used while the workspace's entry for its issuer is the same, which is looked at
    every second, and its key is still among the issuer's. Tokens themselves are not kept, only their SHA-256.
    """

    def __init__(
        self,
        database: Database,
        keysets: KeySets,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        remembered: int = 10_000,
    ) -> None:
        """Make it; it asks nobody before it is asked.

        Args:
            database: where issuers are looked up.
            keysets: their keys.
            clock: the current time, that tokens expire by.
            monotonic: seconds.
            remembered: tokens, and issuers.
        """
        self._database = database
        self._keysets = keysets
        self._clock = clock
        self._remembered = remembered
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self.issuers: Memory[str, tuple[Issuer, ...]] = Memory(
            self._look_up, monotonic=monotonic, remembered=remembered
        )

    def recognises(self, token: str) -> bool:
        """Whether it has the three parts of a signed token."""
        return token.count(".") == 2

    async def principal(self, token: str) -> Principal:
        """Whose token it is.

        Raises:
            Unauthenticated: nobody's whom a workspace trusts, or it is not of now, or grants nothing.
            Unavailable: the database is away, or the issuer whose keys are needed.
        """
        if len(token) > LONGEST:
            raise Unauthenticated(f"A token has at most {LONGEST:,} characters.")
        if not token.isascii():
            raise Untrusted("It holds characters that no token has.")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is None or not await self._still_good(known):
            self._known.pop(digest, None)
            known = self._known[digest] = await self._check(token)
            while len(self._known) > self._remembered:
                self._known.popitem(last=False)
        return known.principal

    async def _still_good(self, known: _Known) -> bool:
        issuers = await self.issuers.get(known.issuer.url)
        return (
            issuers is not None
            and any(one is known.issuer for one in issuers)
            and self._keysets.still_has(known.issuer, known.key)
            and self._now() < known.expires_at
        )

    async def _check(self, token: str) -> _Known:
        header, said = _read(token)
        issuer = await self._issuer_of(said)
        if header.alg not in issuer.algorithms:
            raise Untrusted(f"The workspace does not take signatures of the kind {header.alg}.")
        key = await self._keysets.find(issuer, header.kid, header.alg)
        if key is None:
            raise Untrusted("Its issuer shows no key of its `kid` for such signatures.")
        claims = _verified(token, issuer, key)
        return _Known(principal_of(claims, issuer), issuer, key, expiry(claims, issuer, self._now()))

    async def _issuer_of(self, said: _Claims) -> Issuer:
        issuers = await self.issuers.get(said.iss) or ()
        fitting = [one for one in issuers if one.audience in said.audiences]
        if not fitting:
            raise Untrusted("No workspace accepts tokens of its `iss` for its `aud`.")
        if len({one.workspace_id for one in fitting}) > 1:
            raise Untrusted("It is for several workspaces at once.")
        return fitting[0]

    async def _look_up(self, url: str) -> tuple[Issuer, ...] | None:
        found = await find_issuers(self._database, url)
        before = self.issuers.good.get(url)
        if before is not None and before.value == found:
            return before.value  # the same objects, by which tokens know that nothing has changed
        return found or None

    def _now(self) -> float:
        return self._clock().timestamp()


def _read(token: str) -> tuple[_Header, _Claims]:
    """What the token says of itself; only to find out whom to ask about it: what counts is read by `_verified`.

    Raises:
        Untrusted: it is no token, or one that is not signed with what everybody may check.
    """
    try:
        first, second, _ = (_unpacked(part) for part in token.split("."))
        header = _read_header(first)
        said = _read_claims(second)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise Untrusted("It is no token, or does not say whose (`iss`) and for whom (`aud`).") from None
    if header.alg not in ALGORITHMS:
        raise Untrusted("It is not signed, or with what only its issuer could check.")
    if (header.typ or "JWT").lower() not in _FOR_ACCESS or said.events is not msgspec.UNSET:
        raise Untrusted("It is a token of another kind, and lets nobody in.")
    if len(said.iss) > _LONGEST_URL or not said.iss.isprintable() or len(said.aud) > _LONGEST_URL:
        raise Untrusted("Its `iss` is no URL, or it is for too many.")
    return header, said


def _unpacked(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _verified(token: str, issuer: Issuer, key: PublicKey) -> Mapping[str, Any]:
    """The claims of a token whose signature is good.

    Raises:
        Untrusted: it is not.
    """
    algorithms = sorted(key.algorithms.intersection(issuer.algorithms))
    # Times are compared by our own clock, and after the signature: see `expiry`.
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "require": ["iss", "aud"]}
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key=key.key,
            algorithms=algorithms,
            audience=issuer.audience,
            issuer=issuer.url,
            options=options,
        )
    except jwt.PyJWTError as error:
        raise Untrusted(f"Its signature is not good ({type(error).__name__}).") from None
    return claims
