"""Public keys of issuers: fetched when they are first needed, kept, renewed, and kept on while an issuer is away."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from msgspec import Struct

from cdp.access.tokens.issuer import ALGORITHMS, Issuer, checked_url
from cdp.errors import BadInput, DiptychError, OutboundFailed, Unavailable
from cdp.model import Http
from cdp.telemetry import count

log = structlog.get_logger(__name__)

RENEW_SECONDS = 300.0
"""A set of keys that is older is renewed beside the requests that use it …"""
WAIT_SECONDS = 600.0
"""… and one that is older than this before them: a key that its issuer has withdrawn is dead then."""
KEEP_SECONDS = 24 * 3600.0
"""How long keys are good that cannot be renewed, because the issuer is away."""
AGAIN_SECONDS = 10.0
"""Between two attempts at an issuer's keys, whoever asks for what."""

MOST_KEYS = 100
"""In one set; the rest is not looked at."""
SMALLEST_RSA, LARGEST_RSA = 2048, 8192
"""Bits: smaller keys can be broken, larger ones take too long to check."""

_HELD = 1_000
"""Sets that a process keeps."""
_DISCOVERY = "/.well-known/openid-configuration"
_AWAY = "The keys of this token's issuer cannot be had just now; try again in a moment."

Place = tuple[str, str | None]
"""URL of an issuer, and of its keys where that is given."""


class PublicKey(Struct, frozen=True, eq=False):
    """A key that signatures are checked with."""

    kid: str | None
    algorithms: frozenset[str]
    """Signatures that it is for."""
    key: Any
    """As the library that checks them takes it."""
    source: str
    """What it was read from, to tell whether it is still the same."""


class KeySet(Struct, frozen=True, eq=False):
    """All keys of an issuer."""

    keys: tuple[PublicKey, ...]
    fetched_at: float
    """Of a clock that only counts seconds."""

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """The key of that id that is for these signatures; without an id the only one that is; None: there is none."""
        fitting = [one for one in self.keys if algorithm in one.algorithms]
        if kid is not None:
            return next((one for one in fitting if one.kid == kid), None)
        return fitting[0] if len(fitting) == 1 else None


class _Held:
    """What a process has of one issuer's keys."""

    def __init__(self) -> None:
        self.keys: KeySet | None = None
        self.tried_at: float | None = None
        self.failed = False
        self.fetching: asyncio.Task[None] | None = None


class KeySets:
    """The keys of issuers, as one process holds them."""

    def __init__(self, http: Http, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Make it; it fetches nothing before it is asked.

        Args:
            http: the way out.
            monotonic: seconds.
        """
        self._http = http
        self._monotonic = monotonic
        self._held: OrderedDict[Place, _Held] = OrderedDict()

    async def aclose(self) -> None:
        """Stop what is under way."""
        tasks = [held.fetching for held in self._held.values() if held.fetching is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def still_has(self, issuer: Issuer, key: PublicKey) -> bool:
        """Whether the key is among its issuer's, as far as is known without waiting; renewed in time."""
        held = self._held.get((issuer.url, issuer.jwks_url))
        if held is None or held.keys is None or self._must_wait(held):
            return False
        if self._age(held.keys) > RENEW_SECONDS:
            self._fetch(issuer, held)
        return key in held.keys.keys

    async def find(self, issuer: Issuer, kid: str | None, algorithm: str) -> PublicKey | None:
        """The issuer's key of that id, for these signatures; None: it has none.

        An id that is not known has the keys fetched anew, but not more often than every ten seconds.

        Raises:
            Unavailable: the issuer is away, and what it had is not known, or too old.
        """
        held = self._of(issuer)
        if self._must_wait(held):
            await self._wait(issuer, held)
        elif held.keys is not None and self._age(held.keys) > RENEW_SECONDS:
            self._fetch(issuer, held)
        keys = self._good(held)
        if keys is not None and (found := keys.find(kid, algorithm)) is not None:
            return found
        await self._wait(issuer, held)  # unless that was a moment ago
        keys = self._good(held)
        found = keys.find(kid, algorithm) if keys is not None else None
        if keys is None or (found is None and held.failed):
            raise Unavailable(_AWAY, retry_after=5)
        return found

    async def look(self, issuer: Issuer) -> tuple[PublicKey, ...]:
        """The issuer's keys as they are now.

        Raises:
            DiptychError: they cannot be had; the message says why.
        """
        return await _fetched(self._http, issuer, {})

    def _of(self, issuer: Issuer) -> _Held:
        place = (issuer.url, issuer.jwks_url)
        held = self._held.setdefault(place, _Held())
        self._held.move_to_end(place)
        while len(self._held) > _HELD:
            _, oldest = self._held.popitem(last=False)
            if oldest.fetching is not None:
                oldest.fetching.cancel()
        return held

    def _age(self, keys: KeySet) -> float:
        return self._monotonic() - keys.fetched_at

    def _good(self, held: _Held) -> KeySet | None:
        return held.keys if held.keys is not None and self._age(held.keys) < KEEP_SECONDS else None

    def _must_wait(self, held: _Held) -> bool:
        """Whether what is held is too old to be used as it is; for one that is away there is no use in waiting."""
        if held.keys is None:
            return True
        return self._age(held.keys) > (KEEP_SECONDS if held.failed else WAIT_SECONDS)

    async def _wait(self, issuer: Issuer, held: _Held) -> None:
        fetching = self._fetch(issuer, held)
        if fetching is not None:
            # One caller that goes away must not take the keys from the others.
            await asyncio.shield(fetching)

    def _fetch(self, issuer: Issuer, held: _Held) -> asyncio.Task[None] | None:
        """What fetches the keys; None: that was tried a moment ago."""
        if held.fetching is None:
            now = self._monotonic()
            if held.tried_at is not None and now - held.tried_at < AGAIN_SECONDS:
                return None
            held.tried_at = now
            held.fetching = asyncio.create_task(self._renew(issuer, held))
        return held.fetching

    async def _renew(self, issuer: Issuer, held: _Held) -> None:
        known = {one.source: one for one in held.keys.keys} if held.keys is not None else {}
        begun = self._monotonic()
        try:
            held.keys = KeySet(await _fetched(self._http, issuer, known), begun)
            held.failed = False
            count("access.keys", "renewed")
        except DiptychError as error:
            held.failed = True
            count("access.keys", "failed")
            log.warning("issuer_keys_not_renewed", issuer=issuer.url, why=error.message, code=error.code)
        finally:
            held.fetching = None


async def _fetched(http: Http, issuer: Issuer, known: Mapping[str, PublicKey]) -> tuple[PublicKey, ...]:
    """The keys; those that are known already are the same objects."""
    place = issuer.jwks_url
    if place is None:
        document = await _json(http, issuer.url.rstrip("/") + _DISCOVERY)
        if document.get("issuer") != issuer.url:
            raise OutboundFailed("The discovery document is another issuer's.")
        place = _checked(document.get("jwks_uri"))
    found = (await _json(http, place)).get("keys")
    keys = [_read(one, known) for one in found[:MOST_KEYS]] if isinstance(found, list) else []
    usable = tuple(one for one in keys if one is not None)
    if not usable:
        raise OutboundFailed("The issuer shows no key that signatures could be checked with.")
    return usable


async def _json(http: Http, url: str) -> dict[str, Any]:
    answer = await http.get(url, headers={"accept": "application/json"}, redirects=0)
    if answer.status != 200:
        raise OutboundFailed(f"The issuer answers {answer.status} where its keys should be.")
    found = answer.json()
    if not isinstance(found, dict):
        raise OutboundFailed("The issuer answers something else than an object.")
    return found


def _checked(url: object) -> str:
    try:
        return checked_url(url if isinstance(url, str) else "", "jwks_uri")
    except BadInput:
        raise OutboundFailed("The discovery document has no `jwks_uri` that begins with https://.") from None


def _read(found: object, known: Mapping[str, PublicKey]) -> PublicKey | None:
    """A public key for signatures; None: it is something else, or one that we do not take."""
    if not isinstance(found, dict) or found.get("use", "sig") != "sig" or found.get("kty") == "oct":
        return None
    source = repr(sorted((str(name), str(value)) for name, value in found.items()))
    if source in known:
        return known[source]
    kid, said = found.get("kid"), found.get("alg")
    try:
        key = jwt.PyJWK(found).key
    except (jwt.PyJWTError, NotImplementedError, ValueError, TypeError):
        return None
    sort = _sort_of(key)
    algorithms = {name for name, of in ALGORITHMS.items() if of == sort and said in (None, name)}
    if not algorithms or not isinstance(kid, str | None):
        return None
    return PublicKey(kid, frozenset(algorithms), key, source)


def _sort_of(key: object) -> str | None:
    match key:
        case rsa.RSAPublicKey():
            return "RSA" if SMALLEST_RSA <= key.key_size <= LARGEST_RSA else None
        case ec.EllipticCurvePublicKey():
            return {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}.get(key.curve.name)
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case _:
            return None  # a private key among them: its issuer is broken, and so is the key
