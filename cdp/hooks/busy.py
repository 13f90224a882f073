"""Who is at work for which plugin, in which thread: so that what a process suffers can be named, and ended."""

from __future__ import annotations

import asyncio
import ctypes
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_TASKS = Path("/proc/self/task")
_STATM = Path("/proc/self/statm")
_PAGE = 4096


class Interrupted(BaseException):
    """Raised in a plugin's thread by whoever does not wait for it any more; the message says why."""


LONG = 0.2
"""Seconds from which on work is long."""


class Over(NamedTuple):
    """Work that was long."""

    plugin: str
    hook: str
    cpu: float
    """Processor time that it had since it began, or since the last look, in seconds."""


class Work:
    """A thread that makes calls of a plugin."""

    __slots__ = (
        "_lock",
        "active",
        "beat_at",
        "because",
        "calls",
        "cpu",
        "faults",
        "hook",
        "in_call",
        "late_at",
        "loop",
        "mark",
        "memory",
        "native_id",
        "place",
        "plugin",
        "since",
        "thread_id",
        "told",
    )

    def __init__(self, plugin: str, hook: str) -> None:
        self.plugin = plugin
        self.hook = hook
        self.thread_id = threading.get_ident()
        self.native_id = threading.get_native_id()
        self.since = time.monotonic()
        self.active = 1
        """Batches of calls that are under way; a thread with an event loop also has times without any."""
        self.told = 0.0
        """Seconds of its loop's silence that were told already."""
        self.memory: int | None = None
        """Bytes that the process held when the watchdog saw this first."""
        self.cpu: float | None = time.thread_time()
        """Processor time that the thread had had when this began, or at the last look since, in seconds."""
        self.faults: int | None = None
        """Pages that the thread had asked for when the watchdog saw this first."""
        self.loop: asyncio.AbstractEventLoop | None = None
        """The event loop that the thread runs, if it does."""
        self.beat_at: float | None = None
        """Since when that has not answered, if it has not."""
        self.because: str | None = None
        """Why the call that is under way was interrupted."""
        self.calls = 0
        """Calls that were begun, where they are counted one by one."""
        self.in_call = False
        """Whether one of those is under way."""
        self.place: Callable[[], object] | None = None
        """Tells in which call the thread is, where they are not counted; None: in none."""
        self.mark: tuple[object, float] | None = None
        """The call that was under way at the last look, and the thread's processor time when it was seen first."""
        self.late_at = 0.0
        """By how much the watchdog itself had been late in all, when the loop was asked last."""
        self._lock = threading.Lock()

    def turn(self, plugin: str, hook: str) -> None:
        """The thread goes on to another plugin."""
        self.plugin = plugin
        self.hook = hook
        self.since = time.monotonic()
        self.cpu = time.thread_time()
        self.mark = None

    def begin(self) -> None:
        """A call begins; in its own thread. What is raised from outside until `end` is about this call."""
        self.calls += 1
        self.in_call = True

    def end(self) -> None:
        """It is over; in its own thread. An interruption of it that has not come yet does not come any more."""
        while True:
            try:
                with self._lock:
                    self.in_call = False
                    if self.because is not None:
                        self.because = None
                        _raise_in(self.thread_id, nothing=True)
                    return
            except Interrupted:
                continue

    @property
    def where(self) -> object:
        """Which call is under way; None: none, or that cannot be told. From any thread."""
        if self.loop is not None:
            return self.beat_at
        if self.place is not None:
            return self.place()
        return self.calls if self.in_call else None

    def interrupt(self, because: str, *, where: object = None) -> bool:
        """Raise `Interrupted` in the thread, as soon as it runs Python code; what waits in C is left to wait.

        Where the call is named, only if that is under way still; whether it was done.
        """
        with self._lock:
            if where is not None and where != self.where:
                return False
            self.because = because
            _raise_in(self.thread_id)
            return True


class Busy:
    """All work that is going on in one process."""

    def __init__(self) -> None:
        self._work: set[Work] = set()
        self._over: deque[Over] = deque(maxlen=32)

    @contextmanager
    def working(self, plugin: str, hook: str) -> Iterator[Work]:
        """Say that this thread works for a plugin, until the block ends."""
        work = Work(plugin, hook)
        self._work.add(work)
        try:
            yield work
        finally:
            self._work.discard(work)
            self.over(work)

    def over(self, work: Work) -> None:
        """A part of the work is over; in its own thread. What was long is kept for who could not look meanwhile."""
        if time.monotonic() - work.since > LONG and work.cpu is not None:
            self._over.append(Over(work.plugin, work.hook, time.thread_time() - work.cpu))

    def long_ago(self) -> list[Over]:
        """What was long and is over, since this was asked last; from one thread alone."""
        found: list[Over] = []
        while self._over:
            found.append(self._over.popleft())
        return found

    def now(self) -> list[Work]:
        """What is going on; from any thread."""
        return list(self._work)


def interrupt(thread: threading.Thread) -> None:
    """Raise `Interrupted` in a thread, as soon as it runs Python code."""
    if thread.ident is not None and thread.is_alive():
        _raise_in(thread.ident)


def _raise_in(thread_id: int, *, nothing: bool = False) -> None:
    """Have `Interrupted` raised in a thread, or what was to be raised there not be raised."""
    what = None if nothing else ctypes.py_object(Interrupted)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), what)


def processor_seconds(native_id: int) -> float | None:
    """Processor time that a thread of this process has had; None where that cannot be told."""
    try:
        return int((_TASKS / str(native_id) / "schedstat").read_bytes().split()[0]) / 1e9
    except (OSError, IndexError, ValueError):
        return None


def page_faults(native_id: int) -> int | None:
    """Pages that a thread of this process has been the first to touch; None where that cannot be told."""
    try:
        return int((_TASKS / str(native_id) / "stat").read_bytes().rpartition(b")")[2].split()[7])
    except (OSError, IndexError, ValueError):
        return None


def memory_bytes(pid: int | None = None) -> int | None:
    """Memory that a process holds, this one where none is named; None where that cannot be told."""
    path = _STATM if pid is None else Path(f"/proc/{pid}/statm")
    try:
        return int(path.read_bytes().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return None
