"""GraphQL over HTTP: keys, media types, statuses, and what is refused before GraphQL."""

from __future__ import annotations

import base64
from typing import Any

import pytest

NEW = "application/graphql-response+json"
OLD = "application/json"
PEOPLE = "{ profiles(first: 1) { nodes { id } } }"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (NEW, NEW),
        (OLD, OLD),
        ("*/*", OLD),
        (f"{NEW}, {OLD};q=0.9", NEW),
        (f"{NEW};q=0.5, {OLD}", OLD),
        (f"{NEW}, {OLD}, text/event-stream, multipart/mixed", NEW),
        (f"{OLD};q=x", OLD),
    ],
)
def test_the_answer_has_the_media_type_that_the_client_prefers(
    world: Any, accept: str, expected: str
) -> None:
    response = world.post({"query": "{ __typename }"}, Accept=accept)
    assert (response.status_code, response.headers["content-type"]) == (200, f"{expected}; charset=utf-8")
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{ nothing }"},
        {"query": "{"},
        {"query": "query ($x: Int!) { profiles(first: $x) { totalCount } }"},
        {"query": "query ($x: Int) { profiles(first: $x) { totalCount } }", "variables": {"x": "many"}},
    ],
)
def test_a_request_error_is_400_in_the_new_type_and_200_in_the_old(world: Any, body: Any) -> None:
    new, old = world.post(body, Accept=NEW), world.post(body, Accept=OLD)
    assert (new.status_code, old.status_code) == (400, 200)
    assert new.json() == old.json()
    assert "data" not in new.json()
    assert {error["extensions"]["code"] for error in new.json()["errors"]} == {"BAD_USER_INPUT"}


def test_a_field_error_is_200_in_both(world: Any) -> None:
    for accept in (NEW, OLD):
        response = world.post({"query": '{ node(id: "x") { id } }'}, Accept=accept)
        assert response.status_code == 200
        assert response.json()["data"] == {"node": None}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"5", b'"x"', b"null", b"{}", b'{"query": null}', b'{"query": 5}', b'{"query": ""}',
        b'{"query": "{ __typename }", "variables": []}', b'{"query": "{ __typename }", "variables": 1}',
        b'{"query": "{ __typename }", "operationName": {}}', b'{"query": "{ __typename }", "operationName": "X"}',
        b'{"query": "{ __typename }", "extensions": 3}', b'[{"query": "{ __typename }"}]', b"\xff\xfe",
        b'{"query": "\\ud800"}', b"[" * 100_000, b'{"query": "query A { __typename } query B { __typename }"}',
    ],
)  # fmt: skip
def test_a_malformed_request_is_400_and_says_so_in_json(world: Any, body: bytes) -> None:
    response = world.post(body)
    assert response.status_code == 400, response.text
    (error,) = response.json()["errors"]
    assert error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


def test_other_content_types_are_refused(world: Any) -> None:
    response = world.post(b"query=x", Content_Type="application/x-www-form-urlencoded")
    assert response.status_code in {400, 415}
    assert response.json()["errors"]


def test_a_body_beyond_the_limit_is_413(world: Any) -> None:
    assert world.post(b'{"query": "' + b"#" * 1_100_000 + b'"}').status_code == 413


def test_queries_may_come_by_get_and_mutations_may_not(world: Any) -> None:
    headers = {"Authorization": f"Bearer {world.keys['ADMIN']}", "Accept": OLD}

    def get(**params: str) -> Any:
        return world.run(world.client.get("/graphql", params=params, headers=headers))

    assert get(
        query="query A($n: Int) { profiles(first: $n) { nodes { __typename } } }", variables='{"n": 1}'
    ).json() == {"data": {"profiles": {"nodes": [{"__typename": "Profile"}]}}}
    refused = get(query='mutation { profileMerge(input: {into: "a", from: "b"}) { userErrors { code } } }')
    assert refused.status_code == 405
    assert refused.headers["allow"] == "POST"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_405(world: Any, method: str) -> None:
    response = world.run(world.client.request(method, "/graphql", json={"query": PEOPLE}))
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


def test_the_key_may_be_a_bearer_token_the_user_of_basic_or_a_header_of_its_own(world: Any) -> None:
    key = world.keys["ADMIN"]
    basic = base64.b64encode(f"{key}:".encode()).decode()
    for headers in (
        {"Authorization": f"bearer {key}"},
        {"Authorization": f"Basic {basic}"},
        {"X-API-Key": key},
    ):
        assert world.post({"query": PEOPLE}, role=None, **headers).json()["data"]["profiles"]["nodes"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer cdp_sec_" + "0" * 43},
        {"Authorization": "Basic %%%"},
        {"Authorization": "Digest x"},
        {"X_API_Key": ""},
    ],
)
def test_without_a_good_key_nothing_is_read(world: Any, headers: dict[str, str]) -> None:
    response = world.post({"query": PEOPLE}, role=None, **headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["UNAUTHENTICATED"]


def test_the_schema_may_be_read_without_a_key(world: Any) -> None:
    from graphql import build_client_schema, get_introspection_query

    response = world.post({"query": get_introspection_query(input_value_deprecation=True)}, role=None)
    assert build_client_schema(response.json()["data"]).query_type is not None
    mixed = world.post({"query": "{ __typename profiles { totalCount } }"}, role=None)
    assert mixed.status_code == 401


def test_whether_graphql_answers_may_be_asked_without_a_key(world: Any) -> None:
    """`{ __typename }` is what clients and gateways probe with."""
    response = world.post({"query": "{ __typename }"}, role=None)
    assert (response.status_code, response.json()) == (200, {"data": {"__typename": "Query"}})


def test_what_is_our_fault_is_masked_with_a_reference(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says nothing of what went wrong; the log has it under the reference."""
    from cdp.graphql import reading

    async def broken(*_given: Any) -> Any:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr(reading, "run_plan", broken)
    for query in (
        PEOPLE,
        PEOPLE.replace("id", 'personalisation(slot: "a") { variant }'),
        PEOPLE.replace("{", "{ __typename", 1),
    ):
        response = world.post({"query": query})
        (error,) = response.json()["errors"]
        assert error["extensions"]["code"] == "INTERNAL"
        assert error["extensions"]["reference"] in error["message"]
        assert "swordfish" not in response.text
