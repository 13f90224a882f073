"""Where a key may be used from: networks and web pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_network

from cdp.access.principals import Network
from cdp.errors import BadInput

MOST_PLACES = 100
"""Of each sort that one key may name."""

_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
)
_USUAL_PORTS = {"http": "80", "https": "443"}


def read_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks in CIDR notation; an address alone is a network of one.

    Raises:
        BadInput: one of them is none, or they are too many.
    """
    _check_number(texts, "networks")
    found: dict[Network, None] = {}
    for index, text in enumerate(texts):
        try:
            found[ip_network(text.strip())] = None
        except ValueError:
            raise BadInput(
                f"{text[:80]!r} is no network; write it like 203.0.113.0/24, 2001:db8::/32 or 203.0.113.7.",
                field=("networks", str(index)),
            ) from None
    return tuple(found)


def read_origins(texts: Sequence[str]) -> frozenset[str]:
    """Origins as browsers write them: scheme, host, and the port where it is not the usual one.

    Raises:
        BadInput: one of them is none, or they are too many.
    """
    _check_number(texts, "origins")
    found = set()
    for index, text in enumerate(texts):
        parts = _ORIGIN.fullmatch(text.strip().lower().removesuffix("/"))
        if parts is None:
            raise BadInput(
                f"{text[:80]!r} is no origin; write it like https://shop.example.com, without a path.",
                field=("origins", str(index)),
            )
        scheme, host, port = parts["scheme"], parts["host"], parts["port"]
        shown = "" if port is None or port == _USUAL_PORTS.get(scheme) else f":{port}"
        found.add(f"{scheme}://{host}{shown}")
    return frozenset(found)


def _check_number(texts: Sequence[str], field: str) -> None:
    if len(texts) > MOST_PLACES:
        raise BadInput(f"A key may name {MOST_PLACES} {field}.", field=(field,))
