"""Queries per second over HTTP: one profile with both panels, and a list of fifty, with the bound of the same run.

    python -m bench.read --quick
    python -m bench.read --json read.json

The bound is `/healthz`: what the same server answers per second when there is nothing to do.
"""

from __future__ import annotations

import asyncio
import json
import random

from bench.figures import arguments, save, show
from bench.http import Load, fetch, request, run
from bench.server import Served, served
from bench.traffic import batches, events

_VIEWS = """
  id displayName
  buyerIntent { score level stage furthestStage signals { name count } purchases { count totals { currency amount } } }
  usage { phase adoptionRate activeDays stickiness features { key count } lastUsedAt }
  memberships { nodes { roles { role confidence } account { id name domain } } }
"""
_ONE = (
    f'query One($value: String!) {{ profile(identifier: {{kind: "user_id", value: $value}}) {{ {_VIEWS} }} }}'
)
_LIST = f"query List {{ profiles(first: 50) {{ nodes {{ {_VIEWS} }} }} }}"


async def main() -> None:
    options = arguments("Queries per second over HTTP.")
    people, per_person, requests = (1_000, 20, 2_000) if options.quick else (10_000, 20, 10_000)
    async with served() as server:
        bodies = batches(events(people * per_person, people=people), 500)
        await run(
            server.port, [request("POST", "/v1/batch", key=server.key, body=b) for b in bodies], connections=4
        )
        rng = random.Random(1)
        one = [_query(server, _ONE, {"value": f"user-{rng.randrange(people)}"}) for _ in range(requests)]
        many = [_query(server, _LIST, {})] * (requests // 20)
        await _check(server, one[0])
        await _check(server, many[0])
        loads = {
            "one profile": await _measure(server, one),
            "list of 50": await _measure(server, many),
            "bound (/healthz)": await _measure(
                server, [request("GET", "/healthz", key="", body=b"")] * requests
            ),
        }
    bound = loads["bound (/healthz)"].per_second
    show(
        "Reads over HTTP, 8 connections, one process",
        ("query", "req/s", "of the bound", "p50", "p99"),
        [
            (
                name,
                f"{load.per_second:,.0f}",
                f"{load.per_second / bound:.2f}",
                f"{load.percentile(0.5):.2f} ms",
                f"{load.percentile(0.99):.2f} ms",
            )
            for name, load in loads.items()
        ],
    )
    save(
        options.json,
        {
            "one": {"diptych": loads["one profile"].per_second},
            "list50": {"diptych": loads["list of 50"].per_second},
            "bound": bound,
        },
    )


def _query(server: Served, document: str, variables: dict[str, str]) -> bytes:
    body = json.dumps({"query": document, "variables": variables}).encode()
    return request("POST", "/graphql", key=server.key, body=body)


async def _check(server: Served, message: bytes) -> None:
    """One answer, looked at, so that the figures are not those of an error."""
    status, body = await fetch(server.port, message)
    answer = json.loads(body)
    if status != 200 or answer.get("errors") or not any(answer["data"].values()):
        raise SystemExit(f"The query failed: {status} {body[:500]!r}")


async def _measure(server: Served, messages: list[bytes]) -> Load:
    await run(server.port, messages[: len(messages) // 10 + 1], connections=8)
    return await run(server.port, messages, connections=8)


if __name__ == "__main__":
    asyncio.run(main())
