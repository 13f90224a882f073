"""One attempt at a job, in a thread of its own: whatever the plugin does there, nobody else waits for it."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from cdp.model import JobCancelled, JobRun, WorkspaceId


class Progress(Struct, frozen=True, kw_only=True):
    """How far a job is."""

    done: int = 0
    total: int | None = None
    message: str | None = None


class Succeeded(Struct, frozen=True, kw_only=True):
    """The job is done."""

    result: str | None
    """As JSON."""


class Unsuccessful(Struct, frozen=True, kw_only=True):
    """It raised, took too long, or returned what cannot be kept."""

    error: str


class Stopped(Struct, frozen=True, kw_only=True):
    """It ended because somebody wanted it stopped."""


End = Succeeded | Unsuccessful | Stopped

_LARGEST_RESULT = 32 * 1024
_LONGEST_MESSAGE = 500
_ERROR_LENGTH = 500


class Handle(JobRun):
    """What a job's function holds; safe to use from its thread or its loop."""

    def __init__(self, job_id: int, workspace_id: WorkspaceId, attempt: int, due_at: datetime) -> None:
        self._job_id = job_id
        self._workspace_id = workspace_id
        self._attempt = attempt
        self._due_at = due_at
        self.stop = threading.Event()
        self.seen = Progress()

    @property
    def job_id(self) -> int:
        """See `JobRun`."""
        return self._job_id

    @property
    def workspace_id(self) -> WorkspaceId:
        """See `JobRun`."""
        return self._workspace_id

    @property
    def attempt(self) -> int:
        """See `JobRun`."""
        return self._attempt

    @property
    def due_at(self) -> datetime:
        """See `JobRun`."""
        return self._due_at

    @property
    def cancelled(self) -> bool:
        """See `JobRun`."""
        return self.stop.is_set()

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """See `JobRun`."""
        if self.stop.is_set():
            raise JobCancelled("somebody wants this job stopped")
        self.seen = Progress(
            done=int(done),
            total=None if total is None else int(total),
            message=str(message)[:_LONGEST_MESSAGE].replace("\0", "") or None,
        )


class Attempt:
    """A function on its way in a daemon thread; `ended` is set, on the loop that made it, when it has returned."""

    def __init__(self, name: str, function: Callable[[], Any], handle: Handle) -> None:
        self._function = function
        self._handle = handle
        self._here = asyncio.get_running_loop()
        self._there: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._lock = threading.Lock()
        self.ended: asyncio.Future[End] = self._here.create_future()
        self._thread = threading.Thread(target=self._run, name=f"job {name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the function has not returned, though nobody may wait for it any more."""
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Have it stopped: a coroutine where it waits next, a function where it says how far it is."""
        self._handle.stop.set()
        with self._lock:
            if self._there is not None and self._task is not None:
                with suppress(RuntimeError):  # its loop is closed: it has ended
                    self._there.call_soon_threadsafe(self._task.cancel)

    def _run(self) -> None:
        end = self._end()
        with suppress(RuntimeError):  # the application, and its loop, ended before the job did
            self._here.call_soon_threadsafe(self._told, end)

    def _told(self, end: End) -> None:
        if not self.ended.done():
            self.ended.set_result(end)

    def _end(self) -> End:
        try:
            answer = self._function()
            if inspect.iscoroutine(answer):
                answer = asyncio.run(self._awaited(answer))
            return _kept(answer)
        except (JobCancelled, asyncio.CancelledError) as error:
            if self._handle.cancelled:
                return Stopped()
            return Unsuccessful(error=f"{type(error).__name__}: {error}"[:_ERROR_LENGTH])
        except BaseException as error:  # noqa: BLE001 - a plugin may raise anything, SystemExit included
            return Unsuccessful(error=f"{type(error).__name__}: {error}"[:_ERROR_LENGTH].replace("\0", ""))

    async def _awaited(self, coroutine: Any) -> Any:
        with self._lock:
            self._there = asyncio.get_running_loop()
            self._task = asyncio.create_task(coroutine)
        if self._handle.cancelled:
            self._task.cancel()
        return await self._task


def _kept(answer: Any) -> End:
    if answer is None:
        return Succeeded(result=None)
    try:
        text = msgspec.json.encode(answer)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        return Unsuccessful(error=f"its result cannot be kept: {error}"[:_ERROR_LENGTH])
    if len(text) > _LARGEST_RESULT or b"\\u0000" in text:
        return Unsuccessful(
            error=f"its result has {len(text)} bytes, or a NUL; {_LARGEST_RESULT} are allowed"
        )
    return Succeeded(result=text.decode())
