"""JSON, strictly: what goes in comes out as it was, by either way out, and what is no JSON is refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdp.access.keys import create_key
from cdp.workspaces import store

EXACT = {
    "beyond 2^53": "9007199254740993",
    "beyond 64 bits": "-123456789012345678901234567890",
    "large": "1e300",
    "tiny": "1e-300",
    "astral": json.dumps("\U0001f9f8 Öztürk \u2028 \x85"),
    "controls": json.dumps("\x01\x1f\x7f"),
    "quotes": json.dumps('"\\/</script>'),
    "nested": '{"a": [1, null, {"b": []}], "": false, "2026-11-22T12:00:00+01:00": "2026-11-22T12:00:00+01:00"}',
}
PASSED_THROUGH = '{ profile(identifier: {kind: "user_id", value: "ann"}) { traits } }'
COMPLETED = PASSED_THROUGH.replace("traits }", 'traits personalisation(slot: "x") { variant } }')


class Told:
    """A workspace in which somebody has the traits."""

    def __init__(self, world: Any, key: str) -> None:
        self._world = world
        self._key = key

    def post(self, body: str) -> Any:
        return self._world.post(body.encode(), role=None, Authorization=f"Bearer {self._key}")

    def ask(self, query: str) -> Any:
        """The answer as text, with the numbers as they are written."""
        return self.post(json.dumps({"query": query})).text

    def update(self, traits: str) -> Any:
        """What `profileUpdate` says of traits in a variable."""
        (id_,) = {self.profile()["id"]}
        query = (
            'mutation ($t: JSON) { profileUpdate(input: {profile: \\"%s\\", traits: $t}) {'
            " profile { traits } userErrors { code } } }"
        )
        return self.post(f'{{"query": "{query % id_}", "variables": {{"t": {traits}}}}}')

    def profile(self) -> Any:
        found = self.ask('{ profile(identifier: {kind: "user_id", value: "ann"}) { id } }')
        return json.loads(found)["data"]["profile"]


@pytest.fixture(scope="module")
def told(world: Any) -> Told:
    async def make() -> str:
        database = world.application.database
        workspace_id = await store.create(database, "JSON")
        return await create_key(database, workspace_id, "ADMIN", "json")

    key = world.run(make())
    traits = ", ".join(f"{json.dumps(name)}: {value}" for name, value in EXACT.items())
    body = f'{{"batch": [{{"type": "identify", "userId": "ann", "traits": {{{traits}}}}}]}}'
    answer = world.run(world.client.post("/v1/batch", content=body.encode(), auth=(key, "")))
    assert answer.json()["accepted"] == 1
    return Told(world, key)


@pytest.mark.parametrize("query", [PASSED_THROUGH, COMPLETED], ids=["passed through", "completed"])
def test_values_come_out_as_they_went_in(told: Told, query: str) -> None:
    """Integers of any size exactly, texts in UTF-8 and to the character, what looks like a date as it stands."""
    traits = json.loads(told.ask(query), parse_int=float)["data"]["profile"]["traits"]
    assert traits == {name: json.loads(value, parse_int=float) for name, value in EXACT.items()}
    for exact in ("beyond 2^53", "beyond 64 bits"):
        assert EXACT[exact] in told.ask(query)
    assert "Öztürk" in told.ask(query)


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e400", '"\\ud800"', '"\\udc00x"', "'x'", "01"]
)
def test_what_is_no_json_is_refused_before_anything_is_done(told: Told, value: str) -> None:
    response = told.update(f'{{"x": {value}}}')
    assert response.status_code == 400
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["BAD_USER_INPUT"]


def test_what_no_database_holds_is_the_callers_to_mend(told: Told) -> None:
    payload = told.update('{"x": "a\\u0000b"}').json()["data"]["profileUpdate"]
    assert payload == {"profile": None, "userErrors": [{"code": "BAD_USER_INPUT"}]}


@pytest.mark.parametrize("literal", ["1e400", "{a: [1, -1e999]}", '"\\ud800"'])
def test_a_document_holds_no_infinities_and_no_half_characters_either(told: Told, literal: str) -> None:
    given = f'{{profile: "{told.profile()["id"]}", traits: {{x: {literal}}}}}'
    query = f"mutation {{ profileUpdate(input: {given}) {{ profile {{ id }} }} }}"
    answer = json.loads(told.ask(query))
    assert "data" not in answer
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


def test_moments_are_written_in_one_form(told: Told) -> None:
    """Always in UTC and with six decimals, so that they compare as texts."""
    found = json.loads(
        told.ask('{ profile(identifier: {kind: "user_id", value: "ann"}) { createdAt usage { asOf } } }')
    )
    for moment in (found["data"]["profile"]["createdAt"], found["data"]["profile"]["usage"]["asOf"]):
        assert len(moment) == len("2026-11-20T12:00:00.000000Z")
        assert moment.endswith("Z")
