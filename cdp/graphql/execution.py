"""Executing a document: what is planned whole is passed through, the rest is completed by the ordinary executor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeGuard, cast

import strawberry
from graphql import (
    ExecutionResult as CoreResult,
)
from graphql import (
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    execute,
)
from graphql.execution import get_variable_values
from graphql.execution.values import VariableValues
from graphql.pyutils import Path
from msgspec import Raw, Struct
from strawberry.exceptions import MissingQueryError
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from cdp.errors import Forbidden, Unauthenticated
from cdp.graphql.context import NO_KEY, Context
from cdp.graphql.directive import REQUIRES
from cdp.graphql.documents import Documents, Operation, Refused
from cdp.graphql.errors import to_graphql_error
from cdp.graphql.extending import NONE, Extensions, extend
from cdp.graphql.labelled import guard, needs_of
from cdp.graphql.limits import Limits, TooComplex, check_cost, check_variables
from cdp.graphql.payloads import answer_reference, refers
from cdp.graphql.reading import Plans, Reading, is_planned
from cdp.graphql.validating import MOST_ERRORS
from cdp.graphql.visitor import check_visitor
from cdp.plan.compiled import TYPE_KEY
from cdp.plan.fields import declaration_of
from cdp.plan.plans import Plan
from cdp.plan.running import Answer
from cdp.plan.values import Variables
from cdp.telemetry import count, stage


class Executor(StrawberryGraphQLCoreExecutionContext):
    """The ordinary executor, but finished JSON stays as it is."""

    def complete_value(  # noqa: PLR0917 - the signature is graphql-core's
        self,
        return_type: GraphQLOutputType,
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """Complete a value, unless the planner has."""
        if type(result) is Raw:
            return result
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)


class Prepared(Struct, frozen=True):
    """An operation that is valid, with variables that fit it."""

    operation: Operation
    given: dict[str, Any] | None
    """Variables as they came."""
    coerced: Variables


class PlannedSchema(strawberry.Schema):
    """A schema whose planned fields are read by the planner; `extensions` is what plugins add to it."""

    def __init__(
        self, query: type, *, limits: Limits | None = None, extensions: Extensions = NONE, **named: Any
    ) -> None:
        super().__init__(query, execution_context_class=Executor, **named)
        self._schema.directives = (*self._schema.directives, REQUIRES)
        self._schema = extend(self._schema, extensions, lambda: self)
        self._schema._strawberry_schema = self  # type: ignore[attr-defined]  # noqa: SLF001 - as Strawberry does
        self.graphql_schema: GraphQLSchema = self._schema
        self._limits = limits or Limits()
        self.documents = Documents(self._schema, self._limits)
        self.plans = Plans(self._schema)
        _resolve_planned_fields(self._schema)

    def prepare(
        self,
        query: str | None,
        variables: dict[str, Any] | None,
        context: Context,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
    ) -> Prepared | PreExecutionError:
        """What a request asks for, ready to be run; documents that were seen before are not read again.

        Raises:
            MissingQueryError: there is no document.
            CannotGetOperationTypeError: it has no operation of that name.
            InvalidOperationTypeError: the transport does not carry operations of that type.
            RateLimited: it costs more than the caller may ask for now.
        """
        if not query:
            raise MissingQueryError
        try:
            document = self.documents.read(query, of_stranger=context.principal is None)
        except Refused as refused:
            return _refused(refused.errors)
        operation = document.operation(operation_name)
        if operation is None:
            raise CannotGetOperationTypeError(operation_name)
        type_ = OperationType(operation.node.operation.value)
        if allowed_operation_types is not None and type_ not in allowed_operation_types:
            raise InvalidOperationTypeError(type_)
        try:
            if operation.is_mutation:
                operation.check_inputs(variables or {}, self._limits)
            else:
                check_variables(variables or {}, self._limits)
        except TooComplex as refused:
            return _refused([refused])
        coerced = operation.plain_values(variables or {})
        if coerced is None:
            values = get_variable_values(
                self._schema,
                operation.node.variable_definitions or (),
                variables or {},
                max_errors=MOST_ERRORS,
                # They compare what was given with every name that there is.
                hide_suggestions=True,
            )
            if not isinstance(values, VariableValues):
                return _refused(values)
            coerced = values.coerced
        try:
            _admit(context, operation)
            context.spend(check_cost(operation.cost, coerced, self._limits))
        except TooComplex as refused:
            return _refused([refused])
        except (Unauthenticated, Forbidden) as refused:
            return _refused([to_graphql_error(refused)])
        return Prepared(operation, variables, coerced)

    async def execute(  # noqa: PLR0917 - the signature is Strawberry's
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        """Run one operation of a document.

        Raises:
            InvalidOperationTypeError: it is a subscription, to which one answer is not enough; see `follow`.
            Exception: what `prepare` raises.
        """
        assert isinstance(context_value, Context)
        prepared = self.prepare(
            query, variable_values, context_value, operation_name, allowed_operation_types
        )
        if isinstance(prepared, PreExecutionError):
            _count("none", prepared.errors)
            return prepared
        if prepared.operation.is_subscription:
            raise InvalidOperationTypeError(OperationType.SUBSCRIPTION)
        return await self.run(prepared, context_value, root_value, operation_extensions)

    async def run(
        self,
        prepared: Prepared,
        context: Context,
        root_value: Any = None,
        extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        """Answer once; plans that were made before are not made again."""
        reading = context.reading = Reading(context, self.plans, prepared.operation, prepared.coerced)
        kind = prepared.operation.node.operation.value
        with stage(f"graphql.{kind}"):
            result = await self._run(prepared.operation, prepared.given, context, root_value, extensions)
        errors = [*(result.errors or ()), *reading.refused]
        _count(kind, errors)
        return ExecutionResult(data=result.data, errors=errors or None)

    async def _run(
        self,
        operation: Operation,
        given: dict[str, Any] | None,
        context: Context,
        root_value: Any,
        extensions: dict[str, Any] | None,
    ) -> CoreResult:
        root = operation.root
        if (
            (operation.is_query or operation.is_subscription)
            and not operation.is_introspection
            and not context.complete_everything
            and all(name == "__typename" or is_planned(root, name) for name in operation.root_names)
        ):
            try:
                plan = context.reading.plan()
            except Exception as error:  # noqa: BLE001 - masked and logged
                return CoreResult(None, [to_graphql_error(error)])
            if not any(field.completing for field in plan.fields):
                return await self._pass_through(root, plan, context.reading)
        result = execute(
            self._schema,
            operation.document,
            root_value=root_value,
            context_value=context,
            variable_values=given,
            operation_name=operation.node.name.value if operation.node.name else None,
            executor_class=Executor,
            is_awaitable=cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", optimized_is_awaitable),
            operation_extensions=extensions,
        )
        done = result if isinstance(result, CoreResult) else await result
        errors = [to_graphql_error(error) for error in done.errors or ()]
        return CoreResult(done.data, errors or None)

    async def _pass_through(self, root: GraphQLObjectType, plan: Plan, reading: Reading) -> CoreResult:
        """The fast lane: nothing is left for the executor to do."""
        data: dict[str, Any] = {}
        errors: list[GraphQLError] = []
        try:
            answers = await reading.run(plan)
        except Exception as error:  # noqa: BLE001 - it is every field's error, and is masked and logged as such
            answers = {
                field.key: Answer(None, failure=error, failed_path=field.path)
                if field.constant is None
                else Answer(field.constant)
                for field in plan.fields
            }
        lost = False
        for field in plan.fields:
            try:
                data[field.key] = reading.value(answers[field.key], (field.node,))
            except GraphQLError as error:
                data[field.key] = None
                errors.append(error)
                lost = lost or isinstance(root.fields[field.node.name.value].type, GraphQLNonNull)
        return CoreResult(None if lost else data, errors or None)


def _admit(context: Context, operation: Operation) -> None:
    if context.principal is None and not operation.is_introspection:
        raise Unauthenticated(NO_KEY)
    check_visitor(context.principal, operation.root_names)


def _count(kind: str, errors: Sequence[GraphQLError] | None) -> None:
    count("graphql.operation", kind, "errors" if errors else "ok")
    for error in errors or ():
        count("graphql.error", str((error.extensions or {}).get("code", "BAD_USER_INPUT")))


def _refused(errors: Sequence[GraphQLError]) -> PreExecutionError:
    return PreExecutionError(data=None, errors=[to_graphql_error(error) for error in errors])


def _resolve_planned_fields(schema: GraphQLSchema) -> None:
    """Have planned fields read from what the planner answered, and see that no resolver runs for who lacks
    the scopes of its field.
    """
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLInterfaceType):
            type_.resolve_type = _type_of
        if not isinstance(type_, GraphQLObjectType):
            continue
        for name, field in type_.fields.items():
            if refers(field.extensions):
                field.resolve = answer_reference
            if scopes := needs_of(field.extensions):
                guard(name, field, scopes, of_root=type_ in roots)
            if declaration_of(field) is not None:
                field.resolve = _answer_root if type_ in roots else _answer_key
                type_.is_type_of = None


def _type_of(value: Any, _info: GraphQLResolveInfo[Any], _type: Any) -> str:
    return str(value[TYPE_KEY])


async def _answer_root(_source: Any, info: GraphQLResolveInfo[Any], **_arguments: Any) -> Any:
    return await info.context.reading.field(info)


def _answer_key(source: Any, info: GraphQLResolveInfo[Any], **_arguments: Any) -> Any:
    value = source[info.path.key]
    if isinstance(value, Exception):
        raise value
    return value
