"""Reads with permission checks and without, in one run on the same database, at the same time.

    python -m bench.permissions --quick
    python -m bench.permissions --json permissions.json

Two servers, one process each: the product, and the product without its checks (bench.permissions.unlabelled). Both are
asked the same by the same keys, and must answer the same. The limit is 3 % of the throughput.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import uvloop

from bench.figures import arguments, save, show
from bench.http import Load, fetch, request, run
from bench.read import dataset
from bench.server import free_port, make_workspace, started
from cdp.db.embedded import EmbeddedPostgres

LIMIT = 0.03
CONNECTIONS = 4
"""To each of the two."""
BURST = 5
"""Requests on one connection, before it is the other's turn."""
VARIANTS = ("without", "with")

_PANELS = """
  buyerIntent { score level stage furthestStage signals { name count lastAt weight }
    purchases { count totals { currency amount } } }
  usage { phase adoptionRate activeDays stickiness lastUsedAt features { key count lastAt } }
  memberships { nodes { since roles { role source } heldRoles { role } account { name domain alignment } } }"""
_FOUND = f"""query Found($value: String!) {{
  profile(identifier: {{ kind: "user_id", value: $value }}) {{ {_PANELS} }} }}"""
_LISTED = f"""query Listed {{
  profiles(first: 50, where: {{ buyerIntent: {{ score: {{ gt: 1 }} }}, usage: {{ activeDays: {{ gte: 0 }} }} }},
    orderBy: [{{ field: INTENT_SCORE, direction: DESC }}]) {{ nodes {{ {_PANELS} }} pageInfo {{ endCursor }} }} }}"""
_NAMED = _FOUND.replace("buyerIntent", "displayName identifiers { kind value } traits buyerIntent", 1)


@dataclass(frozen=True, slots=True)
class Measured:
    """The rounds of one question at one server."""

    loads: list[Load] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    """Of the server's process, one a request."""

    @property
    def per_second(self) -> float:
        return median(load.per_second for load in self.loads)


@dataclass(frozen=True, slots=True)
class Running:
    """One of the two servers."""

    port: int
    pid: int


async def main() -> None:
    options = arguments("What permission checks cost of reads.")
    people, pairs, rounds, seconds = (10_000, 200, 3, 1.0) if options.quick else (50_000, 2_000, 15, 3.0)
    with EmbeddedPostgres.start() as postgres:
        admin = make_workspace(postgres)
        keys = {"ADMIN": admin, "MARKETING": _key(postgres, "MARKETING")}
        await dataset.grow(postgres.superuser_url, 0, people)
        async with _both(postgres) as servers:
            cases = dict(_cases(people, keys))
            await _compare(cases, servers)
            results = await _measure(cases, servers, pairs=pairs, rounds=rounds, seconds=seconds)
    costs = {case: _cost(of) for case, of in results.items()}
    _report(results, costs, people, pairs)
    save(
        options.json,
        {
            case: {
                "per_second": {name: of[name].per_second for name in VARIANTS},
                "cpu_us": {name: median(of[name].cpu_us) for name in VARIANTS},
                "cost": costs[case],
            }
            for case, of in results.items()
        },
    )


def _cases(people: int, keys: Mapping[str, str]) -> Iterator[tuple[str, list[bytes]]]:
    """What is asked, with the requests that ask it in turn."""
    rng = random.Random(1)
    somebody = [{"value": f"user-{rng.randint(1, people)}"} for _ in range(1_000)]
    for role in ("ADMIN", "MARKETING"):
        key = keys[role]
        yield f"one profile, {role}", [_request(key, _FOUND, variables) for variables in somebody]
        yield f"list of 50, {role}", [_request(key, _LISTED, {})]
    yield "with personal data, ADMIN", [_request(keys["ADMIN"], _NAMED, variables) for variables in somebody]
    # Documents that no server has seen yet are planned, which is where labels are looked at.
    unseen = [
        _request(keys["ADMIN"], _FOUND.replace("score", f"a{number}: score", 1), variables)
        for number, variables in zip(range(20_000), itertools.cycle(somebody), strict=False)
    ]
    yield "documents never seen, ADMIN", unseen


def _request(key: str, document: str, variables: Mapping[str, str]) -> bytes:
    body = json.dumps({"query": document, "variables": variables}).encode()
    return request("POST", "/graphql", key=key, body=body)


def _key(postgres: EmbeddedPostgres, role: str) -> str:
    command = [sys.executable, "-m", "cdp", "keys", "create", "--workspace", "bench", "--role", role]
    at = ("--data", str(postgres.data_directory))
    printed = subprocess.run([*command, *at], check=True, stdout=subprocess.PIPE, text=True).stdout
    return next(word for word in printed.split() if word.startswith("cdp_sec_"))


@asynccontextmanager
async def _both(postgres: EmbeddedPostgres) -> AsyncIterator[dict[str, Running]]:
    """The two servers, neither of which settles."""
    async with AsyncExitStack() as stack:
        servers = {}
        for name, module in (("without", "bench.permissions.unlabelled"), ("with", "cdp")):
            port = free_port()
            command = (sys.executable, "-m", module, "serve", "--port", str(port), "--no-worker")
            process = await stack.enter_async_context(
                started(
                    (*command, "--data", str(postgres.data_directory)),
                    port=port,
                    ready=request("GET", "/healthz", key="", body=b""),
                    environment={"CDP_LOG_LEVEL": "error"},
                )
            )
            servers[name] = Running(port, process.pid)
        yield servers


async def _compare(cases: Mapping[str, list[bytes]], servers: Mapping[str, Running]) -> None:
    """Look whether both answer the same: otherwise it is not the checks that are compared.

    Raises:
        SystemExit: an answer is an error, or two of them differ.
    """
    for case, messages in cases.items():
        for message in messages[:20]:
            answers = [json.loads((await fetch(servers[name].port, message))[1]) for name in VARIANTS]
            if any(answer.get("errors") or not answer.get("data") for answer in answers):
                raise SystemExit(f"{case}: {str(answers)[:800]}")
            one, other = (_shape(answer["data"]) for answer in answers)
            if one != other:
                raise SystemExit(f"{case}: the servers differ: {str(one)[:400]} … {str(other)[:400]}")


def _shape(value: object) -> object:
    """The answer without figures, which fade from one moment to the next."""
    match value:
        case dict():
            return {name: _shape(one) for name, one in value.items()}
        case list():
            return [_shape(one) for one in value]
        case float():
            return "number"
        case _:
            return value


async def _measure(
    cases: Mapping[str, list[bytes]],
    servers: Mapping[str, Running],
    *,
    pairs: int,
    rounds: int,
    seconds: float,
) -> dict[str, dict[str, Measured]]:
    """Each case in turns, for the CPU that it takes, and then at both servers at once, for throughput.

    Whatever else the machine does hits both alike.
    """
    results = {case: {name: Measured() for name in VARIANTS} for case in cases}
    for case, messages in cases.items():
        of, waiting = results[case], iter(itertools.cycle(messages))
        for number in range(-pairs // 10, pairs):
            burst = list(itertools.islice(waiting, BURST))
            for name in VARIANTS[number % 2 :] + VARIANTS[: number % 2]:
                before = _cpu_ns(servers[name].pid)
                load = await run(servers[name].port, burst, connections=1)
                if set(load.statuses) != {200}:
                    raise SystemExit(f"{case}: the server {name} checks answered {load.statuses}.")
                if number >= 0:
                    of[name].cpu_us.append((_cpu_ns(servers[name].pid) - before) / 1e3 / BURST)
        for number in range(-1, rounds):
            asked = list(itertools.islice(waiting, len(messages)))
            loads = await asyncio.gather(
                *(
                    run(servers[name].port, asked, connections=CONNECTIONS, seconds=seconds)
                    for name in VARIANTS
                )
            )
            for name, load in zip(VARIANTS, loads, strict=True):
                if set(load.statuses) != {200}:
                    raise SystemExit(f"{case}: the server {name} checks answered {load.statuses}.")
                if number >= 0:
                    of[name].loads.append(load)
    return results


def _cpu_ns(pid: int) -> int:
    """Nanoseconds that the threads of a process have run."""
    return sum(int(one.read_text().split()[0]) for one in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def _cost(of: Mapping[str, Measured]) -> dict[str, float]:
    """The share of the server's CPU, by medians, and of the throughput, by the median of rounds, that checks cost.

    Requests take PostgreSQL's time besides, so that the first is the most that the second can be, but for chance.
    """
    both = zip(of["with"].loads, of["without"].loads, strict=True)
    return {
        "cpu": median(of["with"].cpu_us) / median(of["without"].cpu_us) - 1,
        "throughput": 1 - median(one.per_second / other.per_second for one, other in both),
    }


def _report(
    results: Mapping[str, Mapping[str, Measured]],
    costs: Mapping[str, Mapping[str, float]],
    people: int,
    pairs: int,
) -> None:
    rows = [
        (
            case,
            *(f"{median(of[name].cpu_us):,.0f} µs" for name in VARIANTS),
            f"{costs[case]['cpu']:+.1%}",
            *(f"{of[name].per_second:,.0f}" for name in VARIANTS),
            f"{costs[case]['throughput']:+.1%}",
        )
        for case, of in results.items()
    ]
    show(
        f"Permission checks: {people:,} people; CPU of the server as medians of {pairs:,} bursts to each in turns, "
        f"throughput over {CONNECTIONS} connections to each at once; the limit is {LIMIT:.0%}",
        ("read", "server CPU without", "with", "cost", "req/s without", "with", "cost"),
        rows,
    )


if __name__ == "__main__":
    uvloop.run(main())
