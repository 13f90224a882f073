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
    """Makes clones of templates in a thread of its own.

    Args:
        url: of a database of the server that is no template, as its superuser.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._wanted: SimpleQueue[str | None] = SimpleQueue()
        """A statement, or the name of a template to be cloned once more; None: it is over."""
        self._ready: dict[str, SimpleQueue[str | Exception]] = {}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._work()), daemon=True)
        self._thread.start()

    async def take(self, template: str) -> str:
        """The name of a clone that nobody else has; to the template nobody may be connected."""
        if template not in self._ready:
            self._ready[template] = SimpleQueue()
            for _ in range(AHEAD):
                self._wanted.put(template)
        self._wanted.put(template)
        found = await asyncio.to_thread(self._ready[template].get)
        if isinstance(found, Exception):
            raise found
        return found

    def give_back(self, name: str) -> None:
        """Nobody needs it any more."""
        self._wanted.put(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        """Make no more, once all that were given back are dropped."""
        self._wanted.put(None)
        self._thread.join()

    async def _work(self) -> None:
        try:
            connection = await asyncpg.connect(self._url)
            numbers = count(1)
            while wanted := self._wanted.get():
                if wanted not in self._ready:
                    await connection.execute(wanted)
                    continue
                name = f"test_{next(numbers)}"
                await connection.execute(
                    f"CREATE DATABASE {name} TEMPLATE {wanted} OWNER diptych_owner STRATEGY file_copy"
                )
                self._ready[wanted].put(name)
            await connection.close()
        except Exception as error:  # noqa: BLE001 - raised where the next clone is taken
            for ready in self._ready.values():
                for _ in range(AHEAD + 1):
                    ready.put(error)
