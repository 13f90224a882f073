"""The schema: every type put together, and its text."""

from __future__ import annotations

from functools import cache, lru_cache

import strawberry
from graphql import build_schema as build_from_text
from graphql import lexicographic_sort_schema, print_schema
from strawberry.schema.config import StrawberryConfig

from cdp.graphql.access import AccessQuery
from cdp.graphql.admin import AdminQuery
from cdp.graphql.audit import AuditQuery
from cdp.graphql.background import BackgroundQuery
from cdp.graphql.catalogue import CatalogueQuery
from cdp.graphql.directive import annotated
from cdp.graphql.execution import PlannedSchema
from cdp.graphql.explain import ExplainQuery
from cdp.graphql.extending import Extensions, extensions_of
from cdp.graphql.issuers import IssuerQuery
from cdp.graphql.keys import KeyQuery
from cdp.graphql.plugins import PluginsQuery
from cdp.graphql.providers import EnrichmentQuery
from cdp.graphql.query import ReadQuery
from cdp.graphql.refused import RefusedQuery
from cdp.graphql.requirements import requirements_of
from cdp.graphql.resolution import RoleQuery
from cdp.graphql.scalars import SCALARS
from cdp.graphql.slots import SlotQuery
from cdp.graphql.trait_classes import TraitClassQuery
from cdp.graphql.visitor import VisitorQuery
from cdp.graphql.visitor_secrets import VisitorSecretQuery
from cdp.hooks.loading import first_party
from cdp.hooks.manager import Plugins


@strawberry.type(description="What can be asked.")
class Query(
    ReadQuery,
    AuditQuery,
    BackgroundQuery,
    CatalogueQuery,
    ExplainQuery,
    IssuerQuery,
    AccessQuery,
    KeyQuery,
    AdminQuery,
    PluginsQuery,
    RefusedQuery,
    SlotQuery,
    EnrichmentQuery,
    RoleQuery,
    VisitorQuery,
    VisitorSecretQuery,
    TraitClassQuery,
):
    """All fields of the root."""


def build_schema(plugins: Plugins | None = None) -> PlannedSchema:
    """The schema of the core and of what these plugins add to it; None: those that Diptych comes with.

    Raises:
        Misconfigured: a plugin's names are taken, or it requires what there is not.
    """
    return _build(extensions_of(plugins) if plugins is not None else _first_party())


@cache
def _first_party() -> Extensions:
    plugins = Plugins()
    plugins.add(first_party())
    return extensions_of(plugins)


@lru_cache(maxsize=8)
def _build(extensions: Extensions) -> PlannedSchema:
    """Once a process, unless that has several applications."""
    from cdp.graphql.mutations.root import Mutation  # noqa: PLC0415
    from cdp.graphql.subscriptions import Subscription  # noqa: PLC0415

    return PlannedSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=dict(SCALARS)),
        extensions=extensions,
    )


def sdl(plugins: Plugins | None = None) -> str:
    """The schema in the schema definition language, sorted, as `schema.graphql` holds it.

    Raises:
        Misconfigured: see build_schema.
    """
    # Sorted from its text: sorting the schema itself would lose how Strawberry writes the defaults of enums.
    schema = build_schema(plugins).graphql_schema
    text = print_schema(lexicographic_sort_schema(build_from_text(print_schema(schema))))
    return annotated(text, requirements_of(schema)) + "\n"
