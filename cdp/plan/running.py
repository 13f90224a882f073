"""Running a plan: bind, ask once, and answer with JSON to pass through or with objects to complete."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct

from cdp.db.pool import Connection
from cdp.errors import DiptychError
from cdp.model.ids import decode_id
from cdp.plan.compiled import NEEDS_KEY, TYPE_KEY, Computation, Refused
from cdp.plan.moment import Moment
from cdp.plan.plans import Plan, PlannedField
from cdp.plan.values import Leaf, Tree, Variables
from cdp.telemetry import stage

MOST_SECONDS = 10.0
"""That PostgreSQL may take for one statement."""


class TooMuch(DiptychError):
    """A statement that was given up."""

    code = "COMPLEXITY"


class Lost(DiptychError):
    """A computed field that is null for all its parents, for one reason: one error of the answer says it."""

    def __init__(self, message: str, *, code: str, **more: str) -> None:
        super().__init__(message, code=code)
        self.more = more


class Answer(Struct, frozen=True):
    """What one field of a plan came to."""

    value: Any
    """Raw JSON to pass through, objects to complete, or None."""
    refused: tuple[Refused, ...] = ()
    failure: Exception | None = None
    failed_path: tuple[str, ...] = ()
    """Response path of the field whose argument could not be used."""


Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Connection]]
"""Opens a connection bound to the workspace."""


async def run_plan(
    plan: Plan, connect: Connect, moment: Moment, variables: Variables, context: Any
) -> dict[str, Answer]:
    """The answers of a plan's fields by response key.

    Args:
        plan: what to run.
        connect: opens a connection bound to the workspace; not called where nothing is to be read.
        moment: the workspace and the time of which all views are.
        variables: the client's, coerced.
        context: what computed fields are given.

    Raises:
        TooMuch: it took longer than MOST_SECONDS.
    """
    values, failed = _bind(plan, moment, variables)
    row: Sequence[Any] = ()
    if any(field.column is not None and field.key not in failed for field in plan.fields):
        with stage("graphql.read", fields=len(plan.fields)):
            async with connect() as connection:
                try:
                    row = await connection.fetchrow(plan.sql, *values, timeout=MOST_SECONDS)
                except TimeoutError:
                    raise TooMuch(
                        f"The query took longer than {MOST_SECONDS:g} seconds; ask for less at once, "
                        "or in an order and with a filter that an index serves."
                    ) from None
    answers: dict[str, Answer] = {}
    for field in plan.fields:
        if field.failure is not None:
            answers[field.key] = Answer(None, failure=field.failure, failed_path=field.path)
        elif field.key in failed:
            failure, path = failed[field.key]
            answers[field.key] = Answer(None, failure=failure, failed_path=path)
        else:
            text = row[field.column] if field.column is not None else None
            answers[field.key] = await _answer(field, text, variables, context)
    return answers


def _bind(
    plan: Plan, moment: Moment, variables: Variables
) -> tuple[list[Any], dict[str, tuple[Exception, tuple[str, ...]]]]:
    """The values of the parameters, and the fields with an argument that cannot be used."""
    values: list[Any] = []
    failed: dict[str, tuple[Exception, tuple[str, ...]]] = {}
    for parameter in plan.parameters:
        try:
            values.append(parameter.read(variables, moment))
        except DiptychError as error:
            values.append(None)
            failed.setdefault(parameter.path[0], (error, parameter.path))
    for parameter in plan.unused:
        try:
            parameter.read(variables, moment)
        except DiptychError as error:
            failed.setdefault(parameter.path[0], (error, parameter.path))
    for key in failed:
        if key in plan.guards:
            values[plan.guards[key]] = False
    return values, failed


async def _answer(field: PlannedField, text: bytes | None, variables: Variables, context: Any) -> Answer:
    if field.constant is not None:
        return Answer(field.constant)
    if text is None:
        # Nothing was found: there is nothing that could be forbidden either.
        return Answer(None)
    refused = tuple(one for one in field.refused if _applies(one, variables))
    if not field.completing:
        return Answer(Raw(text), refused)
    value = msgspec.json.decode(text)
    lost = await asyncio.gather(
        *(_compute(one, field.path, value, variables, context) for one in field.computations)
    )
    return Answer(value, (*refused, *(one for one in lost if one is not None)))


def _applies(refused: Refused, variables: Variables) -> bool:
    if refused.concerns is None:
        return True
    leaf, type_name = refused.concerns
    return decode_id(str(leaf.read(variables)))[0] == type_name


async def _compute(
    computation: Computation, root: tuple[str, ...], value: Any, variables: Variables, context: Any
) -> Refused | None:
    """Run a computed field once for all its parents and put the values where the executor looks for them.

    What is answered is why all of them are null.
    """
    *steps, key = computation.path[len(root) :]
    parents = [
        parent
        for parent in _reached([value], steps)
        if parent[TYPE_KEY] == computation.type_name and NEEDS_KEY in parent
    ]
    if not parents:
        return None
    arguments = {name: resolve(tree, variables) for name, tree in computation.given.items()}
    try:
        computed = await computation.batch(context, [parent[NEEDS_KEY] for parent in parents], arguments)
    except Lost as error:
        for parent in parents:
            parent[key] = None
        return Refused(computation.path, computation.node, error.message, error.code, error.more)
    except Exception as error:  # noqa: BLE001 - whatever it is becomes the field's error, and is logged there
        computed = [error] * len(parents)
    for parent, one in zip(parents, computed, strict=True):
        parent[key] = one
    return None


def _reached(values: Sequence[Any], steps: Sequence[str]) -> list[dict[str, Any]]:
    """The objects at a response path, lists flattened, nulls left out."""
    found = [
        item
        for value in values
        for item in (value if isinstance(value, list) else [value])
        if item is not None
    ]
    if not steps:
        return found
    step, *further = steps
    return _reached([item[step] for item in found if step in item], further)


def resolve(tree: Tree, variables: Variables) -> Any:
    """An argument as this execution gives it."""
    match tree:
        case Leaf():
            return tree.read(variables)
        case list():
            return [resolve(one, variables) for one in tree]
        case dict():
            return {name: resolve(one, variables) for name, one in tree.items()}
        case _:
            return tree
