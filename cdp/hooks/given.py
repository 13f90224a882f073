"""What implementations are called with: the hook's arguments, and what is offered; and the check of answers."""

from __future__ import annotations

from collections.abc import Callable
from types import CoroutineType
from typing import Any

from cdp.hooks.implementation import Implementation
from cdp.hooks.outcomes import Refused
from cdp.hooks.processes import ProcessCall

AnyCheck = Callable[[Any, object], Any]
"""Takes a request and what the plugin returned for it; returns the checked answer or raises Refused."""


def caller(one: Implementation, check: AnyCheck, offers: dict[str, object]) -> Callable[[Any], Any]:
    """Asks about a request and checks the answer: returns it, or raises."""
    function = one.function
    names = one.arguments

    if (
        len(names) == 1 and not offers
    ):  # nearly all of them, and what is called often should not cost more than it does
        (name,) = names

        def ask(request: Any) -> Any:
            return function(**{name: request})
    else:

        def ask(request: Any) -> Any:
            return function(**dict.fromkeys(names, request), **offers)

    def call(request: Any) -> Any:
        answer = ask(request)
        if isinstance(answer, CoroutineType):
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
    return {**dict.fromkeys(one.arguments, request), **offers}
