"""Databases for tests, each a clone of the template: made and dropped beside the tests, so that none waits for them."""

from __future__ import annotations

import asyncio
import threading
from itertools import count
from queue import SimpleQueue

import asyncpg

AHEAD = 2
"""Clones that are made before anybody asks for them."""


class Clones:
    """Makes clones of one template in a thread of its own.

    Args:
        url: of another database of the server, as its superuser.
        template: what is cloned; nobody may be connected to it.
    """

    def __init__(self, url: str, template: str) -> None:
        self._url = url
        self._template = template
        self._wanted: SimpleQueue[str | bool] = SimpleQueue()
        """True: make one more; a name: drop that one; False: it is over."""
        self._ready: SimpleQueue[str | Exception] = SimpleQueue()
        for _ in range(AHEAD):
            self._wanted.put(True)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._work()), daemon=True)
        self._thread.start()

    async def take(self) -> str:
        """The name of a clone that nobody else has."""
        self._wanted.put(True)
        found = await asyncio.to_thread(self._ready.get)
        if isinstance(found, Exception):
            raise found
        return found

    def give_back(self, name: str) -> None:
        """Nobody needs it any more."""
        self._wanted.put(name)

    def close(self) -> None:
        """Make no more, once all that were given back are dropped."""
        self._wanted.put(False)
        self._thread.join()

    async def _work(self) -> None:
        try:
            connection = await asyncpg.connect(self._url)
            numbers = count(1)
            while wanted := self._wanted.get():
                if wanted is True:
                    name = f"test_{next(numbers)}"
                    await connection.execute(
                        f"CREATE DATABASE {name} TEMPLATE {self._template} OWNER diptych_owner STRATEGY file_copy"
                    )
                    self._ready.put(name)
                else:
                    await connection.execute(f"DROP DATABASE {wanted} WITH (FORCE)")
            await connection.close()
        except Exception as error:  # noqa: BLE001 - raised where the next clone is taken
            for _ in range(AHEAD + 1):
                self._ready.put(error)
