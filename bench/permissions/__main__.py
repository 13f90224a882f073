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
from statistics import median

import uvloop

from bench.figures import arguments, save, show
from bench.http import Load, fetch, request, run
from bench.processes import use_of
from bench.read import dataset
from bench.server import free_port, make_workspace, started
from cdp.db.embedded import EmbeddedPostgres

LIMIT = 0.03
CONNECTIONS = 4
"""To each of the two."""
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
    """Of the server's process, for each request."""

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
    people, rounds, seconds = (10_000, 5, 1.5) if options.quick else (50_000, 15, 3.0)
    with EmbeddedPostgres.start() as postgres:
        admin = make_workspace(postgres)
        keys = {"ADMIN": admin, "MARKETING": _key(postgres, "MARKETING")}
        await dataset.grow(postgres.superuser_url, 0, people)
        async with _both(postgres) as servers:
            cases = dict(_cases(people, keys))
            await _compare(cases, servers)
            results = await _measure(cases, servers, rounds=rounds, seconds=seconds)
    costs = {case: _cost(of) for case, of in results.items()}
    _report(results, costs, people, rounds)
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
    cases: Mapping[str, list[bytes]], servers: Mapping[str, Running], *, rounds: int, seconds: float
) -> dict[str, dict[str, Measured]]:
    """Both at once, round by round, and one round before to warm up: what else the machine does hits both alike."""
    results = {case: {name: Measured() for name in VARIANTS} for case in cases}
    sent = 0
    for number in range(-1, rounds):
        for case, messages in cases.items():
            asked = messages
            if case.startswith("documents never seen"):
                asked = messages[sent:] + messages[:sent]
            before = {name: use_of(server.pid).cpu_seconds for name, server in servers.items()}
            loads = await asyncio.gather(
                *(
                    run(servers[name].port, asked, connections=CONNECTIONS, seconds=seconds)
                    for name in VARIANTS
                )
            )
            if asked is not messages:
                sent = (sent + max(load.requests for load in loads)) % len(messages)
            for name, load in zip(VARIANTS, loads, strict=True):
                used = use_of(servers[name].pid).cpu_seconds - before[name]
                if set(load.statuses) != {200}:
                    raise SystemExit(f"{case}: the server {name} checks answered {load.statuses}.")
                if number >= 0:
                    results[case][name].loads.append(load)
                    results[case][name].cpu_us.append(used / load.requests * 1e6)
    return results


def _cost(of: Mapping[str, Measured]) -> dict[str, float]:
    """The share of the throughput, and of the server's CPU, that checks cost: medians over rounds."""
    pairs = list(zip(of["with"].loads, of["without"].loads, strict=True))
    cpu = list(zip(of["with"].cpu_us, of["without"].cpu_us, strict=True))
    return {
        "throughput": 1 - median(one.per_second / other.per_second for one, other in pairs),
        "cpu": median(one / other for one, other in cpu) - 1,
    }


def _report(
    results: Mapping[str, Mapping[str, Measured]],
    costs: Mapping[str, Mapping[str, float]],
    people: int,
    rounds: int,
) -> None:
    rows = [
        (
            case,
            f"{of['without'].per_second:,.0f}",
            f"{of['with'].per_second:,.0f}",
            f"{costs[case]['throughput']:+.1%}",
            f"{median(of['without'].cpu_us):,.0f} µs",
            f"{median(of['with'].cpu_us):,.0f} µs",
            f"{costs[case]['cpu']:+.1%}",
        )
        for case, of in results.items()
    ]
    show(
        f"Permission checks: {people:,} people, {CONNECTIONS} connections each, medians of {rounds} rounds; the limit "
        f"is {LIMIT:.0%} of the throughput",
        ("read", "req/s without", "with", "cost", "server CPU without", "with", "cost"),
        rows,
    )


if __name__ == "__main__":
    uvloop.run(main())
