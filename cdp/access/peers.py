"""Peers: where requests come from."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from cdp.access.principals import Peer


def peer_of(connection: HTTPConnection) -> Peer:
    """Where a request, or a socket, comes from.

    The address is that of the connection, or what a proxy that the server trusts says of it; see `CDP_TRUSTED_PROXIES`.
    """
    client = connection.scope.get("client")
    headers = connection.headers
    origin = headers.get("origin")
    if origin is None and headers.get("sec-fetch-site") == "same-origin":
        # Browsers leave it out when a page reads from its own host.
        origin = f"{connection.url.scheme}://{connection.url.netloc}"
    return Peer(client[0] if client else None, origin)
