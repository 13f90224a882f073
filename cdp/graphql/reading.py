"""Reading for one operation: its plan found or made, run once, and its answers handed to whoever asks for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graphql import FieldNode, GraphQLError, GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema

from cdp.access.scopes import Scopes
from cdp.graphql.audiences import AudienceStatements
from cdp.graphql.documents import Operation
from cdp.graphql.errors import to_graphql_error
from cdp.graphql.payloads import Reference
from cdp.graphql.query import ENTITIES
from cdp.identity.kinds import DEVICE_ID, normalise
from cdp.model import Identifier
from cdp.plan.fields import declaration_of
from cdp.plan.labels import AnyScope
from cdp.plan.moment import Moment
from cdp.plan.plans import Plan, Recent, plan_fields, plan_object
from cdp.plan.running import Answer, run_plan
from cdp.plan.selection import Selection
from cdp.plan.values import Variables
from cdp.plan.writing import read_key
from cdp.telemetry import count, stage

if TYPE_CHECKING:
    from cdp.graphql.context import Context

MOST_PLANS = 1_000
MOST_SQL = 30_000_000
"""Characters of all plans' statements together."""


def _visitor(context: Context, country: str) -> Identifier | None:
    """Whom a visitor's token proves; nobody is proven by a device, whose id others know."""
    proven = context.principal.visitor if context.principal is not None else None
    return None if proven is None or proven[0] == DEVICE_ID else normalise(context.kinds, *proven, country)


class Plans:
    """Plans by operation, shape of the variables and scopes; a process keeps the most recent ones."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._plans: Recent[Plan] = Recent(MOST_PLANS, characters=MOST_SQL)
        self.audiences = AudienceStatements()
        """Statements for the audiences of variants."""

    def of_query(
        self, operation: Operation, variables: Variables, scopes: Scopes, *, completing: bool
    ) -> Plan:
        """The plan of the planned root fields of a query or a subscription."""
        known = (operation, operation.shape_of(variables), scopes, completing)
        plan = self._plans.get(known)
        count("graphql.plan", "miss" if plan is None else "hit")
        if plan is None:
            selection = Selection(self._schema, operation.fragments, variables)
            root = operation.root
            selected = {
                key: nodes
                for key, nodes in selection.fields(root, [operation.node.selection_set]).items()
                if nodes[0].name.value == "__typename" or is_planned(root, nodes[0].name.value)
            }
            with stage("graphql.plan"):
                plan = plan_fields(self._schema, selection, root, selected, scopes, completing=completing)
            self._plans.put(known, plan, len(plan.sql))
        return plan

    def of_object(
        self,
        operation: Operation,
        variables: Variables,
        scopes: Scopes,
        *,
        type_name: str,
        nodes: Sequence[FieldNode],
        path: tuple[str, ...],
        completing: bool,
    ) -> Plan:
        """The plan of an object inside a mutation's payload."""
        known = (operation, operation.shape_of(variables), scopes, completing, path, type_name)
        plan = self._plans.get(known)
        count("graphql.plan", "miss" if plan is None else "hit")
        if plan is None:
            selection = Selection(self._schema, operation.fragments, variables)
            plan = plan_object(
                self._schema,
                selection,
                scopes,
                entity=ENTITIES[type_name],
                nodes=nodes,
                path=path,
                completing=completing,
            )
            self._plans.put(known, plan, len(plan.sql))
        return plan


def is_planned(root: GraphQLObjectType, name: str) -> bool:
    """Whether a field of a root type is the planner's."""
    return name in root.fields and declaration_of(root.fields[name]) is not None


class Reading:
    """The reads of one operation of one request."""

    def __init__(self, context: Context, plans: Plans, operation: Operation, variables: Variables) -> None:
        self._context = context
        self._plans = plans
        self._operation = operation
        self._variables = variables
        self._answers: asyncio.Future[Mapping[str, Answer]] | None = None
        self.audiences = plans.audiences
        self.refused: list[GraphQLError] = []
        """Errors of fields that came back null because the caller may not see them."""

    def refuse(self, node: FieldNode, path: Sequence[str | int], missing: AnyScope) -> None:
        """Note that a field comes back null for want of a scope: once for each field of the document."""
        if all(one.nodes is None or node not in one.nodes for one in self.refused):
            message = f"`{node.name.value}` needs the scope {missing.value}."
            self.refused.append(GraphQLError(message, [node], path=path, extensions={"code": "FORBIDDEN"}))

    def plan(self) -> Plan:
        """The plan of the root's planned fields."""
        context = self._context
        return self._plans.of_query(
            self._operation, self._variables, context.scopes, completing=context.complete_everything
        )

    async def field(self, info: GraphQLResolveInfo[Any]) -> Any:
        """The value of a planned field of the root. The first that is asked for reads them all, in one statement.

        Raises:
            GraphQLError: the field failed.
        """
        if self._answers is None:
            self._answers = asyncio.ensure_future(self.run(self.plan()))
        answers = await asyncio.shield(self._answers)
        return self.value(answers[str(info.path.key)], info.field_nodes)

    async def object(self, reference: Reference, info: GraphQLResolveInfo[Any]) -> Any:
        """The object of a reference, as selected.

        Raises:
            GraphQLError: an argument inside it cannot be used.
        """
        context = self._context
        path = tuple(str(step) for step in info.path.as_list())
        plan = self._plans.of_object(
            self._operation,
            self._variables,
            context.scopes,
            type_name=reference.type_name,
            nodes=info.field_nodes,
            path=path,
            completing=context.complete_everything,
        )
        keys = ENTITIES[reference.type_name].key
        numbers = {
            f"${at}": read_key(number, key.sql_type)
            for at, (number, key) in enumerate(zip(reference.numbers, keys, strict=True))
        }
        answers = await self.run(plan, {**self._variables, **numbers})
        return self.value(answers[path[0]], info.field_nodes)

    async def run(self, plan: Plan, variables: Variables | None = None) -> Mapping[str, Answer]:
        """The answers of a plan's fields."""
        context = self._context
        if plan.personal:
            context.services.reads.note(context.caller, plan.personal)
        bound = self._variables if variables is None else variables
        workspace = await context.workspace()
        country = workspace.settings.default_country
        moment = Moment(
            workspace=workspace,
            as_of=context.as_of,
            normalise=lambda kind, value: normalise(context.kinds, kind, value, country),
            roles=tuple(context.services.plugins.roles().values()),
            scopes=context.scopes,
            visitor=_visitor(context, country),
        )
        return await run_plan(plan, context.connection, moment, bound, context)

    def value(self, answer: Answer, nodes: Sequence[FieldNode]) -> Any:
        """What an answer is worth; the errors of fields hidden in it are noted.

        Raises:
            GraphQLError: the field failed.
        """
        if answer.failure is not None:
            raise to_graphql_error(answer.failure, nodes, answer.failed_path)
        self.refused += [
            GraphQLError(one.message, [one.node], path=one.path, extensions={"code": one.code, **one.more})
            for one in answer.refused
        ]
        return answer.value
