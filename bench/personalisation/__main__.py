"""How long it takes to decide what a person is shown, over HTTP.

    python -m bench.personalisation --quick
    python -m bench.personalisation --json personalisation.json

One slot with 1, 10 and 100 variants, each of which has an audience of its own over both panels, traits or memberships,
every fifth a frequency cap; and ten slots with ten variants each, in one call and in ten. People have a history, and
the first-party plugins are asked as ever. docs/benchmarks.md says how to read the figures.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import uvloop

from bench.figures import arguments, save, show
from bench.http import Load, fetch, request, run
from bench.ingest.measuring import postmaster_of
from bench.processes import use_of
from bench.server import Served, served

BOUND = 20.0
"""Milliseconds within which 99 of 100 choices among 100 variants are to be made."""

CHOICE = "variant content reason"
EXPLAINED = f"{CHOICE} explanation {{ candidates {{ variant standing reason }} }}"
TEN = [f"ten-{number}" for number in range(10)]


async def main() -> None:
    options = arguments("Decisions among many variants.")
    people, requests = (300, 600) if options.quick else (3_000, 4_000)
    async with served("--no-worker") as server:
        await tell(server, people)
        for number in (1, 10, 100):
            await define(server, f"of-{number}", number)
        for name in TEN:
            await define(server, name, 10)
        kinds = {
            "one slot of 1 variant": one("of-1", CHOICE),
            "one slot of 10 variants": one("of-10", CHOICE),
            "one slot of 100 variants": one("of-100", CHOICE),
            "one slot of 100 variants, explained": one("of-100", EXPLAINED),
            "ten slots of 10 variants, one call": several(CHOICE),
            "ten slots of 10 variants, ten fields": aliased(CHOICE),
        }
        found: dict[str, dict[int, tuple[Load, float, float]]] = {}
        for name, document in kinds.items():
            messages = [message(server, document, user) for user in chosen(people, requests)]
            await run(server.port, messages[:200], connections=4)  # each connection's plans are made
            found[name] = {
                connections: await measured(server, messages, connections) for connections in (1, 4)
            }
    rows = [
        (
            name,
            str(connections),
            f"{load.per_second:,.0f}",
            *(f"{load.percentile(share):.1f}" for share in (0.5, 0.95, 0.99)),
            f"{here:.1f}",
            f"{there:.1f}",
        )
        for name, loads in found.items()
        for connections, (load, here, there) in loads.items()
    ]
    show(
        f"Choices for {people:,} people, {requests:,} requests of each kind",
        (
            "what",
            "connections",
            "per second",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "CPU ms server",
            "CPU ms PostgreSQL",
        ),
        rows,
    )
    worst = found["one slot of 100 variants"][1][0].percentile(0.99)
    print(f"\np99 at 100 variants, one after the other: {worst:.1f} ms, of {BOUND:.0f} ms allowed.")
    save(
        options.json,
        {
            name: {
                str(connections): {
                    "per_second": load.per_second,
                    "p50_ms": load.percentile(0.5),
                    "p95_ms": load.percentile(0.95),
                    "p99_ms": load.percentile(0.99),
                    "cpu_ms_server": here,
                    "cpu_ms_postgresql": there,
                }
                for connections, (load, here, there) in loads.items()
            }
            for name, loads in found.items()
        },
    )


async def measured(server: Served, messages: Sequence[bytes], connections: int) -> tuple[Load, float, float]:
    """How long requests took, and milliseconds of CPU that one cost the server and PostgreSQL."""
    before = use_of(server.pid), use_of(postmaster_of(server))
    load = await run(server.port, messages, connections=connections)
    if set(load.statuses) != {200}:
        raise SystemExit(f"Not all were answered: {load.statuses}")
    here, there = (
        (after - at).cpu_seconds * 1_000 / load.requests
        for after, at in zip((use_of(server.pid), use_of(postmaster_of(server))), before, strict=True)
    )
    return load, here, there


def one(slot: str, selection: str) -> str:
    """A document for one slot."""
    return document(f'personalisation(slot: "{slot}") {{ {selection} }}')


def several(selection: str) -> str:
    """A document for all ten slots in one field."""
    return document(f"personalisations(slots: {json.dumps(TEN)}) {{ {selection} }}")


def aliased(selection: str) -> str:
    """The same as a field each."""
    fields = (f's{at}: personalisation(slot: "{name}") {{ {selection} }}' for at, name in enumerate(TEN))
    return document(" ".join(fields))


def document(fields: str) -> str:
    return f'query ($u: String!) {{ profile(identifier: {{ kind: "user_id", value: $u }}) {{ {fields} }} }}'


def message(server: Served, query: str, user: str) -> bytes:
    body = json.dumps({"query": query, "variables": {"u": user}}).encode()
    return request("POST", "/graphql", key=server.key, body=body)


def chosen(people: int, requests: int) -> Iterator[str]:
    rng = random.Random(7)
    return (f"u-{rng.randrange(people)}" for _ in range(requests))


def audience(number: int) -> dict[str, Any]:
    """A filter of its own for each variant."""
    signal = {"name": {"eq": "pricing_viewed"}, "count": {"gt": number % 9}}
    account = {"name": {"startsWith": f"Firm {number % 50}"}}
    kinds: tuple[dict[str, Any], ...] = (
        {"buyerIntent": {"score": {"gt": number / 4}}},
        {"usage": {"activeDays": {"gte": number % 28}}},
        {"traits": [{"path": "plan", "eq": f"plan-{number % 5}"}]},
        {"memberships": {"some": {"account": account}}},
        {"buyerIntent": {"signals": {"some": signal}}},
        {"and": [{"usage": {"phase": {"ne": "NONE"}}}, {"buyerIntent": {"level": {"in": ["WARM", "HOT"]}}}]},
        {"not": {"usage": {"features": {"some": {"key": {"eq": f"feature-{number % 8}"}}}}}},
    )
    return kinds[number % len(kinds)]


async def define(server: Served, slot: str, variants: int) -> None:
    await mutate(
        server, "personalisationSlotDefine", {"name": slot, "holdout": 0.05, "fallback": {"text": "none"}}
    )
    for number in range(variants):
        given = {
            "slot": slot,
            "name": f"variant-{number}",
            "content": {"headline": f"Headline {number}", "text": "x" * 300, "link": f"https://acme.example/{number}"},
            "audience": audience(number),
            "priority": number % 3,
            "weight": 1 + number % 4,
        }  # fmt: skip
        if number % 5 == 0:
            given["cap"] = {"times": 3, "within": "P7D"}
        await mutate(server, "personalisationVariantSet", given)


async def mutate(server: Served, name: str, given: dict[str, Any]) -> None:
    kind = f"{name[0].upper()}{name[1:]}Input"
    query = f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ userErrors {{ message }} }} }}"
    body = json.dumps({"query": query, "variables": {"input": given}}).encode()
    status, answer = await fetch(server.port, request("POST", "/graphql", key=server.key, body=body))
    found = json.loads(answer)
    if status != 200 or "errors" in found or found["data"][name]["userErrors"]:
        raise SystemExit(f"{name} was refused: {answer.decode()}")


async def tell(server: Served, people: int) -> None:
    """Forty events a person: what they looked at, what they used, what they were shown."""
    rng = random.Random(1)
    batch: list[dict[str, Any]] = []
    for number in range(people):
        batch += history(f"u-{number}", rng)
        if len(batch) >= 500:
            await send(server, batch)
            batch = []
    await send(server, batch)


def history(user: str, rng: random.Random) -> Sequence[dict[str, Any]]:
    def track(event: str, **properties: Any) -> dict[str, Any]:
        return {"type": "track", "userId": user, "event": event, "properties": properties}

    firm = rng.randrange(200)
    return [
        {"type": "identify", "userId": user, "traits": {"plan": f"plan-{rng.randrange(5)}", "name": user}},
        {"type": "group", "userId": user, "groupId": f"g-{firm}", "traits": {"name": f"Firm {firm}"}},
        *(track("Pricing Viewed") for _ in range(rng.randrange(10))),
        *(track("Feature Used", feature=f"feature-{rng.randrange(8)}") for _ in range(rng.randrange(20))),
        *(
            track("Personalisation Shown", slot="of-100", variant=f"variant-{5 * rng.randrange(20)}")
            for _ in range(10)
        ),
    ]


async def send(server: Served, batch: Sequence[dict[str, Any]]) -> None:
    body = json.dumps({"batch": batch}).encode()
    status, answer = await fetch(server.port, request("POST", "/v1/batch", key=server.key, body=body))
    if status != 200:
        raise SystemExit(f"Events were refused: {answer.decode()}")


uvloop.run(main())
