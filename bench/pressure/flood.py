"""A flood, in a process of its own.

    python -m bench.pressure.flood PORT KEY REQUESTS_PER_SECOND SECONDS CONNECTIONS BATCH

Prints how many requests were sent, and how many were taken and refused, per second.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from typing import cast

from bench.http import paced, request
from bench.traffic import batches, events

_DIFFERENT = 200
"""Bodies that are made beforehand; each time that one is sent it has new message ids."""


class _Fresh:
    """So many requests, each with events that were never sent before."""

    def __init__(self, key: str, count: int, batch: int) -> None:
        self._key = key
        self._count = count
        self._bodies = list(batches(events(_DIFFERENT * batch, people=10_000, seed=7), batch))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        for number in range(self._count):
            body = self._bodies[number % _DIFFERENT]
            yield request(
                "POST", "/v1/batch", key=self._key, body=body.replace(b'"bench-7-', b'"flood-%d-' % number)
            )


async def main() -> None:
    port, key, per_second, seconds, connections, batch = sys.argv[1:]
    requests = _Fresh(key, int(float(per_second) * float(seconds)), int(batch))
    load = await paced(
        int(port),
        cast("Sequence[bytes]", requests),
        per_second=float(per_second),
        connections=int(connections),
    )
    taken = load.statuses.get(200, 0)
    print(load.per_second, taken / load.seconds, (load.requests - taken) / load.seconds)
    print(load.statuses, file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main())
