"""The tracking API as clients see it."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from cdp.access.keys import create_key, list_keys, revoke_key
from cdp.db.pool import Database
from cdp.ingest import refused
from cdp.model import Limits, WorkspaceId
from cdp.workspaces import store as workspaces
from tests.ingest.parts import NOON, Ingest, stored_ids

TRACK = {"type": "track", "event": "Pricing Viewed", "userId": "u1", "messageId": "m1"}


def basic(key: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def batch(*items: Any, **more: Any) -> bytes:
    return json.dumps({"batch": items, **more}).encode()


async def test_a_good_batch_is_answered_200_and_is_there(
    client: httpx.AsyncClient, key: str, database: Database, workspace: WorkspaceId
) -> None:
    answer = await client.post("/v1/batch", content=batch(TRACK), headers=basic(key))
    assert (answer.status_code, answer.json()) == (200, {"success": True, "accepted": 1, "refused": []})
    assert answer.headers["content-type"] == "application/json"
    assert await stored_ids(database, workspace) == ["m1"]


@pytest.mark.parametrize("way", ["basic", "body", "header", "bearer"])
async def test_the_key_comes_in_any_of_the_usual_ways(client: httpx.AsyncClient, key: str, way: str) -> None:
    headers = {
        "basic": basic(key),
        "header": {"X-Write-Key": key},
        "bearer": {"Authorization": f"Bearer {key}"},
    }
    content = batch(TRACK, writeKey=key) if way == "body" else batch(TRACK)
    answer = await client.post("/v1/batch", content=content, headers=headers.get(way, {}))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""]
)
@pytest.mark.parametrize("packed", [False, True])
async def test_any_content_type_is_json_and_gzip_is_seen_in_the_bytes(
    client: httpx.AsyncClient, key: str, content_type: str, packed: bool
) -> None:
    content = gzip.compress(batch(TRACK)) if packed else batch(TRACK)
    answer = await client.post("/v1/b", content=content, headers=basic(key) | {"Content-Type": content_type})
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)


@pytest.mark.parametrize(
    ("paths", "event_type"),
    [
        (("identify", "i"), "identify"),
        (("track", "t"), "track"),
        (("page", "p"), "page"),
        (("screen", "s"), "screen"),
        (("group", "g"), "group"),
        (("alias", "a"), "alias"),
    ],
)
async def test_every_call_has_its_address_and_its_short_form(
    client: httpx.AsyncClient,
    key: str,
    superuser: asyncpg.Connection,
    paths: tuple[str, str],
    event_type: str,
) -> None:
    item = {"userId": "u1", "event": "Pricing Viewed", "groupId": "g1", "previousId": "a1"}
    for path in paths:
        answer = await client.post(f"/v1/{path}", json=item | {"messageId": path}, headers=basic(key))
        assert (answer.status_code, answer.json()["refused"]) == (200, [])
    rows = await superuser.fetch("SELECT type FROM event")
    assert [row["type"] for row in rows] == [event_type] * 2


async def test_one_bad_item_is_named_and_the_others_are_stored(
    client: httpx.AsyncClient, key: str, database: Database, workspace: WorkspaceId
) -> None:
    items = [TRACK, TRACK | {"messageId": "m2", "userId": None}, TRACK | {"messageId": "m3"}, 5, TRACK]
    answer = await client.post("/v1/batch", content=batch(*items), headers=basic(key))
    assert answer.status_code == 200
    body = answer.json()
    assert body["accepted"] == 3
    assert [(item["index"], item["code"], item["field"]) for item in body["refused"]] == [
        (1, "MISSING_ID", ["userId"]),
        (3, "INVALID_FIELD", []),
    ]
    assert await stored_ids(database, workspace) == ["m1", "m3"]
    async with database.connection(workspace) as connection:
        assert len(await refused.list_refused(connection, workspace)) == 2


async def test_a_typing_error_in_an_address_is_a_warning(client: httpx.AsyncClient, key: str) -> None:
    item = {"userId": "u1", "traits": {"email": "ann@@example.com", "phone": "nonsense"}}
    answer = await client.post("/v1/identify", json=item, headers=basic(key))
    assert answer.json()["accepted"] == 1
    assert [warning["field"] for warning in answer.json()["warnings"]] == [
        ["traits", "email"],
        ["traits", "phone"],
    ]


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({}, batch(TRACK)),
        ({}, batch(TRACK, writeKey=7)),
        (basic("unknown"), batch(TRACK)),
        (basic(""), batch(TRACK)),
        (basic("cdp_pub_" + "0" * 43), batch(TRACK)),
        ({"Authorization": "Basic %%%"}, batch(TRACK)),
        ({"Authorization": "Basic /w=="}, batch(TRACK)),
        ({"X-Write-Key": "cdp_sec_" + "0" * 43}, batch(TRACK)),
    ],
)
async def test_without_a_good_key_it_is_401(
    client: httpx.AsyncClient, workspace: WorkspaceId, headers: dict[str, str], content: bytes
) -> None:
    answer = await client.post("/v1/batch", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")


async def test_a_revoked_key_is_401_within_a_second(
    client: httpx.AsyncClient, key: str, database: Database, workspace: WorkspaceId
) -> None:
    (known,) = await list_keys(database, workspace)
    await revoke_key(database, workspace, known.key_id, now=NOON)
    answer = await client.post("/v1/batch", content=batch(TRACK), headers=basic(key))
    assert answer.status_code == 401


async def test_a_key_that_may_not_write_events_is_403(
    client: httpx.AsyncClient, database: Database, workspace: WorkspaceId
) -> None:
    sales = await create_key(database, workspace, "SALES", "dashboard")
    answer = await client.post("/v1/batch", content=batch(TRACK), headers=basic(sales))
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"batch":{}}', b'{"batch":[{"a":NaN}]}', b"\x1f\x8bxx"]
)
async def test_a_malformed_body_is_400_and_is_kept(
    client: httpx.AsyncClient, key: str, database: Database, workspace: WorkspaceId, content: bytes
) -> None:
    answer = await client.post("/v1/batch", content=content, headers=basic(key))
    assert (answer.status_code, sorted(answer.json())) == (400, ["code", "message"])
    async with database.connection(workspace) as connection:
        (kept,) = await refused.list_refused(connection, workspace)
    assert (kept.code, kept.message, kept.body) == ("MALFORMED", answer.json()["message"], content)


async def test_what_is_too_large_is_413(client: httpx.AsyncClient, key: str) -> None:
    large = b'{"batch":[' + b" " * 512_000 + b"]}"
    many = batch(*[1] * 2_501)

    async def streamed() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 1_000):
            yield large[start : start + 1_000]

    for content in (large, streamed(), gzip.compress(large), gzip.compress(bytes(64_000_000)), many):
        answer = await client.post("/v1/batch", content=content, headers=basic(key))
        assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")


async def test_a_full_queue_is_503_with_a_short_retry_after(
    client: httpx.AsyncClient, key: str, ingest: Ingest, database: Database, workspace: WorkspaceId
) -> None:
    ingest.accumulator._settings = type(ingest.accumulator._settings)(queue_events=1)
    async with database.transaction(workspace) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(7001, $1::int)", workspace)
        first = asyncio.create_task(client.post("/v1/batch", content=batch(TRACK), headers=basic(key)))
        while not ingest.accumulator._queued:
            await connection.execute("SELECT 1")
        answer = await client.post("/v1/batch", content=batch(TRACK), headers=basic(key))
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (
            503,
            "UNAVAILABLE",
            "1",
        )
    assert (await first).status_code == 200


async def test_another_page_may_send_with_a_preflight(client: httpx.AsyncClient, key: str) -> None:
    preflight = await client.options(
        "/v1/t",
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-headers"] == "authorization,content-type"
    answer = await client.post("/v1/t", json=TRACK, headers=basic(key) | {"Origin": "https://shop.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_page_can_read_why_it_was_turned_away(
    client: httpx.AsyncClient, workspace: WorkspaceId
) -> None:
    answer = await client.post("/v1/t", json=TRACK, headers={"Origin": "https://shop.example"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, "*")
    assert "Retry-After" in answer.headers["access-control-expose-headers"]


async def test_the_browser_sdk_is_told_to_send_here_and_nowhere_else(
    client: httpx.AsyncClient, key: str
) -> None:
    answer = await client.get(f"/v1/projects/{key}/settings")
    assert answer.status_code == 200
    (name, integration), *others = answer.json()["integrations"].items()
    assert (name, others) == ("Segment.io", [])
    assert (integration["apiKey"], integration["apiHost"], integration["protocol"]) == (
        key,
        "cdp.test/v1",
        "http",
    )
    assert answer.json()["metrics"]["sampleRate"] == 0
    assert (await client.get("/v1/projects/unknown/settings")).status_code == 401


async def test_every_error_has_a_code_and_a_message(client: httpx.AsyncClient) -> None:
    for method, path in (("GET", "/v1/batch"), ("POST", "/v1/nothing"), ("DELETE", "/healthz")):
        answer = await client.request(method, path)
        assert answer.status_code in {404, 405}
        assert set(answer.json()) == {"code", "message"}


async def test_who_sends_too_much_reads_when_to_come_again(
    client: httpx.AsyncClient, key: str, database: Database, workspace: WorkspaceId
) -> None:
    """Events by their number, requests before their bodies are looked at; the operator's word holds within a second."""
    await workspaces.set_limits(database, workspace, Limits(events_per_second=1, requests_per_second=1))
    many = batch(*(TRACK | {"messageId": f"m{number}"} for number in range(5)))
    assert (await client.post("/v1/batch", content=many, headers=basic(key))).status_code == 200
    answer = await client.post("/v1/batch", content=many, headers=basic(key))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    assert answer.json() == {
        "code": "RATE_LIMITED",
        "message": "This workspace may send 1 events a second; wait and send again.",
    }
    answers = [await client.post("/v1/batch", content=b"{nonsense", headers=basic(key)) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 429]
