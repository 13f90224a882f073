"""The documents of hypothesis-graphql, told what the workspace holds, many in little time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, is_required_argument, print_schema
from graphql import build_schema as build_from_text
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis_graphql import mutations, nodes, queries

from cdp.graphql.schema import build_schema
from tests.graphql.documents import UNSTEADY, Asked, Pools

BATCH = 20
"""Documents of one seed: with more, hypothesis spends its time on variations of those that it has."""


VIEWS = (
    ("identifier", "domain", "profileA", "profileB", "last", "before"),
    ("id", "a", "b", "first", "after"),
)
"""hypothesis-graphql gives every argument; each view of the schema lacks one of those that exclude one another."""


@cache
def _view(hidden: tuple[str, ...]) -> GraphQLSchema:
    schema = build_from_text(print_schema(build_schema().graphql_schema))
    for type_, name in UNSTEADY:
        # Nobody can agree on what answers differently at each time.
        del schema.type_map[type_].fields[name]
    for type_ in schema.type_map.values():
        for field in type_.fields.values() if isinstance(type_, GraphQLObjectType) else ():
            optional = {name for name, argument in field.args.items() if not is_required_argument(argument)}
            for name in optional & set(hidden):
                del field.args[name]
    return schema


def _scalars(pools: Pools) -> dict[str, st.SearchStrategy[Any]]:
    texts = {
        name: st.sampled_from([str(each) for each in pools[name] if isinstance(each, str)]).map(nodes.String)
        for name in ("ID", "String", "DateTime", "Date", "Decimal", "Duration", "JSON")
    }
    return {
        **texts,
        "Int": st.sampled_from([2, 1, 3, 0, 5, 20]).map(nodes.Int),
        "Float": st.sampled_from([0.5, 0.0, 3.25, -1.0]).map(nodes.Float),
    }


def queries_of(pools: Pools, first: int, count: int) -> Iterator[tuple[str, Asked]]:
    """So many queries, in batches of seeds from this one on, each with the name to find it again by."""
    yield from _batches(queries, pools, first, count)


def mutations_of(pools: Pools, first: int, count: int) -> Iterator[tuple[str, Asked]]:
    """Mutations likewise."""
    yield from _batches(mutations, pools, first, count)


def _batches(
    write: Callable[..., st.SearchStrategy[str]], pools: Pools, first: int, count: int
) -> Iterator[tuple[str, Asked]]:
    scalars = _scalars(pools)
    for at in range(first * 1_000, first * 1_000 + -(-count // BATCH)):
        strategy = write(_view(VIEWS[at % len(VIEWS)]), custom_scalars=scalars)
        for number, document in enumerate(dict.fromkeys(_drawn(strategy, at, min(BATCH, count)))):
            yield f"hypothesis-graphql, seed {at}, document {number}", Asked(document, {}, {})


def _drawn(strategy: st.SearchStrategy[str], at: int, count: int) -> list[str]:
    found: list[str] = []

    @seed(at)
    @given(document=strategy)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    def keep(document: str) -> None:
        found.append(document)

    keep()
    return found
