"""The schema: every type put together, and its text."""

from __future__ import annotations

from functools import cache

import strawberry
from graphql import build_schema as build_from_text
from graphql import lexicographic_sort_schema, print_schema
from strawberry.schema.config import StrawberryConfig

from cdp.graphql.admin import AdminQuery
from cdp.graphql.catalogue import CatalogueQuery
from cdp.graphql.execution import PlannedSchema
from cdp.graphql.explain import ExplainQuery
from cdp.graphql.plugins import PluginsQuery
from cdp.graphql.query import ReadQuery
from cdp.graphql.refused import RefusedQuery
from cdp.graphql.scalars import SCALARS
from cdp.graphql.slots import SlotQuery


@strawberry.type(description="What can be asked.")
class Query(ReadQuery, CatalogueQuery, ExplainQuery, AdminQuery, PluginsQuery, RefusedQuery, SlotQuery):
    """All fields of the root."""


@cache
def build_schema() -> PlannedSchema:
    """The schema; built once a process."""
    from cdp.graphql.mutations.root import Mutation  # noqa: PLC0415
    from cdp.graphql.subscriptions import Subscription  # noqa: PLC0415

    return PlannedSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=dict(SCALARS)),
    )


def sdl() -> str:
    """The schema in the schema definition language, sorted, as `schema.graphql` holds it."""
    # Sorted from its text: sorting the schema itself would lose how Strawberry writes the defaults of enums.
    text = print_schema(build_schema().graphql_schema)
    return print_schema(lexicographic_sort_schema(build_from_text(text))) + "\n"
