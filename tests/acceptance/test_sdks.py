"""Unmodified tracking SDKs deliver everything, once, also through restarts of the server."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import HERE, Node, Server, Tenant, Tenants

PYTHON_SDKS = ("segment-analytics-python", "rudder-sdk-python", "analytics-python")
NODE_SDK = "@segment/analytics-node"


def command(sdk: str, url: str, key: str, what: str, node: Node) -> list[str]:
    if sdk == NODE_SDK:
        return [str(node.program), str(node.folder / "send.mjs"), url, key, what]
    return [sys.executable, "-W", "ignore", str(HERE / "send.py"), sdk, url, key, what]


async def finished(process: asyncio.subprocess.Process) -> dict[str, Any]:
    output, errors = await asyncio.wait_for(process.communicate(b""), 120)
    assert process.returncode == 0, errors.decode()
    result: dict[str, Any] = json.loads(output)
    return result


async def started(*arguments: str) -> asyncio.subprocess.Process:
    pipe = subprocess.PIPE
    return await asyncio.create_subprocess_exec(*arguments, stdin=pipe, stdout=pipe, stderr=pipe)


@pytest.mark.parametrize("sdk", [*PYTHON_SDKS, NODE_SDK])
async def test_every_call_of_an_sdk_arrives_once(
    sdk: str, server: Server, tenant: Tenant, node: Node
) -> None:
    process = await started(*command(sdk, server.url, tenant.key, "calls", node))
    assert await finished(process) == {"made": 100, "errors": []}
    events = await tenant.events("type, name, occurred_at, properties, message_id, context")
    assert len({event["message_id"] for event in events}) == len(events) == 107
    calls = [event for event in events if event["name"] != "Feature Used"]
    assert sorted(event["type"] for event in calls) == [
        *("alias", "group", "identify", "identify", "page", "screen", "track")
    ]
    (order,) = (event for event in calls if event["name"] == "Order Completed")
    assert json.loads(order["properties"]) == {"order_id": "o1", "total": 12.5}
    assert order["occurred_at"].isoformat()[:15] in {"2026-01-05T11:5", "2026-01-05T12:0"}
    (page,) = (event for event in calls if event["name"] == "Page Viewed")
    assert json.loads(page["properties"])["name"] == "Pricing"
    numbers = sorted(
        json.loads(event["properties"])["number"] for event in events if event["name"] == "Feature Used"
    )
    assert numbers == list(range(100))
    people = await tenant.people()
    assert {("user_id", "u1"), ("email", "ann@example.com"), ("anonymous_id", "anon-1")} in people
    assert {("anonymous_id", "anon-2"), ("email", "bob@example.com")} in people
    assert len(people) == 11


async def test_nothing_is_lost_or_doubled_when_the_server_is_killed_and_stopped_under_them(
    restarted: Server, tenants: Tenants, node: Node
) -> None:
    """Three SDKs send all the time, while the server is killed once and stopped kindly once."""
    sdks = ("segment-analytics-python", "rudder-sdk-python", NODE_SDK)
    senders = {}
    for sdk in sdks:
        tenant = await tenants.make(f"restarts of {sdk}")
        process = await started(*command(sdk, restarted.url, tenant.key, "steadily", node))
        senders[sdk] = (tenant, process)

    async with asyncio.timeout(180), httpx.AsyncClient() as client:
        so_far = {sdk: await tenant.arrived(1) for sdk, (tenant, _) in senders.items()}
        for how in (signal.SIGKILL, signal.SIGTERM):
            await asyncio.to_thread(restarted.stop, how)
            with pytest.raises(httpx.TransportError):
                await client.get(f"{restarted.url}/healthz")
            await asyncio.to_thread(restarted.start)
            so_far = {sdk: await tenant.arrived(so_far[sdk] + 1) for sdk, (tenant, _) in senders.items()}
    for tenant, process in senders.values():
        result = await finished(process)
        assert result["errors"] == []
        events = await tenant.events("properties")
        numbers = sorted(json.loads(event["properties"])["number"] for event in events)
        assert numbers == list(range(result["made"]))
