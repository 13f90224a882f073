"""Tokens of issuers on sockets: let in, and put out when they expire or their issuer is switched off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cdp.access import memory, operator
from cdp.access.tokens import Issuer, TokenBearer, change_issuer
from cdp.graphql import following, socket
from cdp.outbound import Outbound, read_networks
from tests.access.tokens.conftest import trust
from tests.access.tokens.oidc import Oidc, serving

FOLLOW = "subscription ($id: ID!) { profileChanged(id: $id) { usage { activeDays } } }"


@pytest.fixture
async def oidc() -> AsyncIterator[Oidc]:
    async with serving() as oidc:
        yield oidc


@pytest.fixture
async def issuer(live: Any, oidc: Oidc, monkeypatch: pytest.MonkeyPatch) -> Issuer:
    monkeypatch.setattr(memory, "REMEMBERED_SECONDS", 0.05)
    monkeypatch.setattr(socket, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(following, "CHECK_SECONDS", 0.05)
    bearer = live.application.authenticator._bearers[-1]
    assert isinstance(bearer, TokenBearer)
    bearer._keysets._http = Outbound(allowed=read_networks("127.0.0.0/8"))
    return await trust(live.application.database, live.workspace_id, oidc.url)


async def switch_off(live: Any, issuer: Issuer) -> None:
    async with live.application.database.transaction(live.workspace_id) as connection:
        granter = operator(live.workspace_id)
        await change_issuer(connection, granter, issuer.issuer_id, now=live.clock(), enabled=False)


@pytest.mark.parametrize("ends", ["it expires", "its issuer is switched off"])
async def test_a_socket_is_closed_when_its_token_ends(
    live: Any, oidc: Oidc, issuer: Issuer, ends: str
) -> None:
    await live.track({"userId": "ann", "event": "Signed In"})
    token = oidc.token(issuer.audience, at=live.clock(), lives=600, scope="profiles:read usage:read")
    live.keys["TOKEN"] = token
    async with live.line("TOKEN") as line:
        await line.subscribe(FOLLOW, id=await live.id_of("ann"))
        assert await line.data() == {"profileChanged": {"usage": {"activeDays": 1}}}
        if ends == "it expires":
            live.clock.now += following.PERIOD
        else:
            await switch_off(live, issuer)
        assert await line.closed() == (4401, "Unauthorized")
