"""The product as a user runs it: `cdp serve` in a process of its own on an embedded PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.http import fetch, request
from cdp.db.embedded import EmbeddedPostgres


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """A running server, its workspace's key, and its database."""

    port: int
    key: str
    postgres: EmbeddedPostgres


@asynccontextmanager
async def served(*options: str) -> AsyncIterator[Served]:
    """Serve a fresh workspace `bench` until the block is left; `options` go to `cdp serve`."""
    with EmbeddedPostgres.start() as postgres:
        at = ("--data", str(postgres.data_directory))
        _cdp("workspaces", "create", "bench", *at)
        printed = _cdp("keys", "create", "--workspace", "bench", "--role", "ADMIN", *at)
        key = next(word for word in printed.split() if word.startswith("cdp_sec_"))
        port = _free_port()
        process = subprocess.Popen(  # noqa: ASYNC220 - started once, before anything is measured
            [sys.executable, "-m", "cdp", "serve", "--port", str(port), *at, *options],
            stdout=subprocess.DEVNULL,
            env=os.environ | {"CDP_LOG_LEVEL": "error"},
        )
        try:
            await _ready(port, process)
            yield Served(port=port, key=key, postgres=postgres)
        finally:
            process.terminate()
            process.wait(30)


def _cdp(*arguments: str) -> str:
    command = [sys.executable, "-m", "cdp", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _ready(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit(f"cdp serve ended with status {process.returncode}.")
        try:
            status, _ = await fetch(port, request("GET", "/readyz", key="", body=b""))
        except OSError:
            status = 0
        if status == 200:
            return
        await asyncio.sleep(0.1)
    raise SystemExit("cdp serve did not become ready within 30 seconds.")
