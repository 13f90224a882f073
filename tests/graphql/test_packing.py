"""Answers on their way: compressed where they are large, and kept only where that is safe."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cdp.graphql.packing import PADDING, SMALLEST, coding_of

LARGE = "{ profiles(first: 200) { nodes { id displayName traits identifiers { kind value } createdAt lastSeenAt } } }"


def get(world: Any, document: str, **headers: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {world.keys['ADMIN']}", **headers}
    return world.run(world.client.get("/graphql", params={"query": document}, headers=headers))  # type: ignore[no-any-return]


@pytest.mark.parametrize(("accepted", "coding"), [("br, gzip", "br"), ("gzip, deflate", "gzip")])
def test_a_large_answer_is_compressed_for_who_takes_that(world: Any, accepted: str, coding: str) -> None:
    plain = world.post({"query": LARGE}, Accept_Encoding="identity")
    packed = world.post({"query": LARGE}, Accept_Encoding=accepted)
    assert len(plain.content) >= SMALLEST
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == coding
    assert int(packed.headers["Content-Length"]) < len(plain.content) / 3
    assert packed.json() == plain.json()
    assert "Accept-Encoding" in packed.headers["Vary"]
    small = world.post({"query": "{ __typename }"}, Accept_Encoding=accepted)
    assert "Content-Encoding" not in small.headers


def test_the_length_of_a_compressed_answer_says_little(world: Any) -> None:
    """Equal answers differ in length on the wire, so that guessing by length takes many more of them."""
    answers = [world.post({"query": LARGE}, Accept_Encoding="br") for _ in range(12)]
    assert len({answer.headers["Content-Length"] for answer in answers}) == 1
    lengths = {len(answer.headers["X-Padding"]) for answer in answers}
    assert len(lengths) > 1
    assert max(lengths) <= PADDING


@pytest.mark.parametrize(
    ("header", "coding"),
    [("gzip", "gzip"), ("br", "br"), ("gzip, deflate, br, zstd", "br"), ("br;q=0.4, GZIP;q=0.5", "gzip"),
     ("br;q=1.0, gzip;q=1.0", "br"), ("gzip;q=0", None), ("gzip;q=0.00, br;q=0", None), ("", None),
     ("identity", None), ("gzip;q=x", None), ("*", "br"), ("*;q=0.5, br;q=0", "gzip"), ("*;q=0", None),
     ("identity;q=1, gzip;q=0.5", None), ("identity;q=0.1, gzip;q=0.5", "gzip")],
)  # fmt: skip
def test_what_an_accept_encoding_allows(header: str, coding: str | None) -> None:
    assert coding_of(header) == coding


def test_an_answer_by_get_is_named_by_its_content(world: Any) -> None:
    """The client that has it already is told so; nobody on the way may keep it, and of a POST nobody at all."""
    first = get(world, LARGE)
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in first.headers["Vary"]
    again = get(world, LARGE, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = get(world, "{ profiles(first: 1) { nodes { id } } }", **{"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200
    assert world.post({"query": LARGE}).headers["Cache-Control"] == "no-store"


def test_an_answer_with_errors_is_not_kept(world: Any) -> None:
    answer = get(world, "{ profiles(first: 999) { nodes { id } } }")
    assert answer.json()["errors"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers
