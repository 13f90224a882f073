"""The product as a user runs it: `cdp serve` in a process of its own on an embedded PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.http import fetch, request
from cdp.db.embedded import EmbeddedPostgres


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """A running server, its workspace's key, and its database."""

    port: int
    pid: int
    key: str
    postgres: EmbeddedPostgres


@asynccontextmanager
async def served(*options: str) -> AsyncIterator[Served]:
    """Serve a fresh workspace `bench` until the block is left; `options` go to `cdp serve`."""
    with EmbeddedPostgres.start() as postgres:
        key = make_workspace(postgres)
        async with serving(postgres, key, *options) as server:
            yield server


def make_workspace(postgres: EmbeddedPostgres, name: str = "bench") -> str:
    """A workspace, migrating the database where that is still to be done, and a key that may do anything in it."""
    at = ("--data", str(postgres.data_directory))
    _cdp("workspaces", "create", name, *at)
    printed = _cdp("keys", "create", "--workspace", name, "--role", "ADMIN", *at)
    return next(word for word in printed.split() if word.startswith("cdp_sec_"))


@asynccontextmanager
async def serving(postgres: EmbeddedPostgres, key: str, *options: str) -> AsyncIterator[Served]:
    """Serve a database until the block is left."""
    port = free_port()
    command = (sys.executable, "-m", "cdp", "serve", "--port", str(port))
    async with started(
        (*command, "--data", str(postgres.data_directory), *options),
        port=port,
        ready=request("GET", "/readyz", key="", body=b""),
        environment={"CDP_LOG_LEVEL": "error"},
    ) as process:
        yield Served(port=port, pid=process.pid, key=key, postgres=postgres)


@asynccontextmanager
async def started(
    command: Sequence[str], *, port: int, ready: bytes, environment: Mapping[str, str]
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A server in a process of its own, from when it answers the request `ready` until the block is left."""
    process = subprocess.Popen(  # noqa: ASYNC220 - started once, before anything is measured
        command, stdout=subprocess.DEVNULL, env={**os.environ, **environment}
    )
    try:
        await _ready(port, process, ready)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _cdp(*arguments: str) -> str:
    command = [sys.executable, "-m", "cdp", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


async def _ready(port: int, process: subprocess.Popen[bytes], message: bytes) -> None:
    name = " ".join(str(word) for word in process.args[:4])
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit(f"{name} … ended with status {process.returncode}.")
        try:
            status, _ = await fetch(port, message)
        except OSError:
            status = 0
        if status == 200:
            return
        await asyncio.sleep(0.1)
    raise SystemExit(f"{name} … did not become ready within 30 seconds.")
