"""What is asked for: four queries, each as Diptych and the dataloaders understand it and as PostGraphile does."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from bench.http import fetch, request
from bench.read.peers import Server

_QUERIES = Path(__file__).parent / "queries"
_PAGES = 5
_SAMPLE = 20
"""Answers of each case that are compared."""

_ROUNDING = 1e-4
"""Scores fall a little between two answers: by half in fourteen days."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One query; `variables` in turn, or page by page from one set of them."""

    name: str
    title: str
    variables: tuple[Mapping[str, Any], ...]
    paged: bool = False

    def message(self, server: Server, variables: Mapping[str, Any]) -> bytes:
        """The request for one server."""
        suffix = ".postgraphile" if server.name == "postgraphile" else ""
        document = (_QUERIES / f"{self.name}{suffix}.graphql").read_text()
        body = json.dumps({"query": document, "variables": variables}).encode()
        return request("POST", "/graphql", key=server.key, body=body)


def cases_of(people: int, accounts: int) -> tuple[Case, ...]:
    """The four cases over so many people and accounts."""
    rng = random.Random(1)
    since = datetime.now(UTC).replace(microsecond=0) - timedelta(days=14)
    somebody = tuple({"value": f"user-{rng.randint(1, people)}"} for _ in range(1_000))
    anywhere = tuple({"domain": f"company{rng.randint(1, accounts)}.example"} for _ in range(400))
    return (
        Case(name="one", title="one profile", variables=somebody),
        Case(name="list50", title="list of 50", variables=({},), paged=True),
        Case(name="page", title="page by score", variables=({"since": since.isoformat()},), paged=True),
        Case(name="account", title="account", variables=anywhere),
    )


async def requests_of(case: Case, servers: list[Server]) -> dict[str, list[bytes]]:
    """The requests of a case for each server, after looking whether the servers answer the same.

    Raises:
        SystemExit: an answer is an error or empty, or two answers differ; the message says where.
    """
    messages: dict[str, list[bytes]] = {}
    answers: dict[str, list[Any]] = {}
    for server in servers:
        messages[server.name], answers[server.name] = await messages_of(case, server)
    ours, *others = servers
    for other in others:
        for place, (one, two) in enumerate(zip(answers[ours.name], answers[other.name], strict=True)):
            if difference := _difference(one, two, ""):
                raise SystemExit(f"{case.name} {place}: {ours.name} and {other.name} differ in {difference}.")
    return messages


async def messages_of(case: Case, server: Server) -> tuple[list[bytes], list[Any]]:
    """The requests of a case for one server, and what it answers to some of them."""
    if case.paged:
        return await _pages(case, server)
    messages = [case.message(server, variables) for variables in case.variables]
    return messages, [await _answer(case, server, message) for message in messages[:_SAMPLE]]


async def _pages(case: Case, server: Server) -> tuple[list[bytes], list[Any]]:
    variables = dict(case.variables[0])
    messages, answers = [], []
    for _ in range(_PAGES):
        messages.append(case.message(server, variables))
        answer = await _answer(case, server, messages[-1])
        end = answer["pageInfo"].pop("endCursor")
        answers.append(answer)
        if not answer["pageInfo"]["hasNextPage"]:
            break
        variables["after"] = end
    return messages, answers


async def _answer(case: Case, server: Server, message: bytes) -> Any:
    """What a server answers, in Diptych's shape."""
    status, body = await fetch(server.port, message)
    answer = json.loads(body)
    if status != 200 or answer.get("errors"):
        raise SystemExit(f"{case.name}: {server.name} answers {status} {body[:500]!r}")
    (found,) = answer["data"].values()
    if not found or not found.get("nodes", True):
        raise SystemExit(f"{case.name}: {server.name} finds nothing.")
    if server.name != "postgraphile":
        return found
    match case.name:
        case "one":
            return _person(found["profile"])
        case "account":
            return _account(found)
    return {"nodes": [_person(node) for node in found["nodes"]], "pageInfo": found["pageInfo"]}


_INTENT = ("score", "level", "stage", "furthestStage")
_USAGE = ("phase", "adoptionRate", "activeDays", "stickiness", "lastUsedAt")


def _some(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}


def _person(row: Mapping[str, Any]) -> dict[str, Any]:
    person = {
        "displayName": row["displayName"],
        "buyerIntent": _some(row, _INTENT),
        "usage": _some(row, _USAGE),
        "memberships": {
            "nodes": [
                {("roles" if name == "rolesList" else name): value for name, value in node.items()}
                for node in row["memberships"]["nodes"]
            ]
        },
    }
    if "signalsList" in row:
        person["buyerIntent"]["signals"] = row["signalsList"]
        person["buyerIntent"]["purchases"] = {"count": row["purchaseCount"], "totals": row["totalsList"]}
        person["usage"]["features"] = row["featuresList"]
    return person


def _account(row: Mapping[str, Any]) -> dict[str, Any]:
    figures = row["figures"]
    seats: dict[str, list[Any]] = {}
    for holder in row["committee"]:
        member = holder["membership"]
        seats.setdefault(holder["role"], []).append(
            {"person": member["person"], "buyerIntent": _some(member, _INTENT)}
        )
    return {
        **_some(row, ("name", "domain")),
        "buyerIntent": {
            **_some(figures, _INTENT),
            "purchases": {"count": figures["purchaseCount"]},
            "committee": [{"role": role, "members": members} for role, members in seats.items()],
        },
        "usage": {"phase": figures["phase"], "activePeople": {"monthly": figures["monthly"]}},
        "people": {
            "nodes": [
                {
                    "person": user["membership"]["person"],
                    "roles": user["membership"]["rolesList"],
                    "usage": _some(user["membership"], _USAGE),
                }
                for user in row["users"]["nodes"]
            ]
        },
    }


def _difference(one: Any, two: Any, place: str) -> str | None:
    """Where two answers differ, and how; None if they tell the same."""
    if isinstance(one, dict) and isinstance(two, dict) and one.keys() == two.keys():
        found = (_difference(one[key], two[key], f"{place}.{key}") for key in one)
        return next((difference for difference in found if difference), None)
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        found = (_difference(a, b, f"{place}[{i}]") for i, (a, b) in enumerate(zip(one, two, strict=True)))
        return next((difference for difference in found if difference), None)
    if one == two or (
        _is_number(one) and _is_number(two) and math.isclose(one, two, rel_tol=_ROUNDING, abs_tol=1e-5)
    ):
        return None
    if isinstance(one, str) and isinstance(two, str) and _meaning(one) == _meaning(two):
        return None
    return f"{place}: {one!r} and {two!r}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _meaning(text: str) -> datetime | Decimal | str:
    """A time or an amount, however it is written."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        try:
            return Decimal(text)
        except InvalidOperation:
            return text
