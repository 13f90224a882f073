"""Streams in HTTP responses: server-sent events and multipart, asked for by what a client accepts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from cdp.access.keys import list_keys, revoke_key
from cdp.graphql import following, streams
from cdp.graphql.accepting import StreamForm, media_type_of, stream_form_of, takes_json

NAMES = "subscription { profilesChanged(first: 5) { nodes { displayName } } }"
EVENTS = "text/event-stream"
PARTS = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0"
URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, "
    "multipart/mixed"
)
APOLLO = f"{PARTS},application/graphql-response+json,application/json;q=0.9"


@pytest.mark.parametrize(
    ("accept", "json_will_do", "form"),
    [
        ("", True, None),
        ("*/*", True, None),
        (EVENTS, False, StreamForm.EVENTS),
        ("text/event-stream, multipart/mixed", False, StreamForm.EVENTS),
        ("multipart/mixed", False, None),
        (PARTS, False, StreamForm.PARTS),
        ('multipart/mixed; subscriptionSpec="1.0"; q=0.5, text/event-stream;q=0.4', False, StreamForm.PARTS),
        (URQL, True, StreamForm.EVENTS),
        (APOLLO, True, StreamForm.PARTS),
        ("application/json;q=0, text/event-stream", False, StreamForm.EVENTS),
        ("text/event-stream;q=0", False, None),
        ("text/html", False, None),
    ],
)
def test_json_is_preferred_wherever_it_will_do(accept: str, json_will_do: bool, form: Any) -> None:
    assert (takes_json(accept), stream_form_of(accept)) == (json_will_do, form)
    assert media_type_of(URQL) == "application/graphql-response+json"


@asynccontextmanager
async def streamed(live: Any, query: str, accept: str, role: str = "ADMIN") -> AsyncIterator[Any]:
    request = live.client.stream(
        "POST", "/graphql", json={"query": query}, headers={**live.headers(role), "Accept": accept}
    )
    async with request as response:
        yield response


async def events_of(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """Name and data of each event."""
    name = ""
    async for line in response.aiter_lines():
        key, _, value = line.partition(": ")
        if key == "event":
            name = value
        elif key == "data":
            yield name, json.loads(value) if value else None


async def parts_of(response: httpx.Response) -> AsyncIterator[Any]:
    """The content of each part."""
    buffer = ""
    async for text in response.aiter_text():
        buffer += text
        *whole, buffer = buffer.split("\r\n--graphql")
        for part in whole:
            if part:
                head, _, body = part.partition("\r\n\r\n")
                assert head == "\r\nContent-Type: application/json; charset=utf-8"
                yield json.loads(body)
    assert buffer == "--\r\n"


async def test_a_subscription_comes_as_events(live: Any) -> None:
    async with streamed(live, NAMES, URQL) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert "content-encoding" not in response.headers
        assert response.headers["cache-control"] == "no-store, no-transform"
        events = events_of(response)
        assert await anext(events) == ("next", {"data": {"profilesChanged": {"nodes": []}}})
        await live.track({"type": "identify", "userId": "ann", "traits": {"name": "Ann\nÖ \u2028"}})
        _, answer = await anext(events)
        assert answer["data"] == {"profilesChanged": {"nodes": [{"displayName": "Ann\nÖ \u2028"}]}}
    await live.left_alone()


async def test_a_subscription_comes_as_parts(live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(streams.HEARTBEAT_SECONDS, StreamForm.PARTS, 0.05)
    async with streamed(live, NAMES, APOLLO) as response:
        assert response.headers["content-type"].startswith("multipart/mixed; boundary=")
        parts = parts_of(response)
        first = await anext(parts)
        while not first:
            first = await anext(parts)
        assert first == {"payload": {"data": {"profilesChanged": {"nodes": []}}}}
        assert await anext(parts) == {}
        await live.track({"type": "identify", "userId": "ann", "traits": {"name": "Ann"}})
        async for part in parts:
            if part:
                assert part["payload"]["data"]["profilesChanged"]["nodes"] == [{"displayName": "Ann"}]
                break


async def test_queries_and_what_is_wrong_with_them_come_as_events_for_who_takes_nothing_else(
    live: Any,
) -> None:
    for query, expected in (
        ("{ __typename }", {"data": {"__typename": "Query"}}),
        ("{ nothing }", "BAD_USER_INPUT"),
        ("", "BAD_USER_INPUT"),
        ("query A { __typename } query B { __typename }", "BAD_USER_INPUT"),
    ):
        async with streamed(live, query, EVENTS) as response:
            (name, answer), end = [event async for event in events_of(response)]
        assert (response.status_code, name, end) == (200, "next", ("complete", None))
        if isinstance(expected, str):
            assert [error["extensions"]["code"] for error in answer["errors"]] == [expected]
            assert "data" not in answer
        else:
            assert answer == expected


async def test_a_stream_may_be_asked_for_by_get(live: Any) -> None:
    request = live.client.stream(
        "GET", "/graphql", params={"query": NAMES}, headers={**live.headers(), "Accept": EVENTS}
    )
    async with request as response:
        assert (await anext(events_of(response)))[0] == "next"


async def test_a_subscription_needs_a_client_that_takes_a_stream(live: Any) -> None:
    answer = await live.client.post("/graphql", json={"query": NAMES}, headers=live.headers())
    assert answer.status_code == 406
    assert "text/event-stream" in answer.json()["errors"][0]["message"]


async def test_without_a_good_key_no_stream_begins(live: Any) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        answer = await live.client.post(
            "/graphql", json={"query": NAMES}, headers={"Accept": EVENTS, **headers}
        )
        assert (answer.status_code, answer.headers["content-type"]) == (
            401,
            "application/json; charset=utf-8",
        )


async def test_a_key_may_hold_so_many_streams(live: Any) -> None:
    live.application.hub._most_of_one = 1
    async with streamed(live, NAMES, EVENTS) as response:
        await anext(events_of(response))
        async with streamed(live, NAMES, EVENTS) as second:
            assert second.status_code == 429
            error = json.loads(await second.aread())["errors"][0]
            assert error["extensions"]["code"] == "RATE_LIMITED"


async def test_a_revoked_key_ends_its_streams(live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "CHECK_SECONDS", 0.1)
    database = live.application.database
    async with streamed(live, NAMES, EVENTS, "SALES") as response:
        events = events_of(response)
        await anext(events)
        (key,) = [key for key in await list_keys(database, live.workspace_id) if key.role == "SALES"]
        await revoke_key(database, live.workspace_id, key.key_id, now=live.clock())
        _, answer = await anext(events)
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]
        assert [event async for event in events] == [("complete", None)]


async def test_a_server_that_stops_cuts_streams_off_so_that_clients_come_again(live: Any) -> None:
    """What is complete is not asked for again."""
    async with streamed(live, NAMES, EVENTS) as response:
        events = events_of(response)
        await anext(events)
        live.application.hub.stop()
        assert [event async for event in events] == []
