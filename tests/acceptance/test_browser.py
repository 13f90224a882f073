"""The browser SDK on a page in a real Chromium, which sends across origins."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.acceptance.conftest import Node, Server, Tenant

FLAGS = (
    "--headless=shell",
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Browser:
    """A Chromium and the environment that it needs."""

    program: str
    environment: dict[str, str]


@pytest.fixture(scope="session")
def browser(node: Node) -> Browser:
    """The one that comes as an npm package for Linux on x86-64; elsewhere what is installed."""
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        folder = node.folder / "node_modules" / ".cache" / "chromium"
        program = node.run("chromium.mjs", str(folder)).strip()
        libraries = {
            "LD_LIBRARY_PATH": str(folder / "al2023" / "lib"),
            "FONTCONFIG_PATH": str(folder / "fonts"),
        }
        return Browser(program, {**os.environ, **libraries})
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next((program for name in names if (program := shutil.which(name))), None)
    assert found is not None, "Chromium is needed: install it so that `chromium` is found."
    return Browser(found, dict(os.environ))


class Site:
    """A web site of somebody else's: the page with the SDK; what the page reports comes back here."""

    def __init__(self, node: Node, page: str = "page.html") -> None:
        bundle = node.folder / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd" / "index.js"
        self._files = {
            "/": ("text/html", (node.folder / page).read_bytes()),
            "/analytics-next.js": ("text/javascript", bundle.read_bytes()),
        }
        self.report: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split(" ", 2)
        lengths = [
            line.split(":")[1] for line in head.lower().split("\r\n") if line.startswith("content-length:")
        ]
        body = await reader.readexactly(int(lengths[0])) if lengths else b""
        if method == "POST":
            self.report.set_result(json.loads(body))
        kind, content = self._files.get(target.partition("?")[0], ("text/plain", b""))
        about = (f"Content-Type: {kind}", f"Content-Length: {len(content)}", "Connection: close")
        writer.write("\r\n".join(("HTTP/1.1 200 OK", *about, "", "")).encode() + content)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def visit(browser: Browser, address: str) -> AsyncIterator[None]:
    """Have the page open for the length of the block, in a browser that has seen nothing before."""
    profile = tempfile.TemporaryDirectory(prefix="diptych-test-", ignore_cleanup_errors=True)
    process = await asyncio.create_subprocess_exec(
        browser.program,
        *FLAGS,
        f"--user-data-dir={profile.name}",
        address,
        env=browser.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()
        profile.cleanup()


@pytest.mark.parametrize("strategy", ["standard", "batching"])
async def test_the_browser_sdk_delivers_every_call_once_from_a_page_of_another_origin(
    strategy: str, browser: Browser, node: Node, server: Server, tenant: Tenant
) -> None:
    site = Site(node)
    listener = await asyncio.start_server(site.answer, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    query = urlencode({"server": server.url, "key": tenant.key, "strategy": strategy})
    async with listener, visit(browser, f"http://127.0.0.1:{port}/?{query}"), asyncio.timeout(60):
        report = await site.report
        assert (report["failed"], report["undelivered"]) == ([], [])
        # A batch is sent after its calls have returned.
        await tenant.arrived(len(report["ids"]))
    events = await tenant.events("type, name, message_id, properties")
    assert sorted(event["message_id"] for event in events) == sorted(report["ids"])
    assert sorted(event["type"] for event in events) == [
        "alias",
        "group",
        "identify",
        "page",
        "track",
        "track",
    ]
    (viewed,) = (json.loads(event["properties"]) for event in events if event["name"] == "Pricing Viewed")
    assert viewed == {"plan": "pro", "emoji": "😀 and half of one \ufffd"}
    (page,) = (json.loads(event["properties"]) for event in events if event["name"] == "Page Viewed")
    assert (page["name"], page["title"]) == ("Pricing", "Pricing")
    (person,) = await tenant.people()
    assert {("user_id", "u1"), ("email", "ann@example.com"), ("anonymous_id", "anon-1")} < person
