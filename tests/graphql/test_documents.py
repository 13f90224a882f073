"""Whatever the schema allows to be asked: both ways out give one answer, as every role, and no error is ours.

make fuzz                 thousands of documents, from a seed that is printed
make fuzz SEED=20261122   the same ones again
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import pytest
import structlog
from graphql import parse, print_ast, validate

from cdp.graphql.overlaps import overlaps
from cdp.graphql.schema import build_schema
from cdp.lenses.rebuild import rebuild
from tests.graphql import crowd, wild
from tests.graphql.conftest import World
from tests.graphql.documents import Asked, a_mutation, a_query
from tests.graphql.pools import Pools, pools_of
from tests.graphql.two_ways import Tally, Trial

SEED = int(os.environ.get("DIPTYCH_SEED", "1"))
DOCUMENTS = int(os.environ.get("DIPTYCH_DOCUMENTS", "50"))
"""Of our own making, each asked as six roles; a third as many come from hypothesis-graphql, a third are mutations."""


@pytest.fixture(scope="module", autouse=True)
def few_words() -> Iterator[None]:
    """A line for each of thousands of requests would hide the seed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def people(world: World) -> World:
    """Read-only."""
    return world.run(crowd.tell(world))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def pools(people: World) -> Pools:
    return pools_of(people)


def ours(pools: Pools, count: int, write: Callable[..., Asked] = a_query) -> Iterator[tuple[str, Asked]]:
    schema = build_schema().graphql_schema
    for number in range(count):
        yield f"seed {SEED}, document {number}", write(schema, pools, Random(f"{SEED}:{number}"))


def report(what: str, tally: Tally) -> None:
    print(f"{what}, seed {SEED}: {tally}")


def test_our_documents_have_one_answer_by_both_ways_as_every_role(people: World, pools: Pools) -> None:
    tally = Trial(people).run(ours(pools, DOCUMENTS))
    report("own documents", tally)
    assert tally.refused < DOCUMENTS / 5, "most are valid"
    assert tally.answered > tally.cases / 8, "and find something, or this would mean little"
    assert tally.failed < tally.cases / 2


def test_the_documents_of_hypothesis_graphql_have_one_answer_by_both_ways_as_every_role(
    people: World, pools: Pools
) -> None:
    tally = Trial(people).run(wild.queries_of(pools, SEED, DOCUMENTS // 3))
    report("hypothesis-graphql's", tally)
    assert tally.refused < DOCUMENTS / 5
    assert tally.answered + tally.partly > tally.cases / 10


def test_mutations_never_fail_by_our_fault_and_the_views_stay_what_the_events_say(world: World) -> None:
    """Whatever is changed, in whatever order, and as whoever: then people are read, and counted anew."""
    scratch = world.run(crowd.tell(world, "Scratch"))
    pools = pools_of(scratch)
    trial = Trial(scratch)
    tally = trial.change(
        [*ours(pools, DOCUMENTS // 3, a_mutation), *wild.mutations_of(pools, SEED, DOCUMENTS // 10)]
    )
    report("mutations", tally)
    assert tally.answered + tally.partly > tally.cases / 10
    trial.run(ours(pools_of(scratch), DOCUMENTS // 10))
    while world.run(world.application.worker.settle_once()):
        pass
    checked = world.run(rebuild(world.application.database, scratch.workspace_id, check=True))
    assert checked.differences == {}, str(checked)


def test_fields_that_cannot_be_merged_are_found_where_graphql_core_finds_them(pools: Pools) -> None:
    """Our rule takes no time of the square of anything; it has to be right all the same."""
    schema = build_schema().graphql_schema
    verdicts = Counter[bool]()
    for number in range(2 * DOCUMENTS):
        random = Random(f"{SEED}:merging:{number}")
        document = parse(a_query(schema, pools, random, aliases=("a", "id", "nodes", "x")).document)
        errors = validate(schema, document)
        if not errors or all(" conflict because " in error.message for error in errors):
            found = list(overlaps(schema, document))
            assert bool(found) == bool(errors), (print_ast(document), errors, found)
            verdicts[bool(errors)] += 1
    assert min(verdicts.values()) > DOCUMENTS / 10


def test_a_page_of_which_only_constants_are_asked_for_is_one_row(people: World) -> None:
    """There were as many rows as people, and an internal error."""
    document = "{ profiles { pageInfo { hasPreviousPage } } accounts(last: 2) { pageInfo { hasNextPage } } }"
    assert people.data(document) == {
        "profiles": {"pageInfo": {"hasPreviousPage": False}},
        "accounts": {"pageInfo": {"hasNextPage": False}},
    }
