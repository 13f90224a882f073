"""Several processes on one port, without what they serve."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from cdp.cli.supervising import supervise
from cdp.errors import Misconfigured
from cdp.settings import Settings
from cdp.web.siblings import Seat

SUPERVISOR = """
import signal, sys
from cdp.cli.supervising import supervise
from cdp.settings import Settings
from tests.cli.test_supervising import listening, tell_who_serves

noted = []
signal.signal(signal.SIGTERM, lambda number, _: noted.append(number))
with listening() as listener:
    print(listener.getsockname()[1], flush=True)
    supervise(Settings(workers=2), listener, tell_who_serves, noted)
"""


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.set_inheritable(True)
        yield listener


def tell_who_serves(_settings: Settings, listener: socket.socket, seat: Seat) -> None:
    """Answer every connection with one's own seat and process id, until the signal to stop."""
    while True:
        with listener.accept()[0] as connection:
            connection.sendall(f"{seat.number} {os.getpid()}".encode())


def end_at_once(_settings: Settings, _listener: socket.socket, _seat: Seat) -> None:
    sys.exit(3)


def who(port: int) -> tuple[int, int] | None:
    """The seat and the process that answer; None: nobody does."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            said = connection.recv(100).split()
    except OSError:
        return None
    return (int(said[0]), int(said[1])) if said else None


def both(port: int, *, but: int = 0) -> dict[int, int]:
    """The processes of the two seats, none of them `but`."""
    found: dict[int, int] = {}
    while len(found) < 2:
        if (answer := who(port)) is not None and answer[1] != but:
            found[answer[0]] = answer[1]
    return found


def test_a_process_that_dies_is_replaced_and_all_end_with_the_one_that_started_them() -> None:
    """Killed in its first seconds even, as long as it did not end by itself."""
    command = [sys.executable, "-c", SUPERVISOR]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        port = int(supervisor.stdout.readline())
        first = both(port)
        os.kill(first[0], signal.SIGKILL)
        second = both(port, but=first[0])
        assert second[1] == first[1]
        supervisor.kill()
        supervisor.wait()
        # They let go of the port once they notice; until then each of them may answer once more.
        while who(port) is not None:
            pass
        for process in second.values():
            with suppress(ProcessLookupError):
                while True:
                    os.kill(process, 0)


def test_processes_that_end_as_soon_as_they_have_begun_are_not_started_for_ever() -> None:
    with listening() as listener, pytest.raises(Misconfigured, match="ended with status 3"):
        supervise(Settings(workers=2), listener, end_at_once, [])
