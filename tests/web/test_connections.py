"""Connections that cost the client nothing are bounded; each test talks to a real uvicorn over a socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from cdp.web import connections
from cdp.web.answers import json_answer
from cdp.web.connections import HEAD_BYTES, MOST_HEADERS, MOST_PIPELINED, at_most, sweeping

MOST = 3
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def refuse_unread(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without looking at the body."""
    await json_answer({"path": scope["path"]})(scope, receive, send)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config = uvicorn.Config(refuse_unread, lifespan="off", log_config=None, http=at_most(MOST))
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        async with sweeping(lambda: server.server_state.connections):
            running = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0)
            yield listener.getsockname()[1]
            server.should_exit = True
            await running


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever keeps us waiting at all has had its time."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.05)
    monkeypatch.setattr(connections, "_SWEEP_SECONDS", 0.01)


async def ask(peer: Peer) -> bytes:
    """The status line of the answer to a request."""
    reader, writer = peer
    writer.write(REQUEST)
    status = await reader.readline()
    await reader.readuntil(b'{"path":"/"}')
    return status


async def test_more_connections_than_there_may_be_are_turned_away_and_taken_when_others_have_gone(
    port: int,
) -> None:
    peers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST)]
    assert [await ask(peer) for peer in peers] == [b"HTTP/1.1 200 OK\r\n"] * MOST
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = await reader.read()
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 1\r\n" in said
    assert b'{"code":"UNAVAILABLE","message":' in said
    writer.close()
    peers[0][1].close()
    while True:
        peer = await asyncio.open_connection("127.0.0.1", port)
        try:
            assert await ask(peer) == b"HTTP/1.1 200 OK\r\n"
        except (AssertionError, OSError, asyncio.IncompleteReadError):
            peer[1].close()
            continue  # it has not noticed yet that one went
        break
    for _, writer in (*peers[1:], peer):
        writer.close()


@pytest.mark.usefixtures("hurried")
async def test_a_connection_that_asks_nothing_is_closed_without_a_word(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b""
    writer.close()


@pytest.mark.usefixtures("hurried")
async def test_a_request_that_does_not_come_whole_is_not_waited_for(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST[:20])
    said = await reader.read()
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'{"code":"TOO_SLOW"' in said
    writer.close()


@pytest.mark.usefixtures("hurried")
async def test_the_rest_of_a_body_that_was_refused_may_not_keep_coming(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    with pytest.raises(OSError, match="reset|Broken|closed|lost"):
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0)
    writer.close()


async def test_a_head_without_end_is_cut_off(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST[:-2] + b"X-Long: " + b"x" * HEAD_BYTES)
    said = await reader.read()
    assert said.startswith(b"HTTP/1.1 431 ")
    assert b'{"code":"TOO_LARGE"' in said
    writer.close()


async def test_a_large_body_is_no_long_head(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    size = 4 * HEAD_BYTES
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    await reader.readuntil(b'{"path":"/"}')
    assert await ask((reader, writer)) == b"HTTP/1.1 200 OK\r\n"
    writer.close()


async def test_requests_may_be_sent_ahead_but_not_without_end(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST * MOST_PIPELINED)
    for _ in range(MOST_PIPELINED):
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        await reader.readuntil(b'{"path":"/"}')
    writer.write(REQUEST * 100 * MOST_PIPELINED)
    said = await reader.read()
    assert b"HTTP/1.1 400 Bad Request\r\n" in said
    assert said.count(b'{"path":"/"}') <= MOST_PIPELINED
    writer.close()


async def test_a_long_head_is_refused_also_when_it_comes_whole(port: int) -> None:
    """It may come in one piece with its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST[:-2] + b"X-Long: " + b"x" * HEAD_BYTES + b"\r\n\r\n")
    said = await reader.read()
    assert said.startswith(b"HTTP/1.1 431 ")
    assert b'{"code":"TOO_LARGE"' in said
    assert said.count(b"HTTP/1.1 ") == 1
    writer.close()


async def test_a_head_has_so_many_headers_and_no_more(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    most = b"".join(b"X-%d: y\r\n" % number for number in range(MOST_HEADERS - 1))
    writer.write(REQUEST[:-2] + most + b"\r\n")
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    await reader.readuntil(b'{"path":"/"}')
    writer.write(REQUEST[:-2] + most + b"X-More: y\r\n\r\n")
    said = await reader.read()
    assert said.startswith(b"HTTP/1.1 431 ")
    writer.close()


async def test_what_is_no_http_is_answered_in_json_and_safely(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x16\x03\x01 this is TLS, or nonsense\r\n\r\n")
    said = await reader.read()
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b'{"code":"BAD_USER_INPUT"' in said
    assert b"\r\nX-Content-Type-Options: nosniff\r\n" in said
    writer.close()
