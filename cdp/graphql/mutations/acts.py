"""What a mutation leaves in the audit log: what it was given, without what identifies a person and without secrets."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Hashable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, get_args, get_type_hints

import strawberry
from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case

from cdp import audit
from cdp.db.pool import Connection
from cdp.graphql.context import Context


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """A mutation that is being carried out."""

    name: str
    """Of the field, such as `profileMerge`."""
    given: object
    """Its input."""
    shown: frozenset[str]
    """Fields of the input, at any depth, whose texts the log may hold."""

    def described(self) -> tuple[str, dict[str, Any]]:
        """What it is done to, and what else the log says: ids, numbers, words of the schema and texts of `shown`.

        Of other texts and of JSON there are only the names under `withheld`.
        """
        return describe(self.given, self.shown)


async def record_act(context: Context, connection: Connection) -> None:
    """Add the mutation that runs to the log, at the end of the transaction that carries it out.

    Nothing happens where something was recorded for it already: its own words are better than these.
    """
    act = context.act
    if act is not None and not audit.heard():
        target, detail = act.described()
        await audit.record(connection, context.caller, act.name, target, detail)


def describe(given: object, shown: Collection[str]) -> tuple[str, dict[str, Any]]:
    """What an input is about and what may be told of it.

    The first is its first id, else the first text of `shown`, else nothing.
    """
    telling = _Telling(shown)
    detail = telling.fields(given)
    if telling.withheld:
        detail["withheld"] = sorted(telling.withheld)
    return (telling.ids or telling.texts or [""])[0], detail


class _Telling:
    def __init__(self, shown: Collection[str]) -> None:
        self._shown = shown
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.withheld: set[str] = set()

    def fields(self, given: object) -> dict[str, Any]:
        """What may be told of an input's fields, by their names in the schema."""
        assert dataclasses.is_dataclass(given)
        assert not isinstance(given, type)
        found: dict[str, Any] = {}
        ids = _ids_of(type(given))
        for one in dataclasses.fields(given):
            value = getattr(given, one.name)
            if value is UNSET or (value is None and one.default is None):
                continue
            name = to_camel_case(one.name.rstrip("_"))
            told = self._value(value, self.ids if one.name in ids else self._texts_of(one.name))
            if told is UNSET:
                self.withheld |= {f"{name}.{key}" for key in value} if isinstance(value, dict) else {name}
            else:
                found[name] = told
        return found

    def _texts_of(self, name: str) -> list[str] | None:
        return self.texts if name in self._shown else None

    def _value(self, value: Any, texts: list[str] | None) -> Any:
        """What may be told of a value; UNSET: nothing. Its texts are noted in `texts`; None: they may not be told."""
        match value:
            case list():
                told = [self._value(one, texts) for one in value]
                return told if UNSET not in told else UNSET
            case str() if not isinstance(value, Enum):
                if texts is not None:
                    texts.append(value)
                return UNSET if texts is None else value
            case dict():
                return UNSET if texts is None else value
            case _ if dataclasses.is_dataclass(value):
                return self.fields(value)
            case _:
                return _plain(value)


def _plain(value: object) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return value.name
        case Decimal() | timedelta():
            return str(value)
        case datetime():
            return value.isoformat()
        case _:
            return UNSET


@cache
def _ids_of(input_type: Hashable) -> frozenset[str]:
    """The fields that hold ids, which name no person to anybody outside."""
    return frozenset(
        name
        for name, hint in get_type_hints(input_type).items()
        if strawberry.ID
        in {hint, *get_args(hint), *(inner for one in get_args(hint) for inner in get_args(one))}
    )
