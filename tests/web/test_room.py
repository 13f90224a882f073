"""How much of the requests' bodies is held, and by whom."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest
from starlette.types import Message

from cdp.access.authenticator import Authenticator
from cdp.access.key_bearer import KeyBearer
from cdp.access.keys import create_key
from cdp.errors import Unavailable
from cdp.model import WorkspaceId
from cdp.web.metrics import Metrics
from cdp.web.room import PIECE_BYTES, REQUEST_BYTES, STRANGERS, Doorkeeper, Room, Stay
from tests.ingest.parts import NOON, Ingest
from tests.web.parts import Parts, app_of

FIRST, SECOND, THIRD = WorkspaceId(1), WorkspaceId(2), WorkspaceId(3)


def fill(room: Room, workspace_id: WorkspaceId) -> int:
    """Enter as often as the workspace may."""
    for number in range(10_000):
        try:
            room.enter().belong_to(workspace_id)
        except Unavailable:
            return number
    raise AssertionError("there is no end to it")


def test_who_floods_leaves_as_much_room_as_it_has() -> None:
    room = Room(120 * REQUEST_BYTES)
    assert fill(room, FIRST) == pytest.approx(60, abs=1)
    assert fill(room, SECOND) == pytest.approx(30, abs=1)
    room.enter().belong_to(THIRD)


def test_requests_of_nobody_known_have_the_share_of_one() -> None:
    room = Room(120 * REQUEST_BYTES)
    strangers: list[Stay] = []
    with pytest.raises(Unavailable):
        for _ in range(120):
            strangers.append(room.enter())
            strangers[-1].belong_to(STRANGERS)
    assert len(strangers) == pytest.approx(60, abs=2)
    strangers[0].belong_to(FIRST)
    assert fill(room, FIRST) > 20


def test_whoever_leaves_makes_room_for_others() -> None:
    room = Room(4 * REQUEST_BYTES)
    first, second = room.enter(), room.enter()
    first.belong_to(FIRST)
    first.expect(1_000)
    with pytest.raises(Unavailable):
        room.enter().expect(4 * REQUEST_BYTES)
    before = room.used
    second.leave()
    first.leave()
    assert before - room.used == 2 * REQUEST_BYTES + 1_000


def test_a_body_whose_length_was_said_is_not_counted_twice_and_what_is_beyond_is_counted_as_it_comes() -> (
    None
):
    room = Room(2**20)
    stay: Stay = room.enter()
    stay.expect(5_000)
    stay.read(3_000)
    stay.read(2_000)
    assert room.used == REQUEST_BYTES + 5_000
    stay.read(1)
    assert room.used == REQUEST_BYTES + 5_000 + PIECE_BYTES
    stay.leave()
    assert room.used == 0


async def test_a_full_server_answers_without_reading_the_body() -> None:
    room = Room(REQUEST_BYTES)
    reached: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        reached.append(scope["path"])

    async def receive() -> Message:
        raise AssertionError("nothing is to be read")

    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/batch", "headers": []}
    held = room.enter()
    door = Doorkeeper(app, room=room)
    await door(scope, receive, send)
    assert (said[0]["status"], dict(said[0]["headers"])[b"retry-after"]) == (503, b"1")
    assert set(json.loads(said[1]["body"])) == {"code", "message"}
    await door({**scope, "path": "/healthz"}, receive, send)
    held.leave()
    await door(scope, receive, send)
    assert reached == ["/healthz", "/v1/batch"]
    assert room.used == 0


@pytest.fixture
async def small(ingest: Ingest, metrics: Metrics) -> Parts:
    """A server with room for little."""
    return Parts(
        database=ingest.database,
        authenticator=Authenticator([KeyBearer(ingest.database, clock=lambda: NOON)]),
        intake=ingest.intake,
        metrics=metrics,
        clock=lambda: NOON,
        room=Room(4 * REQUEST_BYTES),
    )


async def test_a_batch_that_finds_no_room_is_told_to_come_again_packed_or_not(
    small: Parts, workspace: WorkspaceId
) -> None:
    key = await create_key(small.database, workspace, "INGEST", "sdk")
    event = {"type": "track", "userId": "u", "event": "E", "properties": {"text": "x" * 30_000}}
    large = json.dumps({"batch": [event]}).encode()
    transport = httpx.ASGITransport(app_of(small))
    async with httpx.AsyncClient(transport=transport, base_url="http://cdp.test", auth=(key, "")) as client:
        for body in (large, gzip.compress(large)):
            answer = await client.post("/v1/batch", content=body)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.json()["code"] == "UNAVAILABLE"
        event["properties"] = {}
        answer = await client.post("/v1/batch", content=json.dumps({"batch": [event]}))
        assert answer.status_code == 200
    assert small.room.used == 0
