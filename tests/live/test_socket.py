"""graphql-transport-ws: who may open a socket, what it carries, and what ends it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import websockets

from cdp.access.keys import list_keys, revoke_key
from cdp.graphql import following, socket
from cdp.graphql.trusted import TrustedDocuments, hash_of
from tests.live.conftest import Line

NAMES = "subscription ($id: ID!) { profileChanged(id: $id) { displayName } }"


def named(name: str) -> dict[str, Any]:
    return {"type": "identify", "userId": "ann", "traits": {"name": name}}


async def test_a_page_of_another_origin_may_not_open_a_socket(live: Any) -> None:
    refused = []
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", live.url, None):
        try:
            async with live.connect(origin=origin):
                pass
        except websockets.InvalidStatus as error:
            refused.append((origin, error.response.status_code))
    assert refused == [("https://evil.example", 403), ("null", 403), ("http://127.0.0.1:1", 403)]


def test_pages_that_the_operator_allows_may() -> None:
    from starlette.websockets import WebSocket

    def asking(origin: str) -> WebSocket:
        headers = [(b"origin", origin.encode()), (b"host", b"cdp.example")]
        return WebSocket({"type": "websocket", "headers": headers}, None, None)  # type: ignore[arg-type]

    allowed = frozenset({"https://app.example"})
    assert socket.may_connect(asking("https://app.example:443"), allowed)
    assert socket.may_connect(asking("https://cdp.example"), frozenset())
    assert socket.may_connect(asking("https://any.example"), frozenset({"*"}))
    assert not socket.may_connect(asking("https://app.example.evil.example"), allowed)
    assert not socket.may_connect(asking("https://["), allowed)


INITS: list[dict[str, Any]] = [
    {},
    {"authorization": "Bearer nonsense"},
    {"authorization": "Bearer cdp_sec_" + "0" * 43},
    {"authorization": "Digest x"},
    {"x-api-key": ""},
]


async def test_without_a_good_key_the_socket_is_closed_with_4401(live: Any) -> None:
    for payload in INITS:
        async with live.connect() as connection:
            await connection.send(json.dumps({"type": "connection_init", "payload": payload}))
            assert await Line(connection).closed() == (4401, "Unauthorized"), payload


async def test_a_client_that_floods_a_socket_with_messages_is_closed(
    live: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "MESSAGES_AT_ONCE", 5)
    async with live.line() as line:
        for _ in range(5):
            await line.send(type="ping")
            assert await line.receive() == {"type": "pong"}
        for _ in range(50):
            await line.connection.send('{"type":"ping"}')
        assert await line.closed() == (4429, "Too many messages")


async def test_the_key_may_come_in_the_payload_or_in_a_header(live: Any) -> None:
    key = live.keys["ADMIN"]
    for payload in (
        {"Authorization": f"Bearer {key}"},
        {"authorization": key},
        {"headers": {"authorization": f"Bearer {key}"}},
        {"X-API-Key": key},
    ):
        async with live.connect() as connection:
            line = Line(connection)
            await line.send(type="connection_init", payload=payload)
            assert await line.receive() == {"type": "connection_ack"}
    async with live.connect(additional_headers=live.headers()) as connection:
        line = Line(connection)
        await line.send(type="ping")
        assert await line.receive() == {"type": "pong"}
        await line.send(type="connection_init")
        assert await line.receive() == {"type": "connection_ack"}


async def test_queries_and_mutations_are_carried_too(live: Any) -> None:
    async with live.line() as line:
        await line.subscribe("query A { __typename } query B { __typename }", 1)
        assert (await line.receive())["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        await line.send(
            id="1", type="subscribe", payload={"query": "query A { __typename }", "operationName": "A"}
        )
        assert await line.receive() == {
            "id": "1",
            "type": "next",
            "payload": {"data": {"__typename": "Query"}},
        }
        assert await line.receive() == {"id": "1", "type": "complete"}
        await line.subscribe(
            """mutation { eventsIngest(input: {events: [{type: TRACK, userId: "a", event: "Signed In"}]}) {
            accepted } }""",
            2,
        )
        assert await line.data() == {"eventsIngest": {"accepted": 1}}
        assert await line.receive() == {"id": "2", "type": "complete"}


async def test_a_document_that_is_refused_ends_its_operation_alone(live: Any) -> None:
    deep = (
        "nodes { memberships(first: 200) { nodes { person { memberships(first: 200) { nodes { id } } } } } }"
    )
    async with live.line() as line:
        for query, code in (
            ("{", "BAD_USER_INPUT"),
            ("{ nothing }", "BAD_USER_INPUT"),
            ("subscription { a: __typename }", "BAD_USER_INPUT"),
            (
                "subscription { a: profilesChanged { totalCount } b: profilesChanged { totalCount } }",
                "BAD_USER_INPUT",
            ),
            ("{ " + "a" * 200_000 + " }", "COMPLEXITY"),
            (f"subscription {{ profilesChanged(first: 200) {{ {deep} }} }}", "COMPLEXITY"),
        ):
            await line.subscribe(query)
            message = await line.receive()
            assert (message["id"], message["type"]) == ("1", "error"), message
            assert message["payload"][0]["extensions"]["code"] == code
        await line.subscribe("{ __typename }")
        assert await line.data() == {"__typename": "Query"}


async def test_trusted_documents_alone_are_carried_where_the_operator_says_so(live: Any) -> None:
    from cdp.graphql.askers import Asker
    from cdp.graphql.asking import Asked, Desk

    desk = Desk(live.application, TrustedDocuments([NAMES], only=True))
    key = live.keys["ADMIN"]

    async def first(**asked: Any) -> Any:
        async for answer in desk.answers(Asked(**asked), Asker(key)):
            return answer
        return None

    variables = {"id": "UHJvZmlsZTox"}
    assert (await first(document_id=hash_of(NAMES), variables=variables)).data == {"profileChanged": None}
    refused = await first(query="{ __typename }")
    assert refused.errors[0].extensions == {"code": "FORBIDDEN"}


FORBIDDEN: list[tuple[Any, int]] = [
    ("{", 4400),
    ('{"type": "nonsense"}', 4400),
    ("[" * 10_000, 4400),
    (b"\x00", 4400),
    ('{"type": "subscribe", "id": "1", "payload": {"query": 5}}', 4400),
    ('{"type": "subscribe", "payload": {"query": "{ __typename }"}}', 4400),
    ('{"type": "connection_init"}', 4429),
    ('{"type": "x", "payload": "' + "x" * 1_000_001 + '"}', 1009),
    (
        '{"type": "subscribe", "id": "1", "payload": {"query": "subscription { profilesChanged { totalCount } }"}}',
        4409,
    ),
]


async def test_what_the_protocol_forbids_closes_the_socket(live: Any) -> None:
    """The last of them is right at first, and wrong when it comes again under the same id."""
    for message, code in FORBIDDEN:
        async with live.line() as line:
            for _ in range(2 if code == 4409 else 1):
                await line.connection.send(message)
            assert (await line.closed())[0] == code, message[:80]


async def test_who_does_not_begin_is_closed(live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "INIT_SECONDS", 0.05)
    async with (
        live.connect() as silent,
        live.connect() as hasty,
        live.connect(subprotocols=["graphql-ws"]) as old,
    ):
        await hasty.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}))
        assert (await Line(hasty).closed())[0] == 4401
        assert (await Line(old).closed())[0] == 4406
        assert (await Line(silent).closed())[0] == 4408


async def test_a_thousand_subscriptions_on_one_socket_are_refused(live: Any) -> None:
    """The first hundred are answered, the others told why not, and the socket stays."""
    await live.track(named("Ann"))
    id_ = await live.id_of("ann")
    async with live.line() as line:
        for number in range(1_000):
            await line.subscribe(NAMES, number, id=id_)
        answers: dict[str, int] = {}
        for _ in range(1_000):
            message = await line.receive()
            answers[message["type"]] = answers.get(message["type"], 0) + 1
            if message["type"] == "error":
                assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert answers == {"next": 100, "error": 900}
        assert live.application.hub.watchers == 100
        await line.send(id="0", type="complete")
        await line.subscribe(NAMES, 0, id=id_)
        assert await line.data() == {"profileChanged": {"displayName": "Ann"}}
    await live.left_alone()


async def test_a_key_may_hold_so_many_sockets(live: Any) -> None:
    live.application.hub._most_of_one = 2
    async with live.line(), live.line():
        async with live.connect() as third:
            await third.send(
                json.dumps({"type": "connection_init", "payload": {"x-api-key": live.keys["ADMIN"]}})
            )
            code, reason = await Line(third).closed()
            assert (code, "may hold 2" in reason) == (4429, True)
        async with live.line("SALES"):
            pass
    async with live.line():
        pass


async def test_a_slow_client_gets_the_latest_state_and_nothing_piles_up(
    live: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it takes nothing nothing is read for it, and what happens comes together."""
    write, taking, held = socket.Socket._send, asyncio.Event(), asyncio.Event()

    async def waiting(self: Any, content: Any) -> None:
        if content["type"] == "next" and not taking.is_set():
            held.set()
            await taking.wait()
        await write(self, content)

    monkeypatch.setattr(socket.Socket, "_send", waiting)
    await live.track(named("Ann"))
    async with live.line() as line:
        await line.subscribe(NAMES, id=await live.id_of("ann"))
        await held.wait()
        for number in range(20):
            await live.track(named(f"Ann {number}"))
        taking.set()
        seen = [(await line.data())["profileChanged"]["displayName"] for _ in range(2)]
        assert seen == ["Ann", "Ann 19"]


async def test_a_revoked_key_closes_its_sockets(live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within seconds, also where nothing happens; and nothing is told after that."""
    monkeypatch.setattr(socket, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(following, "CHECK_SECONDS", 0.1)
    database = live.application.database
    async with live.line("SALES") as idle, live.line("SALES") as following_line, live.line() as other:
        await following_line.subscribe("subscription { profilesChanged { totalCount } }")
        assert await following_line.data() == {"profilesChanged": {"totalCount": 0}}
        (key,) = [key for key in await list_keys(database, live.workspace_id) if key.role == "SALES"]
        await revoke_key(database, live.workspace_id, key.key_id, now=live.clock())
        assert await idle.closed() == (4401, "Unauthorized")
        assert await following_line.closed() == (4401, "Unauthorized")
        await other.subscribe("{ __typename }")
        assert await other.data() == {"__typename": "Query"}


async def test_sockets_are_told_to_come_again_when_the_server_stops(live: Any) -> None:
    async with live.line() as idle, live.line() as following_line:
        await following_line.subscribe("subscription { profilesChanged { totalCount } }")
        await following_line.data()
        live.application.hub.stop()
        assert (await idle.closed())[0] == 1001
        assert (await following_line.closed())[0] == 1001
