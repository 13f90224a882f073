"""Whatever is asked, as whichever preset role: no failure of ours, no foreign row, no forbidden value, also in no log.

make fuzz SECONDS=120 asks for as long; arguments come from what is really there, in this workspace and in others.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from random import Random

import pytest
from graphql import GraphQLSchema, build_client_schema, get_introspection_query

from tests.fuzz.conftest import COUNTED, SECONDS, SEED, Attacked
from tests.fuzz.judging import HIDDEN_PANELS, Answer, hidden, wrong_with
from tests.fuzz.planting import Side
from tests.graphql.documents import Asked, Pools, a_mutation, a_query

FEW = 8
"""Documents as each role, where no time is given."""


@pytest.fixture(scope="module")
def schema(attacked: Attacked) -> GraphQLSchema:
    """The server's own, with what plugins add."""
    return build_client_schema(attacked.sides["our"].data(get_introspection_query(descriptions=False)))


def asked_by(
    attacked: Attacked, side: Side, role: str, documents: Iterator[Asked], *, least: int, seconds: float
) -> Counter[int]:
    """Ask until both are reached.

    Raises:
        AssertionError: an answer is wrong; the message has the document.
    """
    words = hidden(side.name, role)
    statuses = Counter[int]()
    until = time.monotonic() + seconds
    for number, one in enumerate(documents):
        if number >= least and time.monotonic() >= until:
            break
        for variables in (one.variables, one.others) if one.others != one.variables else (one.variables,):
            response = side.post(one.document, variables, role=role)
            answer = Answer(response.status_code, f"{response.text}\n{response.headers.multi_items()}")
            asked = f"{one.document} {json.dumps(variables)}"
            wrong = wrong_with(answer, asked, words)
            assert wrong is None, (
                f"seed {SEED}, {role} of {side.name}, {number}: {wrong}\n{asked}\n{answer.text}"
            )
            statuses[response.status_code] += 1
    return statuses


def written(write: Callable[..., Asked], schema: GraphQLSchema, pools: Pools, name: str) -> Iterator[Asked]:
    number = 0
    while True:
        yield write(schema, pools, Random(f"{SEED}:{name}:{number}"))
        number += 1


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
    asked = asked_by(attacked, attacked.sides["our"], role, documents, least=FEW, seconds=SECONDS / 9)
    print(f"queries as {role}, seed {SEED}: {dict(asked)}")
    assert asked[200] > 0
    attacked.check_logs()


@pytest.mark.parametrize("role", sorted(HIDDEN_PANELS))
def test_mutations_tell_nobody_what_is_not_for_them(
    attacked: Attacked, schema: GraphQLSchema, pools: Mapping[str, Pools], role: str
) -> None:
    """An administrator makes a mess of a workspace of its own."""
    side = attacked.sides["scratch" if role == "ADMIN" else "our"]
    documents = written(a_mutation, schema, pools[side.name], f"{role} changes")
    asked = asked_by(attacked, side, role, documents, least=FEW, seconds=SECONDS / 18)
    print(f"mutations as {role}, seed {SEED}: {dict(asked)}")
    attacked.check_logs()


def test_the_others_are_as_they_were(attacked: Attacked) -> None:
    """Nobody has written there."""
    counted = attacked.sides["their"].data(COUNTED)
    assert counted == attacked.before
