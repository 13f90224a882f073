"""Peers: where requests come from."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from cdp.access.principals import Peer


def peer_of(connection: HTTPConnection) -> Peer:
    """Where a request, or a socket, comes from.

    The address is that of the connection, or what a proxy that the server trusts says of it; see `CDP_TRUSTED_PROXIES`.
    """
    scope = connection.scope
    client = scope.get("client")
    origin, of_own_page = None, False
    for name, value in scope["headers"]:
        if name == b"origin":
            origin = value.decode("latin-1")
        elif name == b"sec-fetch-site":
            of_own_page = value == b"same-origin"
    if origin is None and of_own_page:
        # Browsers leave it out when a page reads from its own host.
        origin = f"{connection.url.scheme}://{connection.url.netloc}"
    return Peer(client[0] if client else None, origin)
