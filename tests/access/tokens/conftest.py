"""A workspace that trusts an issuer, and what tells whose its tokens are, by clocks that a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from cdp.access.principals import operator
from cdp.access.tokens import Issuer, KeySets, TokenBearer, define_issuer, own_audience
from cdp.db.pool import Database
from cdp.model import WorkspaceId
from cdp.outbound import Outbound, read_networks
from tests.access.tokens.oidc import NOW, Oidc, serving

READ = frozenset({"profiles:read", "intent:read", "usage:read"})


@dataclass
class Clock:
    """Seconds and a date that move only when told to."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def oidc() -> AsyncIterator[Oidc]:
    async with serving() as oidc:
        yield oidc


@pytest.fixture
async def keysets(clock: Clock) -> AsyncIterator[KeySets]:
    http = Outbound(allowed=read_networks("127.0.0.0/8"), seconds=2, most_bytes=64 * 1024)
    keysets = KeySets(http, monotonic=clock.monotonic)
    yield keysets
    await keysets.aclose()


@pytest.fixture
def bearer(database: Database, keysets: KeySets, clock: Clock) -> TokenBearer:
    return TokenBearer(database, keysets, clock=clock.now, monotonic=clock.monotonic)


async def trust(database: Database, workspace_id: WorkspaceId, url: str, **more: Any) -> Issuer:
    """Trust an issuer, by default with scopes that it claims by name."""
    given = {"name": "idp", "audience": own_audience(workspace_id), "scopes": READ} | more
    async with database.transaction(workspace_id) as connection:
        return await define_issuer(
            connection,
            operator(workspace_id),
            Issuer(workspace_id=workspace_id, url=url, **given),
            any_audience=True,
            now=NOW,
        )


@pytest.fixture
async def issuer(database: Database, workspace: WorkspaceId, oidc: Oidc) -> Issuer:
    return await trust(database, workspace, oidc.url)
