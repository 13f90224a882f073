"""Requests that are cheap to send and dear to answer: each is refused before it is worked on, and others are served.

`python -m bench.hostile` measures what each costs; here is what keeps that so.
"""

from __future__ import annotations

import asyncio
import json
from unittest.mock import patch

import httpx
from graphql import parse

from bench.hostile.requests import Hostile, hostile_requests
from cdp.app import Application
from cdp.graphql import documents, overlaps, validating
from cdp.graphql.context import Context
from cdp.graphql.limits import Limits
from cdp.graphql.schema import build_schema
from tests.security.conftest import Side

REQUESTS = list(hostile_requests())

SERVED = {
    "a list as long as there may be tokens",
    "a number of 4,000 digits in JSON",
    "a text with control characters",
    "introspection of every type",
    "overlapping fields, nested",
    "overlapping fields, with long arguments",
    "overlapping fragments",
}
"""What is dear only to those who read it carelessly: it is within the limits, and means little."""


async def send(side: Side, one: Hostile, role: str | None = "ADMIN") -> httpx.Response:
    headers = {"Content-Type": "application/json"}
    if role is not None:
        headers["Authorization"] = f"Bearer {side.keys[role]}"
    return await side.client.post("/graphql", content=one.body, headers=headers)


async def test_each_is_refused_without_a_statement_and_with_a_short_answer(ours: Side) -> None:
    wrong = {}
    for one in REQUESTS:
        if one.name in SERVED:
            continue
        for role in ("ADMIN", None) if len(one.name) % 3 == 0 else ("ADMIN",):
            with patch.object(
                Context, "connection", side_effect=AssertionError("asked the database")
            ) as asked:
                response = await send(ours, one, role)
            codes = {error["extensions"]["code"] for error in response.json().get("errors", ())}
            allowed = {"COMPLEXITY", "BAD_USER_INPUT", "TOO_LARGE", "UNAUTHENTICATED"}
            if asked.called or not codes or not codes <= allowed or len(response.content) > 20_000:
                wrong[one.name, role] = (response.status_code, codes, len(response.content), asked.called)
    assert not wrong, "\n".join(f"{name}: {found}" for name, found in wrong.items())


async def test_what_only_looks_hostile_is_served(ours: Side) -> None:
    served = [one for one in REQUESTS if one.name in SERVED]
    assert {one.name for one in served} == SERVED
    for one in served:
        assert "errors" not in (await send(ours, one)).json(), one.name


async def test_a_document_beyond_the_limits_that_its_text_shows_is_not_even_parsed(ours: Side) -> None:
    unparsed = {
        "10,000 aliases",
        "a filter with 10,000 terms",
        "depth 1,000",
        "100 KB of a number",
        "1 MB of comment",
    }
    for one in REQUESTS:
        if one.name in unparsed:
            with patch.object(documents, "parse", side_effect=AssertionError("parsed")):
                response = await send(ours, one)
            assert response.json()["errors"], one.name


def test_every_field_is_looked_at_a_few_times_however_many_answer_under_its_key() -> None:
    """The rule of graphql-core compares each with each: 2,000 fields, two million comparisons."""
    schema = build_schema().graphql_schema
    field = "profiles { nodes { memberships { nodes { id } } } } "
    count = Limits().tokens // 13
    with patch.object(overlaps, "_Asked", wraps=overlaps._Asked) as asked:
        document = parse("{ " + field * count + "}")
        assert list(validating.errors_of(schema, document, tokens=2_000)) == []
    assert asked.call_count == 5 * count


async def test_others_are_answered_while_hostile_requests_pour_in(
    ours: Side, application: Application
) -> None:
    """Between any two of them, for each is given a turn of its own."""
    await ours.data("{ profiles { totalCount } }")
    done = 0
    seen: list[int] = []

    async def pour(requests: list[Hostile]) -> None:
        nonlocal done
        for one in requests:
            await send(ours, one)
            done += 1

    pouring = [asyncio.create_task(pour(REQUESTS[at::16])) for at in range(8)]
    while not all(task.done() for task in pouring):
        assert (await ours.client.get("/healthz")).status_code == 200
        seen.append(done)
        await asyncio.sleep(0)
    await asyncio.gather(*pouring)
    assert max(after - before for before, after in zip([0, *seen], seen, strict=False)) <= 5, seen
    assert await ours.data("{ profiles { totalCount } }") == {"profiles": {"totalCount": 0}}


def test_the_requests_are_what_their_names_say() -> None:
    assert len({one.name for one in REQUESTS}) == len(REQUESTS) > 80
    assert all(isinstance(one.body, bytes) for one in REQUESTS)
    largest = next(one for one in REQUESTS if one.name == "10,000 aliases")
    assert json.loads(largest.body)["query"].count(":") == 10_000
