"""Answers on their way: compressed where they are large, and kept only where that is safe."""

from __future__ import annotations

import gzip
from typing import Any

import httpx
import pytest

from cdp.graphql.packing import SMALLEST, takes_gzip

LARGE = "{ profiles(first: 200) { nodes { id displayName traits identifiers { kind value } createdAt lastSeenAt } } }"


def get(world: Any, document: str, **headers: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {world.keys['ADMIN']}", **headers}
    return world.run(world.client.get("/graphql", params={"query": document}, headers=headers))  # type: ignore[no-any-return]


def test_a_large_answer_is_compressed_for_who_takes_that(world: Any) -> None:
    plain = world.post({"query": LARGE}, Accept_Encoding="identity")
    packed = world.post({"query": LARGE}, Accept_Encoding="br, gzip")
    assert len(plain.content) >= SMALLEST
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) < len(plain.content) / 3
    assert packed.json() == plain.json()
    assert "Accept-Encoding" in packed.headers["Vary"]
    small = world.post({"query": "{ __typename }"}, Accept_Encoding="gzip")
    assert "Content-Encoding" not in small.headers
    assert gzip.decompress(gzip.compress(b"x", 1, mtime=0)) == b"x"


@pytest.mark.parametrize(
    ("header", "takes"),
    [("gzip", True), ("br;q=1.0, GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip;q=0.00", False), ("", False),
     ("identity", False), ("gzip;q=1", True)],
)  # fmt: skip
def test_what_an_accept_encoding_allows(header: str, takes: bool) -> None:
    assert takes_gzip(header) is takes


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
