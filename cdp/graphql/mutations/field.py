"""How a mutation is declared: its scope is checked before any work, and what the caller can mend comes back as data."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any, Protocol, TypeVar, get_type_hints

import strawberry

from cdp import audit
from cdp.access.scopes import Scope
from cdp.errors import BadInput, Conflict, NotFound
from cdp.graphql.context import Context, Info
from cdp.graphql.labelled import needs
from cdp.graphql.mutations.acts import Act, record_act
from cdp.graphql.mutations.errors import UserError, user_error

T = TypeVar("T")
AnyInput = TypeVar("AnyInput")

Given = Annotated[T, strawberry.argument(name="input", description="Everything that the mutation takes.")]
"""The one argument of a mutation."""


class Payload(Protocol):
    """What every mutation answers: fields that may be null, and the failures."""

    user_errors: list[UserError]

    def __init__(self, *, user_errors: list[UserError]) -> None: ...


AnyPayload = TypeVar("AnyPayload", bound=Payload)
Resolver = Callable[[Any, Info, AnyInput], Awaitable[AnyPayload]]


def mutation(
    scope: Scope,
    description: str,
    *,
    texts_are_checked: bool = True,
    shown: Iterable[str] = (),
    acts: bool = True,
) -> Callable[[Resolver[AnyInput, AnyPayload]], Any]:
    """Make a resolver a mutation that only a principal with `scope` may run: the schema sees to that before.

    The resolver raises BadInput, NotFound and Conflict for what the caller can mend, and the payload that it
    declares to return is made of them; any other error is the field's. Texts that no database holds are refused
    before, unless the resolver sees to that by itself.

    What was carried out stands in the audit log: in the transaction of `write` or `change`, or as what the resolver
    records by itself (`record_act`, `audit.record`), or else right after it. Of the input's texts, and of JSON, the log
    holds those alone that stand in fields named in `shown`. Mutations that send events leave these behind, and are not
    `acts`; and what did nothing after all says so by `info.context.act = None`.
    """
    told = frozenset(shown)

    def declare(resolve: Resolver[AnyInput, AnyPayload]) -> Any:
        @functools.wraps(resolve)
        async def run(self: Any, info: Info, given: AnyInput) -> AnyPayload:
            try:
                if texts_are_checked:
                    _check_texts(given)
                info.context.act = Act(name=info.field_name, given=given, shown=told) if acts else None
                if not acts:
                    return await resolve(self, info, given)
                return await _recorded(info.context, resolve(self, info, given))
            except (BadInput, NotFound, Conflict) as error:
                payload: type[AnyPayload] = get_type_hints(resolve)["return"]
                return payload(user_errors=[user_error(error)])

        return strawberry.mutation(run, description=description, metadata=needs(scope))

    return declare


async def _recorded(context: Context, resolving: Awaitable[AnyPayload]) -> AnyPayload:
    """Let a mutation be carried out, and see that it stands in the audit log."""
    with audit.listening() as heard:
        payload = await resolving
        if context.act is not None and not heard and not payload.user_errors:
            async with context.services.database.transaction(context.workspace_id) as connection:
                await record_act(context, connection)
    return payload


def _check_texts(given: object, *field: str) -> None:
    """See that PostgreSQL can hold every text of an input; JSON values are checked by those who store them.

    Raises:
        BadInput: one holds U+0000 or half a character.
    """
    match given:
        case str():
            if "\0" in given or any("\ud800" <= character <= "\udfff" for character in given):
                raise BadInput("This text holds U+0000 or half a character; take it out.", field=field)
        case list():
            for index, one in enumerate(given):
                _check_texts(one, *field, str(index))
        case _ if dataclasses.is_dataclass(given):
            for attribute in dataclasses.fields(given):
                _check_texts(getattr(given, attribute.name), *field, attribute.name)
        case _:
            pass
