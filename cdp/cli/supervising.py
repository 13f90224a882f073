"""Several server processes on one port: started, replaced when they die, stopped together."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from cdp.errors import Misconfigured
from cdp.settings import Settings
from cdp.web.siblings import Seat

log = structlog.get_logger(__name__)

STARTUP_SECONDS = 5.0
"""A server process that ends sooner has died young."""
LONGEST_PAUSE = 5.0
"""Seconds before the next try, at most, where they die young one after the other."""
STOP_SECONDS = 30.0
"""How long server processes may take to finish what they have accepted."""

_LOOK_SECONDS = 0.2
_FIRST_PAUSE = 0.1

Serve = Callable[[Settings, socket.socket, Seat], None]
"""What a server process does; importable by name, for it runs in a new interpreter."""


class _Place:
    """The place of one process, and who has it."""

    def __init__(self, start: Callable[[], SpawnProcess]) -> None:
        self._start = start
        self.process = start()
        self._since = time.monotonic()
        self._pause = 0.0
        self._again_at: float | None = None

    @property
    def grown_up(self) -> bool:
        """Whether the process lives, and has lived long enough to have begun properly."""
        return self.process.exitcode is None and time.monotonic() - self._since >= STARTUP_SECONDS

    def look(self, *, ever: bool) -> None:
        """Replace the process if it has died; the younger it was, the later.

        Raises:
            Misconfigured: it has ended by itself as soon as it had begun, and none ever did better (`ever`).
        """
        code, now = self.process.exitcode, time.monotonic()
        if code is None:
            return
        if self._again_at is None:
            young = now - self._since < STARTUP_SECONDS
            if young and code >= 0 and not ever:
                raise Misconfigured(
                    f"A server process ended with status {code} as soon as it had begun; its reason stands above."
                )
            self._pause = min(LONGEST_PAUSE, 2 * self._pause or _FIRST_PAUSE) if young else 0.0
            self._again_at = now + self._pause
            log.warning("server_process_ended", status=code, again_in=self._pause)
        if now >= self._again_at:
            self.process, self._since, self._again_at = self._start(), time.monotonic(), None


def supervise(settings: Settings, listener: socket.socket, serve: Serve, stopped: Sequence[int]) -> None:
    """Keep `settings.workers` server processes running until a signal to stop has been noted in `stopped`.

    The port is one socket that all of them accept from: one that dies takes only its own connections with it, and
    while it is replaced the others serve. Each settles too, if the settings say so: what waits is shared by leases.

    Raises:
        Misconfigured: the first of them ended by themselves as soon as they had begun.
    """
    context = multiprocessing.get_context("spawn")
    with TemporaryDirectory(prefix="diptych-sockets-") as folder:

        def starter(number: int) -> Callable[[], SpawnProcess]:
            seat = Seat(folder=Path(folder), number=number, of=settings.workers)

            def start() -> SpawnProcess:
                process = context.Process(
                    target=_child, args=(serve, settings, listener, seat), name="diptych-server"
                )
                process.start()
                return process

            return start

        places = [_Place(starter(number)) for number in range(settings.workers)]
        ever = False
        try:
            while not stopped:
                wait([place.process.sentinel for place in places], timeout=_LOOK_SECONDS)
                if stopped:
                    break
                ever = ever or any(place.grown_up for place in places)
                for place in places:
                    place.look(ever=ever)
                if any(place.process.exitcode is not None for place in places):
                    time.sleep(_FIRST_PAUSE)  # the sentinel of a dead process does not wait
        finally:
            _stop([place.process for place in places])


def _child(serve: Serve, settings: Settings, listener: socket.socket, seat: Seat) -> None:
    """A server process: it stops, gracefully, when the one that started it is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
        # Who was still beginning did not heed it.
        time.sleep(STARTUP_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
    serve(settings, listener, seat)


def _stop(processes: Sequence[SpawnProcess]) -> None:
    """Ask all of them to stop, and end those that do not."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        process.join(timeout=max(0.0, deadline - time.monotonic()))
        if process.exitcode is None:
            process.kill()
            process.join()
