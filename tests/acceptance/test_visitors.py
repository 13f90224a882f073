"""A page in a real Chromium that proves who its visitor is, and reads what is the visitor's own across origins."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from urllib.parse import urlencode

from cdp.access.visitors import create_secret, sign
from cdp.db.pool import Database
from cdp.ingest.seals import Seals
from cdp.workspaces.change import change_settings
from tests.acceptance.conftest import Node, Server, Tenant
from tests.acceptance.test_browser import Browser, Site, browser, visit

__all__ = ["browser"]


async def proving(server: Server, tenant: Tenant) -> str:
    """A token for ann, in a workspace that demands proof of pages."""
    now = datetime.now(UTC)
    database = await Database.connect(server.database_url)
    try:
        async with database.transaction(tenant.workspace_id) as connection:
            await change_settings(connection, tenant.workspace_id, {"visitor_proof_required": True}, now=now)
            secret = await create_secret(connection, tenant.workspace_id, "shop", now=now, sealing=Seals())
    finally:
        await database.close()
    return sign(secret.secret, secret.kid, "ann", now=now, also={"email": "ann@example.com"})


async def test_a_browser_proves_its_visitor_and_reads_what_is_theirs_and_nothing_else(
    browser: Browser,
    node: Node,
    server: Server,
    tenant: Tenant,
) -> None:
    token = await proving(server, tenant)
    site = Site(node, "visitor.html")
    listener = await asyncio.start_server(site.answer, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    query = urlencode({"server": server.url, "key": tenant.key})
    async with listener, visit(browser, f"http://127.0.0.1:{port}/?{query}#{token}"), asyncio.timeout(60):
        report = await site.report
        assert report["undelivered"] == 0, report
        await tenant.arrived(3)
    # `bob` was nobody's to say: what followed is about the browser alone.
    assert report["own"] == {
        "data": {"visitor": {"usage": {"activeDays": 0}, "buyerIntent": {"purchaseCount": 0}}}
    }
    assert [one["extensions"]["code"] for one in report["others"]["errors"]] == ["FORBIDDEN"]
    assert report["withKey"] == "TypeError"
    named = {(kind, value) for person in await tenant.people() for kind, value in person}
    assert {kind: value for kind, value in named if kind != "anonymous_id"} == {
        "user_id": "ann",
        "email": "ann@example.com",
    }
    assert all(token not in event["context"] for event in await tenant.events("context"))
