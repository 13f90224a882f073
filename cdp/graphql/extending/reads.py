"""What a query, a mutation or a command of a plugin reads of the core first, in the name of whoever asks."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from graphql import (
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_operation_ast,
    parse,
    validate,
    visit,
)
from msgspec import Struct
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from cdp.errors import Misconfigured
from cdp.graphql.context import Context
from cdp.graphql.documents import Operation
from cdp.hooks.shapes import read, shape_of, written
from cdp.model import Command, GraphMutation, GraphQuery
from cdp.plan.fields import Column, declaration_of
from cdp.plan.labels import Labels, lacking

if TYPE_CHECKING:
    from graphql import GraphQLSchema

    from cdp.graphql.execution import PlannedSchema

Reader = GraphQuery | GraphMutation | Command


def check_reads(schema: GraphQLSchema, plugin: str, item: Reader) -> None:
    """Do nothing if what it reads is one query that the schema allows.

    Raises:
        Misconfigured: it is not; the message says why.
    """
    if item.reads is None:
        return
    whose = f"What {item.name} of the plugin {plugin} reads"
    try:
        document = parse(item.reads)
    except GraphQLError as error:
        raise Misconfigured(f"{whose} is no document: {error}") from None
    operation = get_operation_ast(document)
    if not isinstance(operation, OperationDefinitionNode) or operation.operation is not OperationType.QUERY:
        raise Misconfigured(f"{whose} is not one query.")
    if errors := validate(schema, document):
        raise Misconfigured(f"{whose} does not fit the schema: {errors[0].message}")
    root = schema.query_type
    assert root is not None
    for name in sorted(Operation(schema, document, operation).root_names - {"__typename"}):
        if name not in root.fields or declaration_of(root.fields[name]) is None:
            raise Misconfigured(f"{whose} begins with {name}, which the planner does not read.")


async def read_first(
    schema: PlannedSchema, context: Context, item: Reader, of_type: type[Struct], given: Any
) -> Any:
    """What it reads, with the arguments as variables; None: it reads nothing.

    Raises:
        GraphQLError: the reader may not see something of it, or it costs too much.
        msgspec.ValidationError: it is not what the plugin expects.
    """
    if item.reads is None:
        return None
    _refuse_masks(schema, context, item.reads)
    asking = replace(context, complete_everything=False)
    variables = written(shape_of(of_type), given)
    prepared = schema.prepare(item.reads, variables, asking)
    if isinstance(prepared, PreExecutionError):
        raise _told(prepared)
    result = await schema.run(prepared, asking)
    if result.errors:
        raise _told(result)
    return read(item.found, msgspec.json.decode(msgspec.json.encode(result.data)))


def _refuse_masks(schema: PlannedSchema, context: Context, text: str) -> None:
    """Do nothing if the reader may see whatever of it is masked for others: a mask is to look at, not to work with.

    Raises:
        GraphQLError: the reader may not.
    """
    for name, labels in _masked(schema.graphql_schema, text):
        missing = lacking(labels, context.scopes)
        if missing is not None:
            message = f"`{name}` needs the scope {missing.value}."
            raise GraphQLError(message, extensions={"code": "FORBIDDEN"})


@lru_cache(maxsize=256)
def _masked(schema: GraphQLSchema, text: str) -> tuple[tuple[str, Labels], ...]:
    """The fields of a document that are masked for those who lack their labels."""
    found: dict[str, Labels] = {}
    types = TypeInfo(schema)

    class Fields(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            field = types.get_field_def()
            declared = None if field is None else declaration_of(field)
            if isinstance(declared, Column) and declared.masks:
                found[node.name.value] = declared.labels

    visit(parse(text), TypeInfoVisitor(types, Fields()))
    return tuple(found.items())


def _told(result: ExecutionResult | PreExecutionError) -> GraphQLError:
    """The first error, as one of the field that reads: the document that it is of is not the reader's."""
    assert result.errors
    return GraphQLError(result.errors[0].message, extensions=result.errors[0].extensions)
