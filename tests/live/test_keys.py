"""What is said of a key holds for what is open already: where it may be used from, and what its role grants."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.access import memory, operator
from cdp.access.keys import make_key
from cdp.access.roles import define_role
from cdp.graphql import following
from tests.live.conftest import Line

PANELS = "subscription ($id: ID!) { profileChanged(id: $id) { displayName buyerIntent { level } } }"


async def make(live: Any, role: str, **given: Any) -> str:
    async with live.application.database.transaction(live.workspace_id) as connection:
        granter = operator(live.workspace_id)
        made = await make_key(connection, granter, name="k", role=role, now=live.clock(), **given)
    return str(made.token)


async def define(live: Any, name: str, *scopes: str) -> None:
    async with live.application.database.transaction(live.workspace_id) as connection:
        await define_role(connection, operator(live.workspace_id), name=name, scopes=scopes, now=live.clock())


@pytest.mark.parametrize(
    ("network", "said"),
    [("127.0.0.0/8", None), ("192.0.2.0/24", (4401, "Unauthorized"))],
    ids=["here", "elsewhere"],
)
async def test_a_socket_is_opened_from_the_key_s_networks_alone(live: Any, network: str, said: Any) -> None:
    token = await make(live, "SALES", networks=[network])
    async with live.connect() as connection:
        line = Line(connection)
        await line.send(type="connection_init", payload={"authorization": token})
        if said is None:
            assert await line.receive() == {"type": "connection_ack"}
        else:
            assert await line.closed() == said


async def test_a_purpose_that_is_none_closes_the_socket(live: Any) -> None:
    async with live.connect() as connection:
        line = Line(connection)
        payload = {"authorization": live.keys["ADMIN"], "X-Purpose": "because"}
        await line.send(type="connection_init", payload=payload)
        assert (await line.closed())[0] == 4400


async def test_a_role_that_grants_less_takes_it_from_what_is_being_followed(
    live: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "REMEMBERED_SECONDS", 0.05)
    monkeypatch.setattr(following, "GAP_SECONDS", 0.0)
    await define(live, "OBSERVER", "profiles:read", "pii:read", "intent:read")
    live.keys["OBSERVER"] = await make(live, "OBSERVER")
    await live.track({"type": "identify", "userId": "ann", "traits": {"name": "Ann"}})
    async with live.line("OBSERVER") as line:
        await line.subscribe(PANELS, id=await live.id_of("ann"))
        assert (await line.data())["profileChanged"]["buyerIntent"] == {"level": "COLD"}
        await define(live, "OBSERVER", "profiles:read", "pii:read")
        for number in range(200):
            name = f"Ann {number}"
            await live.track({"type": "identify", "userId": "ann", "traits": {"name": name}})
            message = await line.receive()
            profile = message["payload"]["data"]["profileChanged"]
            if profile["buyerIntent"] is None:
                break
        else:
            raise AssertionError("it goes on being shown")
        (error,) = message["payload"]["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert profile["displayName"] == name
