"""The processes that make the calls of one plugin that computes for long, so that it computes beside everybody else.

A call that is late ends with its process, and the next one has another. Values go there and back as pickles. The
environment of these processes lacks whatever names the database or is a setting of the core.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import structlog
from msgspec import Struct

from cdp.hooks.child import LENGTH
from cdp.hooks.health import Counters, FailureKind
from cdp.hooks.outcomes import Answered, Failed, Outcome, Refused
from cdp.hooks.threads import late, report, skipped

log = structlog.get_logger(__name__)

_LARGEST = 16 * 1024 * 1024
"""Bytes of one answer."""
_START = 60.0
"""Seconds within which a process has to have loaded the plugin."""
_WITHHELD = ("CDP_", "DATABASE_URL", "PG")
"""What the variables begin with that a plugin's process does not get."""


class ProcessCall(Struct, frozen=True, kw_only=True):
    """One call to be made elsewhere."""

    given: dict[str, object]
    """Arguments by name."""
    check: Callable[[object], Any]
    """Of what it returned; raises Refused."""


class _Broken(Exception):
    """The process has ended, or sends what nobody can read."""


class Processes:
    """At most `limit` processes of one plugin, started when they are needed.

    Args:
        name: of the plugin.
        address: where a process finds it.
        limit: how many at once.
        memory: most bytes of data that one may hold; 0: any.
    """

    def __init__(self, name: str, address: tuple[str, str], *, limit: int, memory: int) -> None:
        self._name = name
        self._address = address
        self._memory = memory
        self._seats = asyncio.Semaphore(limit)
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()
        self._ending: set[asyncio.Task[None]] = set()

    async def run(
        self, hook: str, calls: Sequence[ProcessCall], *, counters: Counters, deadline: float, budget: float
    ) -> list[Outcome[Any]]:
        """Make the calls, as many at once as there are processes; the arguments are those of `Threads.run`."""
        ends_at = time.monotonic() + budget
        return list(
            await asyncio.gather(*(self._one(hook, call, counters, deadline, ends_at) for call in calls))
        )

    async def aclose(self) -> None:
        """End all processes."""
        for process in list(self._all):
            self._end(process)
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _one(
        self, hook: str, call: ProcessCall, counters: Counters, deadline: float, ends_at: float
    ) -> Outcome[Any]:
        async with self._seats:
            circuit = counters.circuit
            if time.monotonic() >= ends_at or not circuit.admit():
                return skipped("it was left alone after failures, or time was up")
            outcome: Outcome[Any] = Failed(FailureKind.RAISED, "its process could not be started")
            began = time.perf_counter()
            try:
                outcome = await self._made(hook, call, deadline)
            finally:
                counters.took(time.perf_counter() - began, 1)
                report(circuit, outcome)
            return outcome

    async def _made(self, hook: str, call: ProcessCall, deadline: float) -> Outcome[Any]:
        try:
            process = await self._obtain()
        except (OSError, _Broken, TimeoutError) as error:
            return Failed(FailureKind.RAISED, f"its process could not be started: {error}"[:500])
        try:
            async with asyncio.timeout(deadline):
                kind, answer = await process.call((hook, call.given))
        except TimeoutError:
            self._end(process)
            return late(deadline)
        except _Broken as error:
            self._end(process)
            return Failed(FailureKind.RAISED, f"its process ended: {error}")
        except BaseException:  # whoever asked has gone; the answer would come to the next one
            self._end(process)
            raise
        self._idle.append(process)
        if kind == "raised":
            return Failed(FailureKind.RAISED, str(answer))
        try:
            return Answered(call.check(answer))
        except Refused as error:
            return Failed(FailureKind.REFUSED, str(error))

    async def _obtain(self) -> _Process:
        while self._idle:
            process = self._idle.pop()
            if process.alive:
                return process
            self._end(process)
        process = await _Process.start(self._name, self._address, self._memory)
        self._all.add(process)
        try:
            async with asyncio.timeout(_START):
                await process.ready()
        except BaseException:
            self._end(process)
            raise
        return process

    def _end(self, process: _Process) -> None:
        self._all.discard(process)
        ending = asyncio.ensure_future(process.end())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


class _Process:
    """One process, and the socket to it."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, name: str, address: tuple[str, str], memory: int) -> _Process:
        """Start one; it is not ready yet."""
        ours, theirs = socket.socketpair()
        environment = {key: value for key, value in os.environ.items() if not key.startswith(_WITHHELD)}
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "cdp.hooks.child",
                str(theirs.fileno()),
                *address,
                name,
                str(memory),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                env=environment,
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, reader, writer)

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def ready(self) -> None:
        """Wait until it has loaded the plugin.

        Raises:
            _Broken: it ended instead.
        """
        await self._read()

    async def call(self, what: tuple[str, dict[str, object]]) -> tuple[str, Any]:
        """Have a call made.

        Raises:
            _Broken: the process ended, or answers too much.
        """
        text = pickle.dumps(what)
        self._writer.write(LENGTH.pack(len(text)) + text)
        return await self._read()

    async def _read(self) -> tuple[str, Any]:
        try:
            size = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))[0]
            text = await self._reader.readexactly(size) if size <= _LARGEST else None
        except (EOFError, OSError) as error:
            raise _Broken(f"it is gone ({type(error).__name__})") from None
        if text is None:
            raise _Broken(f"its answer has {size} bytes; {_LARGEST} are allowed")
        try:
            answer: tuple[str, Any] = pickle.loads(text)  # noqa: S301 - written by this program about a plugin's answer
        except Exception as error:  # noqa: BLE001 - what a plugin returned may undo itself badly
            raise _Broken(f"its answer cannot be read: {type(error).__name__}") from None
        return answer

    async def end(self) -> None:
        """End it."""
        self._writer.close()
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
