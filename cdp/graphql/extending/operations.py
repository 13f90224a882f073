"""Queries and mutations of plugins, as fields of the roots."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any

import msgspec
from graphql import GraphQLArgument, GraphQLError, GraphQLField, GraphQLNonNull, GraphQLResolveInfo

from cdp import audit
from cdp.errors import BadInput, Conflict, NotFound
from cdp.graphql.context import Context
from cdp.graphql.extending.calling import ask, turned_off
from cdp.graphql.extending.reads import read_first
from cdp.graphql.extending.types import Types, capital
from cdp.graphql.labelled import extensions_of
from cdp.graphql.mutations.errors import UserError, user_error
from cdp.hooks.extending import implementation, mutation_answer, value_of
from cdp.hooks.shapes import Made, camel, read, shape_of, shown
from cdp.ingest.contributed import take_contributed
from cdp.ingest.proving import Page
from cdp.model import GraphMutation, GraphQuery, MutationAnswer, MutationRequest, QueryRequest
from cdp.plan.labels import scope_of
from cdp.plan.running import Lost

if TYPE_CHECKING:
    from cdp.graphql.execution import PlannedSchema

SchemaOf = Callable[[], "PlannedSchema"]
"""The schema that a field is part of, once that is whole."""
Resolve = Callable[..., Awaitable[Any]]


def query_field(plugin: str, query: GraphQuery, types: Types, schema_of: SchemaOf) -> GraphQLField:
    """A plugin's field of Query."""
    shape, arguments = shape_of(query.returns), shape_of(query.arguments)
    assert isinstance(arguments, Made)
    function = implementation(plugin, "register_queries", query.resolve)
    check = value_of(query.returns)

    async def resolve(context: Context, given: dict[str, Any]) -> Any:
        asked = _read(query.arguments, given)
        request = QueryRequest(
            arguments=asked,
            found=await read_first(schema_of(), context, query, query.arguments, asked),
            scopes=_names(context.scopes),
            as_of=context.as_of,
        )
        return shown(shape, await ask(context, function, request, check, f"the query {camel(query.name)}"))

    return GraphQLField(
        types.nullable(plugin, shape),
        args=types.arguments(plugin, arguments),
        resolve=_guarded(plugin, resolve),
        description=query.description,
        extensions=extensions_of(frozenset(map(scope_of, query.scopes))),
    )


def mutation_field(plugin: str, mutation: GraphMutation, types: Types, schema_of: SchemaOf) -> GraphQLField:
    """A plugin's field of Mutation."""
    name = capital(camel(mutation.name))
    shape, given_shape = shape_of(mutation.returns), shape_of(mutation.input)
    assert isinstance(given_shape, Made)
    function = implementation(plugin, "register_mutations", mutation.resolve)
    check = mutation_answer(mutation)
    scopes = mutation.scopes | ({"events:write"} if mutation.ingests else frozenset())

    async def run(context: Context, given: dict[str, Any]) -> MutationAnswer:
        request = MutationRequest(
            input=(asked := _read(mutation.input, given["input"])),
            found=await read_first(schema_of(), context, mutation, mutation.input, asked),
            caller=context.caller.name,
            scopes=_names(context.scopes),
            as_of=context.as_of,
        )
        answer = await ask(context, function, request, check, f"the mutation {camel(mutation.name)}")
        assert isinstance(answer, MutationAnswer)
        if answer.events:
            await _take(context, plugin, answer)
        return answer

    async def resolve(context: Context, given: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await run(context, given)
        except (BadInput, NotFound, Conflict) as error:
            return _payload(None, [user_error(error)])
        if mutation.scopes - {"events:write"}:
            await _record(context, plugin, camel(mutation.name), given["input"])
        return _payload(shown(shape, answer.result), [])

    input_type = types.input_object(plugin, given_shape, f"{name}Input")
    return GraphQLField(
        GraphQLNonNull(types.payload(plugin, f"{name}Payload", shape)),
        args={
            "input": GraphQLArgument(
                GraphQLNonNull(input_type), description="Everything that the mutation takes."
            )
        },
        resolve=_guarded(plugin, resolve),
        description=mutation.description,
        extensions=extensions_of(frozenset(map(scope_of, scopes))),
    )


async def _record(context: Context, plugin: str, name: str, given: dict[str, Any]) -> None:
    """Leave it in the audit log, like the core's own mutations; of what it was given, the names."""
    async with context.services.database.transaction(context.workspace_id) as connection:
        await audit.record(
            connection, context.caller, name, plugin, {"plugin": plugin, "withheld": sorted(given)}
        )


async def _take(context: Context, plugin: str, answer: MutationAnswer) -> None:
    """Take in what it contributes.

    Raises:
        BadInput: an event was refused; the others are stored, and it is kept.
        RateLimited: the caller sends too much.
    """
    services, workspace = context.services, await context.workspace()
    services.rates.events(context.caller, workspace.limits, len(answer.events))
    receipt = await take_contributed(
        services.intake,
        workspace.workspace_id,
        plugin,
        answer.events,
        now=context.as_of,
        page=Page() if context.caller.publishable else None,
    )
    if receipt.refused:
        raise BadInput(f"An event could not be stored: {receipt.refused[0].message}")


def _guarded(plugin: str, resolve: Resolve) -> Callable[..., Awaitable[Any]]:
    """The resolver of a root field: whether the plugin is on, and then what it answers."""

    async def run(_source: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
        context: Context = info.context
        try:
            if context.services.plugins.calls.is_off(plugin, await context.workspace()):
                raise turned_off(plugin)
            return await resolve(context, given)
        except Lost as error:
            extensions = {"code": error.code, **error.more}
            raise GraphQLError(error.message, extensions=extensions) from None

    return run


def _read(type_: Any, given: dict[str, Any]) -> Any:
    try:
        return read(type_, given)
    except msgspec.ValidationError as error:
        raise BadInput(f"The input cannot be used: {error}.") from None


def _payload(result: Any, errors: list[UserError]) -> dict[str, Any]:
    return {"result": result, "userErrors": errors}


def _names(scopes: Collection[str]) -> frozenset[str]:
    return frozenset(map(str, scopes))
