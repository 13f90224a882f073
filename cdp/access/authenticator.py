"""The one place where what a request brings becomes a principal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Protocol

from cdp.access.guesses import Guesses
from cdp.access.principals import Peer, Principal
from cdp.errors import Unauthenticated

UNKNOWN = "This key is unknown, expired or revoked, or may not be used from here."
"""One sentence for all of it: whoever has found a key learns nothing about it."""


class Bearer(Protocol):
    """One sort of what a request may bring: keys, tokens of issuers, tokens of visitors."""

    def recognises(self, token: str) -> bool:
        """Whether this could be of this sort: by its shape, without asking anybody."""

    async def principal(self, token: str) -> Principal:
        """Whose it is.

        Raises:
            Unauthenticated: nobody's, or no longer.
            Unavailable: it cannot be told now.
        """


class Authenticator:
    """Turns what a request brings into its principal; the first bearer that recognises it decides.

    Args:
        bearers: the sorts of what may be brought.
        guesses: who counts what is not good; None: nobody does.
        used: who is told of each principal that was recognised, before its request goes on; None: nobody is.
    """

    def __init__(
        self,
        bearers: Sequence[Bearer],
        *,
        guesses: Guesses | None = None,
        used: Callable[[Principal], None] | None = None,
    ) -> None:
        self._bearers = tuple(bearers)
        self._guesses = guesses or Guesses(0)
        self._used = used

    async def authenticate(self, token: str | None, peer: Peer | None = None) -> Principal:
        """The principal of this token.

        Args:
            token: a key, or a token of an issuer or a visitor; None: nothing was sent.
            peer: where it comes from. Without it, what may be used from some places alone is refused.

        Raises:
            Unauthenticated: there is none, it is not good, or it may not be used from there.
            Unavailable: the database is away, or too many unknown ones are being tried.
            RateLimited: too many that were not good have come from there.
        """
        if not token:
            raise Unauthenticated("A key is required.")
        self._guesses.admit(token, peer)
        try:
            principal = await self._recognised(token, peer)
        except Unauthenticated as error:
            if not error.was_good:
                self._guesses.wrong(token, peer)
            raise
        self._guesses.right(token)
        if self._used is not None:
            self._used(principal)
        return principal

    async def _recognised(self, token: str, peer: Peer | None) -> Principal:
        for bearer in self._bearers:
            if bearer.recognises(token):
                principal = await bearer.principal(token)
                if (principal.networks or principal.origins) and not may_come_from(principal, peer):
                    raise Unauthenticated(UNKNOWN)
                return principal
        raise Unauthenticated(UNKNOWN)


def may_come_from(principal: Principal, peer: Peer | None) -> bool:
    """Whether the principal may be used from there: from one of its networks, and from one of its web pages."""
    if peer is None:
        return False
    if principal.origins and peer.origin not in principal.origins:
        return False
    if not principal.networks:
        return True
    try:
        address = ip_address(peer.address or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in principal.networks)
