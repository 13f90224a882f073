"""Finding all that a filter inside a mutation's input matches: their numbers, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

from graphql import GraphQLInputObjectType, get_named_type

from cdp.graphql.context import Info
from cdp.identity.kinds import normalise
from cdp.plan.entities import Entity
from cdp.plan.filters import Writer
from cdp.plan.moment import Moment
from cdp.plan.selection import Selection
from cdp.plan.statement import Parameter, Scope, Statement
from cdp.plan.values import Tree

PAGE = 1_000


async def matching(info: Info, entity: Entity, field: str) -> AsyncIterator[list[int]]:
    """The numbers of everything that meets the filter in the input's `field`, in their order; null: of everything.

    Raises:
        Forbidden: it looks at what the caller may not see.
        BadInput: it cannot be used.
    """
    sql, parameters, variables = _written(info, entity, field)
    context = info.context
    workspace = await context.workspace()
    country = workspace.settings.default_country
    moment = Moment(
        workspace=workspace,
        as_of=context.as_of,
        normalise=lambda kind, value: normalise(context.kinds, kind, value, country),
        roles=tuple(context.services.plugins.roles().values()),
        scopes=context.scopes,
    )
    after = 0
    while True:
        values = [one.read({**variables, "$after": after}, moment) for one in parameters]
        async with context.connection() as connection:
            found = [row["number"] for row in await connection.fetch(sql, *values)]
        if found:
            yield found
        if len(found) < PAGE:
            return
        after = found[-1]


def _written(info: Info, entity: Entity, field: str) -> tuple[str, list[Parameter], Mapping[str, Any]]:
    raw = info._raw_info  # noqa: SLF001 - Strawberry hides the nodes themselves
    assert raw.schema.mutation_type is not None
    declared = raw.schema.mutation_type.fields[raw.field_name]
    # Not what graphql-core declares: Strawberry hands on the coerced values themselves.
    variables = cast("Mapping[str, Any]", raw.variable_values)
    given = Selection(raw.schema, {}, variables).arguments(declared, raw.field_nodes[0])
    tree: Tree = given["input"].get(field)
    input_type = get_named_type(declared.args["input"].type)
    assert isinstance(input_type, GraphQLInputObjectType)
    statement = Statement()
    scope = Scope(statement, entity.names, ("input", field))
    conditions = [scope.sql(entity.seen_by(info.context.scopes))]
    if tree:
        conditions.append(Writer(info.context.scopes).write(tree, input_type.fields[field].type, scope))
    key = entity.key[0].sql
    after = statement.parameter(lambda given, _moment: given["$after"], "int8")
    found = f"SELECT {key} AS number FROM {scope.sql(entity.source)} WHERE {' AND '.join(conditions)}"
    sql, used = statement.close(f"{found} AND {key} > {after} ORDER BY {key} LIMIT {PAGE}")
    return sql, [statement.parameters[index] for index in used], variables
