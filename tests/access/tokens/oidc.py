"""An OIDC issuer as a real HTTP server, whose keys and answers a test decides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.enrichment.bureau import hang_up, listen

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"


@cache
def private_key(name: str) -> Any:
    """A private key: of RSA if its name begins so, of Ed25519 or of an elliptic curve."""
    if name.startswith("rsa"):
        return rsa.generate_private_key(65537, 2048)
    return (
        ed25519.Ed25519PrivateKey.generate()
        if name.startswith("ed")
        else ec.generate_private_key(ec.SECP256R1())
    )


def algorithm_of(name: str) -> str:
    return {"rsa": "RS256", "ed2": "EdDSA"}.get(name[:3], "ES256")


def pem(name: str) -> bytes:
    """The public half, as text that anybody may have."""
    return private_key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(name: str, **more: Any) -> dict[str, Any]:
    """The public half, as an issuer shows it."""
    algorithm = jwt.get_algorithm_by_name(algorithm_of(name))
    found = algorithm.to_jwk(private_key(name).public_key(), as_dict=True)
    return {**found, "kid": name, "use": "sig", **more}


@dataclass
class Oidc:
    """What the server shows, and what it was asked."""

    url: str = ""
    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk("ec-1")])
    asked: list[str] = field(default_factory=list)
    away: bool = False
    discovery: dict[str, Any] = field(default_factory=dict)
    """What its discovery document says otherwise."""
    answer: Callable[[str], bytes | None] | None = None
    """Another answer to a path, head and all."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Closed, nothing is answered."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody has asked."""

    def __post_init__(self) -> None:
        self.gate.set()

    def count(self, path: str = KEYS) -> int:
        return self.asked.count(path)

    def token(
        self,
        audience: str | list[str],
        key: str = "ec-1",
        *,
        at: datetime = NOW,
        lives: float = 3600,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A token; a claim that is None is left out."""
        begun = int(at.timestamp())
        said = {
            "iss": self.url,
            "aud": audience,
            "sub": "ann",
            "iat": begun,
            "exp": begun + int(lives),
            "scope": "profiles:read",
        } | claims
        payload = {name: value for name, value in said.items() if value is not None}
        return jwt.PyJWS().encode(
            json.dumps(payload).encode(),
            private_key(key),
            algorithm=algorithm_of(key),
            headers={"kid": key} | (header or {}),
        )

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._take(reader, writer)
        finally:
            await hang_up(writer)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).decode().split()[1]
        self.asked.append(path)
        self.arrived.set()
        await self.gate.wait()
        if self.away:
            return
        said = self.answer(path) if self.answer is not None else None
        writer.write(said if said is not None else self._answer(path))
        await writer.drain()

    def _answer(self, path: str) -> bytes:
        match path:
            case "/.well-known/openid-configuration":
                return ok({"issuer": self.url, "jwks_uri": f"{self.url}{KEYS}"} | self.discovery)
            case "/keys":
                return ok({"keys": self.keys})
            case _:
                return b"HTTP/1.1 404 .\r\nContent-Length: 0\r\n\r\n"


def ok(said: Any) -> bytes:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@asynccontextmanager
async def serving() -> AsyncIterator[Oidc]:
    """The issuer, open."""
    oidc = Oidc()
    server, end = await listen(oidc.handle)
    oidc.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield oidc
    finally:
        await end()
