"""Which addresses may be reached: public ones, and those that the operator has allowed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

from cdp.errors import Misconfigured, OutboundFailed, OutboundRefused

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_NOT_PUBLIC_EITHER = (
    ip_network("168.63.129.16/32"),  # the metadata and wire server of Azure
    ip_network("192.0.0.0/24"),  # of the protocols themselves; one cloud's metadata server too
    ip_network("192.88.99.0/24"),  # relays of 6to4
    ip_network("fec0::/10"),  # site-local
)
_NAT64 = ip_network("64:ff9b::/96")
_LAST_32_BITS = 0xFFFF_FFFF


def read_networks(text: str | None) -> tuple[Network, ...]:
    """Networks and addresses, separated by commas or spaces.

    Raises:
        Misconfigured: one is neither.
    """
    try:
        return tuple(ip_network(one, strict=False) for one in (text or "").replace(",", " ").split())
    except ValueError as error:
        raise Misconfigured(f"CDP_OUTBOUND_ALLOW: {error}; write networks such as 10.1.0.0/16.") from None


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could be meant: also what is wrapped inside an IPv6 address must be public."""
    return all(_is_plainly_public(one) for one in _unwrapped(address))


def is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether it is public, or in one of these networks."""
    meant = next(iter(_wrapped(address)), address)
    return any(meant in network for network in allowed) or is_public(address)


async def resolve(host: str, port: int, allowed: Sequence[Network]) -> list[str]:
    """The addresses of a host, to be connected to as they are: who asks again may be told others.

    Raises:
        OutboundRefused: one of them may not be reached.
        OutboundFailed: it has none.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutboundFailed(f"The host {host[:100]!r} has no address.", code="OUTBOUND_UNREACHED") from None
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    for text in addresses:
        if not is_allowed(ip_address(text.partition("%")[0]), allowed):
            raise OutboundRefused(
                f"The host {host[:100]!r} has an address that is not public; "
                "the operator may allow its network with CDP_OUTBOUND_ALLOW."
            )
    return addresses


def _unwrapped(address: Address) -> Iterator[Address]:
    yield address
    yield from _wrapped(address)


def _wrapped(address: Address) -> Iterator[Address]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _NAT64:
        yield IPv4Address(int(address) & _LAST_32_BITS)


def _is_plainly_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (address.ipv4_mapped is not None or address in _NAT64):
        return True  # what it stands for is looked at by itself
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not any(address in network for network in _NOT_PUBLIC_EITHER)
    )
