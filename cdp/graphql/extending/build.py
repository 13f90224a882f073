"""One schema of the core and of what plugins add to it; whatever contradicts is an error that names both."""

from __future__ import annotations

from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema
from msgspec import Struct

from cdp.errors import Misconfigured
from cdp.graphql.extending.fields import graph_field
from cdp.graphql.extending.operations import SchemaOf, mutation_field, query_field
from cdp.graphql.extending.reads import check_reads
from cdp.graphql.extending.types import Types
from cdp.hooks.manager import Plugins
from cdp.hooks.shapes import camel
from cdp.model import GraphField, GraphMutation, GraphQuery


class Extensions(Struct, frozen=True):
    """What the plugins of one process add, each with its plugin. Two of the same make the same schema."""

    fields: tuple[tuple[str, GraphField], ...] = ()
    queries: tuple[tuple[str, GraphQuery], ...] = ()
    mutations: tuple[tuple[str, GraphMutation], ...] = ()


NONE = Extensions()


def extensions_of(plugins: Plugins) -> Extensions:
    """What these plugins add."""
    return Extensions(
        fields=tuple(plugins.registered("register_fields")),
        queries=tuple(plugins.registered("register_queries")),
        mutations=tuple(plugins.registered("register_mutations")),
    )


def extend(schema: GraphQLSchema, extensions: Extensions, schema_of: SchemaOf) -> GraphQLSchema:
    """The schema with what plugins add; its types are those of the one given, changed.

    Raises:
        Misconfigured: a name is taken, or something is required or read that there is not.
    """
    if extensions == NONE:
        return schema
    types = Types(dict(schema.type_map))
    made: list[tuple[GraphQLObjectType, str, str, GraphQLField]] = []
    for plugin, field in extensions.fields:
        type_ = schema.type_map[field.on]
        assert isinstance(type_, GraphQLObjectType)
        made.append((type_, camel(field.name), plugin, graph_field(plugin, field, type_, types)))
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    for plugin, query in extensions.queries:
        added = query_field(plugin, query, types, schema_of)
        made.append((schema.query_type, camel(query.name), plugin, added))
    for plugin, mutation in extensions.mutations:
        added = mutation_field(plugin, mutation, types, schema_of)
        made.append((schema.mutation_type, camel(mutation.name), plugin, added))
    for type_, name, plugin, added in made:
        if name in type_.fields:
            raise Misconfigured(
                f"{type_.name}.{name} of the plugin {plugin} is a field of the core already; rename it."
            )
        type_.fields[name] = added
    extended = GraphQLSchema(
        query=schema.query_type,
        mutation=schema.mutation_type,
        subscription=schema.subscription_type,
        types=list(schema.type_map.values()),
        directives=schema.directives,
        description=schema.description,
        extensions=schema.extensions,
    )
    for plugin, query in extensions.queries:
        check_reads(extended, plugin, query)
    for plugin, mutation in extensions.mutations:
        check_reads(extended, plugin, mutation)
    return extended
