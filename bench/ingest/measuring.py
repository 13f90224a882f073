"""One server under load: how many events a second, how long an acknowledgement takes, what that costs."""

from __future__ import annotations

import os
from dataclasses import dataclass

from bench.http import Load, paced, request, run
from bench.processes import Use, use_of
from bench.server import Served
from bench.traffic import NEWCOMERS, batches, events
from cdp.db.cluster import postmaster


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a run used, per process family; CPU in seconds."""

    server: Use
    postgres: Use
    generator: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One run: so many events in batches of `size` over `connections`."""

    size: int
    connections: int
    count: int
    """Events that were acknowledged."""
    load: Load
    cost: Cost

    @property
    def refused(self) -> int:
        """Requests whose senders were told to come again."""
        return self.load.requests - self.load.statuses.get(200, 0)

    @property
    def events_per_second(self) -> float:
        return self.count / self.load.seconds

    def cpu_us(self, seconds: float) -> float:
        """Microseconds of CPU an event."""
        return seconds / self.count * 1_000_000


class Bench:
    """Sends traffic that no run repeats: every message is new, people come again or are new."""

    def __init__(
        self,
        server: Served,
        *,
        people: int,
        active: int | None = None,
        newcomers: float = NEWCOMERS,
        first_seed: int = 0,
    ) -> None:
        self.server = server
        self._people = people
        self._active = active
        self._newcomers = newcomers
        self._seed = first_seed

    async def full_speed(self, size: int, connections: int, count: int) -> Measured:
        """As quickly as it goes: each connection waits for its answer, then sends the next batch."""
        requests = self._requests(size, count)
        before = self._used()
        load = await run(self.server.port, requests, connections=connections)
        return self._measured(size, connections, load, before)

    async def steadily(self, size: int, *, per_second: float, seconds: float, connections: int) -> Measured:
        """So many events a second, at random moments that do not wait for answers."""
        count = max(size, round(per_second * seconds / size) * size)
        requests = self._requests(size, count)
        before = self._used()
        load = await paced(
            self.server.port,
            requests,
            per_second=per_second / size,
            connections=connections,
            seed=self._seed,
        )
        return self._measured(size, connections, load, before)

    def _requests(self, size: int, count: int) -> list[bytes]:
        self._seed += 1
        calls = events(
            count, people=self._people, active=self._active, seed=self._seed, newcomers=self._newcomers
        )
        return [request("POST", "/v1/batch", key=self.server.key, body=body) for body in batches(calls, size)]

    def _used(self) -> tuple[Use, Use, float]:
        return use_of(self.server.pid), use_of(postmaster_of(self.server)), sum(os.times()[:2])

    def _measured(self, size: int, connections: int, load: Load, before: tuple[Use, Use, float]) -> Measured:
        if 200 not in load.statuses or set(load.statuses) - {200, 429, 503}:
            raise SystemExit(f"Batches of {size} over {connections} connections: {load.statuses}")
        count = load.statuses[200] * size
        server, postgres, generator = self._used()
        cost = Cost(server=server - before[0], postgres=postgres - before[1], generator=generator - before[2])
        return Measured(size=size, connections=connections, count=count, load=load, cost=cost)


def postmaster_of(server: Served) -> int:
    """Process id of the server's PostgreSQL."""
    pid = postmaster(server.postgres.data_directory)
    assert pid is not None, "it is running"
    return pid
