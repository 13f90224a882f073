"""What implementations are called with: the hook's arguments, copied, and what is offered; and the check of answers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct, structs

from cdp.hooks.implementation import Implementation
from cdp.hooks.outcomes import Refused
from cdp.hooks.processes import ProcessCall
from cdp.model import Batch

AnyCheck = Callable[[Any, object], Any]
"""Takes a request and what the plugin returned for it; returns the checked answer or raises Refused."""


def caller(one: Implementation, check: AnyCheck, offers: dict[str, object]) -> Callable[[Any], Any]:
    """Asks about a request and checks the answer: returns it, or raises."""
    function = one.function
    names = one.arguments

    def call(request: Any) -> Any:
        answer = function(**{name: copied(request) for name in names}, **offers)
        if isinstance(answer, Coroutine):
            answer.close()
            raise Refused("it returned a coroutine; write `async def`")
        return check(request, answer)

    return call


def bound(call: Callable[[Any], Any], request: Any) -> Callable[[], Any]:
    """The call about one request."""
    return lambda: call(request)


def refusing(why: str) -> Callable[[Any], Any]:
    """Asks nobody, and says why."""

    def call(_request: Any) -> Any:
        raise Refused(why)

    return call


def async_call(
    one: Implementation, request: Any, check: AnyCheck, offers: dict[str, object]
) -> Callable[[], Any]:
    """The call of a coroutine about one request, on the plugin's loop."""

    async def call() -> Any:
        return check(request, await one.function(**_arguments(one, request, offers)))

    return call


def process_call(
    one: Implementation, request: Any, check: AnyCheck, offers: dict[str, object]
) -> ProcessCall:
    """The call about one request, in another process; on the way there it is copied anyway."""
    given: dict[str, object] = {**dict.fromkeys(one.arguments, request), **offers}
    return ProcessCall(given=given, check=lambda answer: check(request, answer))


def _arguments(one: Implementation, request: Any, offers: dict[str, object]) -> dict[str, object]:
    return {**{name: copied(request) for name in one.arguments}, **offers}


def copied(value: object) -> object:
    """The same value without a dict or list in common: a plugin that changes one changes nobody else's."""
    if type(value) in _ATOMS:
        return value
    match value:
        case dict():
            return {key: copied(item) for key, item in value.items()}
        case list():
            return [copied(item) for item in value]
        case tuple():
            return tuple(copied(item) for item in value)
        case Struct():
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            copies = {name: copied(item) for name, item in fields.items() if type(item) not in _ATOMS}
            return structs.replace(value, **copies) if copies else value
        case _:
            return value


_ATOMS = frozenset({str, int, float, bool, type(None), datetime, date, Decimal, Batch})
"""Types of most values, of which there is nothing to copy; asked first, because it is quickest. A batch gives copies
of what is looked at."""
