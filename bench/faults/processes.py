"""What is killed: PostgreSQL, the server and the worker, each started again by a small supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.http import fetch, request
from bench.processes import family
from cdp.db.cluster import postmaster
from cdp.db.embedded import EmbeddedPostgres
from cdp.errors import DiptychError

_READY = request("GET", "/readyz", key="", body=b"")
_LOOK = 0.05
"""Seconds between two looks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kill:
    """What was killed, when, and how long it took until the server was ready again; in seconds."""

    target: str
    at: float
    down: float


class Victim(Protocol):
    """Somebody who is killed and comes back."""

    name: str

    def kill(self, rng: random.Random) -> str | None:
        """Kill it without warning; the answer says what of it, or that nothing of it was alive."""

    async def revive(self) -> None:
        """Start it again where that is not done by itself."""


class Postgres:
    """An embedded PostgreSQL with the product's own settings."""

    name = "postgresql"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = EmbeddedPostgres.start(folder)

    def kill(self, rng: random.Random) -> str | None:
        """Kill the postmaster, or one of the processes that work for it: it then restarts all of them by itself."""
        pid = postmaster(self.folder)
        if pid is None:
            return None  # it is just being started
        workers = family(pid)[1:]
        one = rng.choice(workers) if workers and rng.random() < 0.5 else pid
        return ("postmaster" if one == pid else "backend") if _killed(one) else None

    async def revive(self) -> None:
        """Start it, as whoever runs it would: again and again until it starts."""
        for _ in range(600):
            try:
                joined = await asyncio.to_thread(EmbeddedPostgres.start, self.folder)
            except DiptychError as error:
                print(f"PostgreSQL: {error}", file=sys.stderr, flush=True)
                await asyncio.sleep(_LOOK)
            else:
                before, self.server = self.server, joined
                await asyncio.to_thread(before.stop)
                return
        raise TimeoutError("PostgreSQL did not start again.")


class Program:
    """A command of ours that runs until it is killed, and is started again whenever it ends."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self._command = command
        self._log = log
        self._process = self._start()

    def kill(self, rng: random.Random) -> str | None:
        """Kill the process, or one of those that it has started."""
        return self.name if _killed(rng.choice(family(self._process.pid))) else None

    async def revive(self) -> None:
        """Start it again if it has ended."""
        if self._process.poll() is not None:
            self._process = self._start()

    def stop(self) -> None:
        """End it kindly."""
        self._process.terminate()
        self._process.wait(60)

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "cdp", *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "CDP_LOG_LEVEL": "warning"},
            )


class Killer:
    """Kills one of the victims after the other, and brings them back."""

    def __init__(self, victims: Sequence[Victim], port: int, rng: random.Random) -> None:
        self._victims = victims
        self._port = port
        self._rng = rng
        self.kills: list[Kill] = []

    async def run(self, enough: Callable[[int], bool]) -> None:
        """Kill at random moments until there is `enough` of it; one in five while the last one is not over."""
        watching: set[asyncio.Task[None]] = set()
        while not enough(len(self.kills) + len(watching)):
            await asyncio.sleep(self._rng.expovariate(1.0))
            if watching and self._rng.random() > 0.2:
                await asyncio.wait(watching)
                await asyncio.sleep(self._rng.expovariate(1.0))
            watching = {task for task in watching if not task.done()}
            victim = self._rng.choice(self._victims)
            at = time.time()
            if (target := victim.kill(self._rng)) is not None:
                watching.add(asyncio.create_task(self._back(victim, target, at)))
        await asyncio.gather(*watching)

    async def ready(self, within: float = 120.0) -> None:
        """Wait until the server can do its work, bringing back whoever has ended."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            for victim in self._victims:
                if isinstance(victim, Program):
                    await victim.revive()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(5.0):
                    status, _ = await fetch(self._port, _READY)
                if status == 200:
                    return
            await asyncio.sleep(_LOOK)
        raise TimeoutError(f"The server was not ready again within {within:.0f} s.")

    async def _back(self, victim: Victim, target: str, at: float) -> None:
        await asyncio.sleep(_LOOK)
        await victim.revive()
        await self.ready()
        self.kills.append(Kill(target=target, at=at, down=time.time() - at))


def _killed(pid: int) -> bool:
    """Kill a process; whether it was alive, and not one that was killed and that nobody has reaped yet."""
    try:
        alive = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return alive
