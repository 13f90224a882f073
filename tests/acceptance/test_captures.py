"""Requests that SDKs really sent, replayed to the letter."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import HERE, Server, Tenant

CAPTURES = {
    path.stem: [json.loads(line) for line in path.read_text().splitlines()]
    for path in sorted((HERE / "captures").glob("*.jsonl"))
}

EXPECTED = {
    "segment-node.full": ["identify", "identify", "track", "page", "screen", "group", "alias"],
    "rudder-py.full": ["identify", "identify", "track", "page", "screen", "group", "alias"],
    "segment-next.standard": ["page", "identify", "track", "group", "alias"],
    "segment-next.batching": ["page", "identify", "track", "group", "alias"],
}


@pytest.mark.parametrize("capture", CAPTURES)
async def test_a_captured_session_is_understood_whole_and_a_repetition_changes_nothing(
    capture: str, server: Server, tenant: Tenant
) -> None:
    requests = CAPTURES[capture]
    key = tenant.key if capture.startswith("segment-next") else tenant.server_key
    async with httpx.AsyncClient(base_url=server.url) as client:
        first = [await replayed(client, request, key) for request in requests]
        again = [await replayed(client, request, key) for request in requests]
    for answer in first + again:
        assert (answer.status_code, answer.json()["refused"], "warnings" in answer.json()) == (200, [], False)
    events = await tenant.events("type, name, message_id, occurred_at, properties")
    assert [event["type"] for event in events] == EXPECTED[capture]
    items = [item for request in requests for item in request["body"].get("batch", [request["body"]])]
    assert [event["message_id"] for event in events] == [item["messageId"] for item in items]
    (mail,) = {
        value for person in await tenant.people() for kind, value in person if value.startswith("ann@")
    }
    assert mail == "ann@example.com"
    assert {("user_id", "u1"), ("email", "ann@example.com"), ("anonymous_id", "anon-1")} <= max(
        await tenant.people(), key=len
    )


async def replayed(client: httpx.AsyncClient, request: dict[str, Any], key: str) -> httpx.Response:
    """Send it as it was sent, but for the key."""
    content = json.dumps(request["body"]).encode().replace(b"WRITEKEY", key.encode())
    if request["gzipped"]:
        content = gzip.compress(content)
    left_out = {"host", "content-length", "authorization", "accept-encoding", "connection"}
    headers = {name: value for name, value in request["headers"].items() if name.lower() not in left_out}
    headers["Authorization"] = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    return await client.request(request["method"], request["path"], content=content, headers=headers)
