"""How the functions are called that plugins register to extend the surface of the core, and what they may answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from cdp.errors import BadInput, Conflict, DiptychError, Forbidden, NotFound
from cdp.hooks.implementation import Implementation, function_of
from cdp.hooks.outcomes import Refused
from cdp.hooks.shapes import Listed, Shape, shape_of, unfit
from cdp.model import (
    Command,
    CommandAnswer,
    GraphMutation,
    MutationAnswer,
    NewEvent,
    Route,
    RouteAnswer,
)

T = TypeVar("T", bound=Struct)

LARGEST_ANSWER = 4_000_000
"""Bytes that a function may answer, as JSON."""
MOST_EVENTS = 500
"""That one call may contribute."""

MENDABLE = (BadInput, NotFound, Conflict, Forbidden)
"""What a function may raise for whoever asks, without having failed."""


class Told(Struct, frozen=True):
    """A function has something to say to whoever asks, instead of an answer."""

    error: DiptychError


def implementation(plugin: str, hook: str, function: Callable[..., Any]) -> Implementation:
    """A registered function as what the calling rules call; what it raises for the asker is Told."""
    found = function_of(plugin, hook, function, ("request",))
    telling = _telling(function, is_async=found.is_async)
    return msgspec.structs.replace(found, function=telling, registered=True)


def _telling(function: Callable[..., Any], *, is_async: bool) -> Callable[..., Any]:
    if is_async:

        @wraps(function)
        async def tell_async(**given: Any) -> Any:
            try:
                return await function(**given)
            except MENDABLE as error:
                return Told(error)

        return tell_async

    @wraps(function)
    def tell(**given: Any) -> Any:
        try:
            return function(**given)
        except MENDABLE as error:
            return Told(error)

    return tell


def values_of(type_: Any) -> Callable[[Any, object], tuple[Any, ...]]:
    """The check of a field's function: a value, or None, for each of `request.objects`."""
    shape = shape_of(type_)

    def check(request: Any, answer: object) -> Any:
        if isinstance(answer, Told):
            return answer
        if not isinstance(answer, list | tuple):
            raise Refused(f"it returned {type(answer).__name__} instead of a list")
        if len(answer) != len(request.objects):
            raise Refused(f"it returned {len(answer)} values for {len(request.objects)} objects")
        return _own(tuple[type_ | None, ...], Listed(shape), tuple(answer))

    return check


def value_of(type_: Any) -> Callable[[Any, object], Any]:
    """The check of a query's function."""
    shape = shape_of(type_)

    def check(_request: Any, answer: object) -> Any:
        return answer if isinstance(answer, Told) else _own(type_, shape, answer)

    return check


def mutation_answer(mutation: GraphMutation) -> Callable[[Any, object], Any]:
    """The check of a mutation's function."""
    shape = shape_of(mutation.returns)

    def check(_request: Any, answer: object) -> Any:
        if isinstance(answer, Told):
            return answer
        _check_answer(MutationAnswer, answer, ingests=mutation.ingests)
        assert isinstance(answer, MutationAnswer)
        result = _own(mutation.returns | None, shape, answer.result)
        return MutationAnswer(result=result, events=_events(answer.events))

    return check


def route_answer(route: Route) -> Callable[[Any, object], Any]:
    """The check of a route's function."""

    def check(_request: Any, answer: object) -> Any:
        if isinstance(answer, Told):
            return answer
        _check_answer(RouteAnswer, answer, ingests=route.ingests)
        assert isinstance(answer, RouteAnswer)
        if not 200 <= answer.status <= 599 or not isinstance(answer.body, bytes | None):
            raise Refused(f"it answered with the status {answer.status}, or with a body that is not of bytes")
        for name, value in [*answer.headers.items(), ("Content-Type", answer.media_type)]:
            if _HEADER.fullmatch(name) is None or _HEADER_VALUE.fullmatch(value) is None:
                raise Refused(f"{name[:80]!r} cannot be a header with this value")
        body = answer.body
        if body is None:
            body = b"" if answer.json is None else _encoded(answer.json)
        if len(body) > LARGEST_ANSWER:
            raise Refused(f"it answered {len(body):,} bytes; {LARGEST_ANSWER:,} are allowed")
        media_type = "application/json" if answer.body is None else answer.media_type
        events = _events(answer.events)
        return msgspec.structs.replace(answer, json=None, body=body, media_type=media_type, events=events)

    return check


def command_answer(command: Command) -> Callable[[Any, object], Any]:
    """The check of a command's function."""

    def check(_request: Any, answer: object) -> Any:
        if isinstance(answer, Told):
            return answer
        _check_answer(CommandAnswer, answer, ingests=command.ingests)
        assert isinstance(answer, CommandAnswer)
        if not isinstance(answer.text, str):
            raise Refused("its text is none")
        return msgspec.structs.replace(answer, events=_events(answer.events))

    return check


_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]{0,2000}")


def _encoded(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Refused(f"its answer cannot be written as JSON: {error}") from None


def _check_answer(kind: type[T], answer: object, *, ingests: bool) -> None:
    if not isinstance(answer, kind):
        raise Refused(f"it returned {type(answer).__name__} instead of {kind.__name__}")
    events = getattr(answer, "events", ())
    if events and not ingests:
        raise Refused("it contributes events, and did not say that it `ingests`")


def _events(events: Any) -> tuple[NewEvent, ...]:
    if not isinstance(events, list | tuple) or len(events) > MOST_EVENTS:
        raise Refused(f"it contributes more than {MOST_EVENTS} events, or no list of them")
    if not all(isinstance(one, NewEvent) for one in events):
        raise Refused("it contributes something else than a NewEvent")
    return tuple(_copies(tuple[NewEvent, ...], tuple(events)))


def _own(type_: Any, shape: Shape, value: object) -> Any:
    copy = _copies(type_, value)
    if (why := unfit(shape, copy)) is not None:
        raise Refused(why)
    return copy


def _copies(type_: Any, value: object) -> Any:
    """A copy through JSON: of the declared types all the way down, and out of the plugin's reach."""
    try:
        encoded = msgspec.json.encode(value)
        copy = msgspec.json.decode(encoded, type=type_)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Refused(f"its answer is not of the declared type: {error}") from None
    if len(encoded) > LARGEST_ANSWER:
        raise Refused(f"it answered {len(encoded):,} bytes; {LARGEST_ANSWER:,} are allowed")
    return copy
