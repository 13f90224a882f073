"""Merging and splitting two people over and over, one of whom has a history."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import msgspec

from bench.http import fetch, request, run
from bench.server import Served

_FIND = 'query F($value: String!) { profile(identifier: {kind: "user_id", value: $value}) { id } }'
_MERGE = """
mutation M($into: ID!, $from: ID!) {
  profileMerge(input: {into: $into, from: $from}) { profile { id } userErrors { message } }
}
"""
_SPLIT = """
mutation S($profile: ID!, $value: String!) {
  profileSplit(input: {profile: $profile, identifiers: [{kind: "user_id", value: $value}]}) {
    remaining { id } separated { id } userErrors { message }
  }
}
"""


class Person:
    """Somebody with so many events, and somebody with one, who are merged and split."""

    def __init__(self, server: Served, history: int) -> None:
        self.history = history
        self.merges: list[float] = []
        self.splits: list[float] = []
        self._server = server
        self._name, self._other = f"person-with-{history}", f"friend-of-{history}"

    async def live(self) -> None:
        """Have their events, over the last sixty days."""
        now = datetime.now(UTC)
        calls = [
            self._call(self._name, number, now - timedelta(days=60) * (number / self.history))
            for number in range(self.history)
        ]
        calls.append(self._call(self._other, self.history, now))
        bodies = [
            request(
                "POST",
                "/v1/batch",
                key=self._server.key,
                body=msgspec.json.encode({"batch": calls[start : start + 500]}),
            )
            for start in range(0, len(calls), 500)
        ]
        load = await run(self._server.port, bodies, connections=2)
        if set(load.statuses) != {200}:
            raise SystemExit(f"Not every event was accepted: {load.statuses}")

    async def join_and_part(self) -> None:
        """Merge the two, in which the one with the history moves, then split him off again."""
        joins = {"into": await self._id(self._other), "from": await self._id(self._name)}
        merged, took = await self._timed(_MERGE, joins)
        self.merges.append(took)
        profile = merged["profileMerge"]["profile"]["id"]
        _, took = await self._timed(_SPLIT, {"profile": profile, "value": self._name})
        self.splits.append(took)

    @property
    def merge_ms(self) -> float:
        return median(self.merges)

    @property
    def split_ms(self) -> float:
        return median(self.splits)

    def _call(self, user: str, number: int, at: datetime) -> dict[str, Any]:
        name, properties = (
            ("Feature Used", {"feature": f"f{number % 5}"}),
            ("Pricing Viewed", {"plan": "team"}),
        )[number % 2]
        return {
            "type": "track",
            "event": name,
            "userId": user,
            "messageId": f"{user}-{number}",
            "timestamp": at.isoformat(),
            "properties": properties,
        }

    async def _id(self, user: str) -> str:
        found, _ = await self._timed(_FIND, {"value": user})
        identity: str = found["profile"]["id"]
        return identity

    async def _timed(self, query: str, variables: dict[str, str]) -> tuple[dict[str, Any], float]:
        """The data of an answer, and how long it took in milliseconds."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        message = request("POST", "/graphql", key=self._server.key, body=body)
        began = time.perf_counter()
        status, answer = await fetch(self._server.port, message)
        took = (time.perf_counter() - began) * 1000
        said = json.loads(answer)
        if status != 200 or "errors" in said or any(part.get("userErrors") for part in said["data"].values()):
            raise SystemExit(f"{query}: {said}")
        return said["data"], took
