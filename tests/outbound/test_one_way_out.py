"""There is one way out: nothing but `cdp.outbound` opens connections to where somebody else may point it.

What a workspace or a plugin names must pass the checks of addresses that are made there. The table says who else may
open connections, and to where: only to what the operator has named, or to other parts of this server.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

MODULES = {
    "aiohttp", "ftplib", "h11", "h2", "http.client", "httpcore", "httpx", "imaplib", "nntplib", "paramiko", "poplib",
    "pycurl", "requests", "smtplib", "socket", "socketserver", "telnetlib", "urllib.request", "urllib3", "websocket",
    "websockets", "wsproto", "xmlrpc.client",
}  # fmt: skip
"""To have one of these is to be able to connect."""

CALLS = {
    "create_connection", "create_datagram_endpoint", "create_pool", "create_unix_connection", "open_connection",
    "open_unix_connection", "sock_connect", "urlopen", "OTLPSpanExporter", "PyJWKClient",
}  # fmt: skip
"""Whoever calls one of these connects, whatever module it is of."""

ALLOWED = {
    "cdp/outbound/addresses.py": "the one way out: looks hosts up, and checks their addresses",
    "cdp/outbound/client.py": "the one way out",
    "cdp/db/connecting.py": "PostgreSQL, where the operator says it is",
    "cdp/db/pool.py": "PostgreSQL, where the operator says it is",
    "cdp/telemetry/tracing.py": "the collector of traces that the operator names",
    "cdp/web/siblings.py": "other processes of this server, by sockets in a folder that only they can open",
    "cdp/hooks/child.py": "the process that it is a child of, by a pair of sockets",
    "cdp/hooks/processes.py": "plugins' processes, each by a pair of sockets",
    "cdp/kit/databases.py": "the embedded PostgreSQL of whoever writes a plugin",
    "cdp/kit/reloading.py": "listens, and hands what it listens to on",
    "cdp/cli/serving.py": "listens",
    "cdp/cli/supervising.py": "listens, and hands what it listens to on",
    "cdp/processes.py": "listens",
}


def ways_out(path: Path) -> Iterator[str]:
    """What a file has that connects."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (one.name for one in names if _is_one(one.name))
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield from (
                    f"{module}.{one.name}"
                    for one in names
                    if _is_one(module) or _is_one(f"{module}.{one.name}") or one.name in CALLS
                )
            case ast.Attribute(attr=name) if name in CALLS:
                yield name
            case ast.Attribute(value=ast.Name(id="asyncpg"), attr="connect"):
                yield "asyncpg.connect"


def _is_one(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in MODULES)


@cache
def files() -> dict[str, set[str]]:
    """What each file of the product has, by its path."""
    found = {}
    for folder in ("cdp", "plugins"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            name = path.relative_to(REPOSITORY).as_posix()
            if not name.rpartition("/")[2].startswith("test_") and "/node_modules/" not in name:
                found[name] = set(ways_out(path))
    return {name: ways for name, ways in found.items() if ways}


def test_nobody_else_opens_connections() -> None:
    found = files()
    others = {name: sorted(ways) for name, ways in found.items() if name not in ALLOWED}
    assert others == {}, "go out through cdp.outbound, or say why not in ALLOWED"
    assert set(ALLOWED) - set(found) == set(), "these open none any more"


def test_plugins_have_no_way_out_of_their_own() -> None:
    assert [name for name in files() if name.startswith("plugins/")] == []


def test_what_connects_is_noticed(tmp_path: Path) -> None:
    """Otherwise this would hold nothing."""
    for line in (
        "import httpx",
        "import urllib.request",
        "from urllib import request",
        "from urllib.request import urlopen",
        "import socket as harmless",
        "import asyncio\nasyncio.open_connection('x', 1)",
        "from asyncio import open_connection",
        "loop.create_connection(P, 'x', 1)",
        "from jwt import PyJWKClient",
        "import asyncpg\nasyncpg.connect('x')",
    ):
        file = tmp_path / "module.py"
        file.write_text(line)
        assert list(ways_out(file)), line
