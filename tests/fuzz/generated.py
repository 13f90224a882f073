"""Whatever is asked, as whichever preset role: no failure of ours, no foreign row, no forbidden value, also in no log.

make fuzz SECONDS=120 asks for as long; arguments come from what is really there, in this workspace and in others.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

import pytest
from graphql import GraphQLSchema, build_client_schema, get_introspection_query

from tests.fuzz.conftest import COUNTED, SECONDS, SEED, Attacked
from tests.fuzz.judging import HIDDEN_PANELS, Answer, allowed, hidden, seen, wrong_with
from tests.fuzz.planting import Side
from tests.fuzz.relaxing import relaxed
from tests.graphql.documents import Asked, Pools, a_mutation, a_query, a_subscription

FEW = 8
"""Documents as each role, where no time is given."""


@pytest.fixture(scope="module")
def schema(attacked: Attacked) -> GraphQLSchema:
    """The server's own, with what plugins add."""
    return build_client_schema(attacked.sides["our"].data(get_introspection_query(descriptions=False)))


ABOUT_PEOPLE = re.compile(r"\b(?:profiles?|accounts?|node|\w+Changed|profile[A-Z]\w+|eventsIngest)\b *[({]")


@dataclass
class Tally:
    """What became of a run."""

    asked: int = 0
    telling: int = 0
    """Answers that hold a word which their reader may see: documents that find nothing prove nothing."""


def asked_by(
    attacked: Attacked,
    name: str,
    role: str,
    documents: Iterator[Asked],
    *,
    seconds: float,
    ask: Callable[[Side, Asked, str], Iterator[Answer]],
) -> Tally:
    """Ask a few, and for so long.

    Raises:
        AssertionError: an answer is wrong; the message has the document.
    """
    side, forbidden, seeing = attacked.sides[name], hidden(name, role), allowed(name, role)
    tally, until = Tally(), time.monotonic() + seconds
    for number, one in enumerate(documents):
        if number >= FEW and time.monotonic() >= until:
            break
        asked = f"{one.document} {json.dumps([one.variables, one.others])}"
        for answer in ask(side, one, role):
            wrong = wrong_with(answer, asked, forbidden)
            assert wrong is None, f"seed {SEED}, {role} of {name}, {number}: {wrong}\n{asked}\n{answer.text}"
            tally.asked += 1
            tally.telling += bool(seen(answer.text, seeing))
    attacked.check_logs()
    return tally


def over_http(side: Side, one: Asked, role: str) -> Iterator[Answer]:
    """By POST, with each of its variables."""
    for variables in (one.variables, one.others) if one.others != one.variables else (one.variables,):
        response = side.post(one.document, variables, role=role)
        yield Answer(response.status_code, f"{response.text}\n{response.headers.multi_items()}")


def as_events(side: Side, one: Asked, role: str) -> Iterator[Answer]:
    """As server-sent events, up to the first answer."""
    with side.client.stream(
        "POST",
        "/graphql",
        json={"query": one.document, "variables": one.variables},
        headers={"Authorization": f"Bearer {side.keys[role]}", "Accept": "text/event-stream"},
    ) as response:
        lines = []
        for line in response.iter_lines():
            lines.append(line)
            if line.startswith("data: ") or line == "event: complete":
                break
        yield Answer(response.status_code, "\n".join(lines))


def written(write: Callable[..., Asked], schema: GraphQLSchema, pools: Pools, name: str) -> Iterator[Asked]:
    """Documents without end; most of those that ask for nobody's data are left out."""
    number = 0
    while True:
        one = write(schema, pools, Random(f"{SEED}:{name}:{number}"))
        number += 1
        if number % 5 == 0 or ABOUT_PEOPLE.search(one.document):
            yield one
            yield relaxed(one)


def test_an_administrator_finds_what_is_planted(attacked: Attacked) -> None:
    """Otherwise nothing here would tell anything."""
    document = """{ profiles(first: 50) { nodes { displayName traits identifiers { value }
      timeline { nodes { properties } } buyerIntent { purchases { totals { amount } } }
      usage { features { name } onboarding { steps { name } } } } } }"""
    for side in attacked.sides.values():
        text = side.post(document).text
        others = hidden(side.name, "ADMIN")
        mine = hidden(side.name, "INGEST") - others
        assert {one for one in mine if one not in text.lower()} == set()
        assert wrong_with(Answer(200, text), "", others) is None


@pytest.mark.parametrize("role", sorted(HIDDEN_PANELS))
def test_queries_tell_nobody_what_is_not_for_them(
    attacked: Attacked, schema: GraphQLSchema, pools: Mapping[str, Pools], role: str
) -> None:
    documents = written(a_query, schema, pools["our"], role)
    tally = asked_by(attacked, "our", role, documents, seconds=SECONDS / 9, ask=over_http)
    print(f"queries as {role}, seed {SEED}: {tally}")
    assert not SECONDS or tally.telling > tally.asked / 50 or not allowed("our", role)


@pytest.mark.parametrize("role", sorted(HIDDEN_PANELS))
def test_subscriptions_tell_nobody_what_is_not_for_them(
    attacked: Attacked, schema: GraphQLSchema, pools: Mapping[str, Pools], role: str
) -> None:
    documents = written(a_subscription, schema, pools["our"], f"{role} follows")
    tally = asked_by(attacked, "our", role, documents, seconds=SECONDS / 36, ask=as_events)
    print(f"subscriptions as {role}, seed {SEED}: {tally}")


@pytest.mark.parametrize("role", sorted(HIDDEN_PANELS))
def test_mutations_tell_nobody_what_is_not_for_them(
    attacked: Attacked, schema: GraphQLSchema, pools: Mapping[str, Pools], role: str
) -> None:
    """An administrator makes a mess of a workspace of its own."""
    name = "scratch" if role == "ADMIN" else "our"
    documents = written(a_mutation, schema, pools[name], f"{role} changes")
    tally = asked_by(attacked, name, role, documents, seconds=SECONDS / 36, ask=over_http)
    print(f"mutations as {role}, seed {SEED}: {tally}")


def test_the_others_are_as_they_were(attacked: Attacked) -> None:
    """Nobody has written there."""
    counted = attacked.sides["their"].data(COUNTED)
    assert counted == attacked.before
