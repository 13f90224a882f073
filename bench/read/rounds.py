"""Measure servers in turn, round by round, so that what else the machine does hits them alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from bench.http import Load, run
from bench.read.peers import Server

CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Measured:
    """The rounds of one query at one server; every figure is their median."""

    loads: list[Load] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return median(load.per_second for load in self.loads)

    def percentile(self, share: float) -> float:
        return median(load.percentile(share) for load in self.loads)


Results = dict[str, dict[str, Measured]]
"""Case → server → figures."""


async def measure(
    servers: list[Server], requests: Mapping[str, Mapping[str, list[bytes]]], *, rounds: int, seconds: float
) -> Results:
    """Load each server with each case for so many seconds, as often as there are rounds, and once before to warm up."""
    results: Results = {case: {server.name: Measured() for server in servers} for case in requests}
    for number in range(-1, rounds):
        for case, of_server in requests.items():
            # Another one begins each time.
            turn = number % len(servers)
            for server in servers[turn:] + servers[:turn]:
                messages = of_server[server.name]
                load = await run(server.port, messages, connections=CONNECTIONS, seconds=seconds)
                if set(load.statuses) != {200}:
                    raise SystemExit(f"{case}: {server.name} answered {load.statuses}.")
                if number >= 0:
                    results[case][server.name].loads.append(load)
    return results
