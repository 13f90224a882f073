"""Trusted documents: asked for by hash, and where the operator says so, nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from cdp.errors import Misconfigured
from cdp.graphql.transport import graphql_routes
from cdp.graphql.trusted import TrustedDocuments, hash_of, read_trusted

COUNT = "query Count($search: String) { profiles(search: $search) { totalCount } }"
HASH = hash_of(COUNT)
OTHER = "{ __typename }"


def ask(world: Any, trusted: TrustedDocuments, body: dict[str, Any] | None, **params: str) -> httpx.Response:
    """By POST where there is a body, else by GET."""

    async def send() -> httpx.Response:
        app = Starlette(routes=graphql_routes(world.application, trusted))
        headers = {"Authorization": f"Bearer {world.keys['ADMIN']}", "Accept": "application/json"}
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://testserver", headers=headers
        ) as client:
            if body is None:
                return await client.get("/graphql", params=params)
            return await client.post("/graphql", json=body)

    return world.run(send())  # type: ignore[no-any-return]


def code(response: httpx.Response) -> str:
    return response.json()["errors"][0]["extensions"]["code"]  # type: ignore[no-any-return]


APOLLO = {"persistedQuery": {"version": 1, "sha256Hash": HASH}}


@pytest.mark.parametrize("only", [False, True])
@pytest.mark.parametrize(
    "body",
    [
        {"documentId": HASH},
        {"documentId": f"sha256:{HASH}"},
        {"extensions": APOLLO},
        {"extensions": APOLLO, "query": COUNT},
        {"query": COUNT},
    ],
    ids=str,
)
def test_a_trusted_document_is_run_by_its_hash_or_its_text(
    world: Any, body: dict[str, Any], only: bool
) -> None:
    trusted = TrustedDocuments([COUNT], only=only)
    answer = ask(world, trusted, {**body, "variables": {"search": "extra"}})
    assert answer.json() == {"data": {"profiles": {"totalCount": 30}}}


def test_a_trusted_document_may_come_by_get_and_be_kept(world: Any) -> None:
    trusted = TrustedDocuments([COUNT], only=True)
    answer = ask(world, trusted, None, extensions=json.dumps(APOLLO), variables='{"search": "extra"}')
    assert answer.json() == {"data": {"profiles": {"totalCount": 30}}}
    assert answer.headers["ETag"]


def test_where_only_trusted_documents_are_run_no_other_is(world: Any) -> None:
    """By either method, in either shape, introspection too."""
    trusted = TrustedDocuments([COUNT], only=True)
    assert code(ask(world, trusted, {"query": OTHER})) == "FORBIDDEN"
    assert code(ask(world, trusted, {"query": COUNT + " "})) == "FORBIDDEN"
    assert code(ask(world, trusted, {"query": OTHER, "extensions": APOLLO})) == "BAD_USER_INPUT"
    assert code(ask(world, trusted, None, query=OTHER)) == "FORBIDDEN"
    assert ask(world, TrustedDocuments([COUNT]), {"query": OTHER}).json() == {"data": {"__typename": "Query"}}


def test_a_hash_that_is_not_known_is_not_found(world: Any) -> None:
    trusted = TrustedDocuments([COUNT])
    assert code(ask(world, trusted, {"documentId": hash_of(OTHER)})) == "NOT_FOUND"
    assert code(ask(world, trusted, {"documentId": "x"})) == "NOT_FOUND"


def test_documents_are_read_from_a_folder_or_from_a_file_of_a_code_generator(tmp_path: Path) -> None:
    (tmp_path / "count.graphql").write_text(COUNT)
    assert read_trusted(tmp_path, only=True).text(None, HASH) == COUNT
    file = tmp_path / "persisted.json"
    file.write_text(json.dumps({HASH: COUNT}))
    assert read_trusted(file, only=False).text(None, HASH) == COUNT
    assert len(read_trusted(None, only=False)) == 0


def test_what_cannot_be_trusted_is_said_at_the_start(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"0" * 64: COUNT}))
    with pytest.raises(Misconfigured, match="is not the SHA-256 of its document"):
        read_trusted(wrong, only=False)
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_trusted(tmp_path / "absent.json", only=False)
    with pytest.raises(Misconfigured, match="CDP_TRUSTED_DOCUMENTS"):
        read_trusted(None, only=True)
