"""A statement while it is written: its text, and what has to be bound to it at each execution."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from cdp.errors import BadInput
from cdp.plan.frames import Frame, Shared
from cdp.plan.moment import NAMED, Moment
from cdp.plan.values import Leaf, Variables

Convert: TypeAlias = Callable[[Any, Moment], Any]
"""From a client's scalar to what is bound; raises BadInput."""

_MENTIONED = re.compile(r"\$(\d+)\b")
_PLACEHOLDER = re.compile(r"\{([a-z]\w*)\}")


class Parameter(Struct, frozen=True, eq=False):
    """One `$n`: where its value comes from at each execution."""

    read: Callable[[Variables, Moment], Any]
    path: tuple[str, ...] = ()
    """Response path of the field whose argument this is; empty: no argument of a client."""


class Statement:
    """Collects the parameters of one statement; `$1` is the workspace."""

    def __init__(self) -> None:
        self.parameters: list[Parameter] = [
            Parameter(lambda _variables, moment: moment.workspace.workspace_id)
        ]
        self._known: dict[Any, str] = {}
        self._kept: list[object] = []
        self._frames = 0
        self.personal: set[str] = set()
        """What is read of people, by coordinate."""

    def named(self, name: str) -> str:
        """A parameter of `cdp.plan.moment.NAMED`."""
        sql_type, value = NAMED[name]
        return self._once(("named", name), sql_type, Parameter(lambda _variables, moment: value(moment)))

    def text(self, value: str) -> str:
        """A text that came from a client's document, such as an alias; never part of the SQL."""
        return self._once(("text", value), "text", Parameter(lambda _variables, _moment: value))

    def constant(self, value: Any, sql_type: str) -> str:
        """A value that the schema or the document fixes."""
        return self._add(sql_type, Parameter(lambda _variables, _moment: value))

    def leaf(self, leaf: Leaf, sql_type: str, convert: Convert, path: tuple[str, ...]) -> str:
        """A scalar of an argument."""
        read = leaf.read
        return self._once(
            ("leaf", id(leaf), sql_type, convert),
            sql_type,
            Parameter(lambda variables, moment: convert(read(variables), moment), path),
            keep=leaf,
        )

    def parameter(self, read: Callable[[Variables, Moment], Any], sql_type: str) -> str:
        """A value that the caller of the plan provides."""
        return self._add(sql_type, Parameter(read))

    def frame(self) -> Frame:
        """The place of one more row."""
        self._frames += 1
        return Frame(self._frames)

    def close(self, sql: str) -> tuple[str, list[int]]:
        """The finished text, with only those parameters that it mentions, and which these are, in their new order."""
        used = sorted({int(number) for number in _MENTIONED.findall(sql)})
        numbers = {str(old): str(new) for new, old in enumerate(used, 1)}
        assert "«" not in sql, sql
        closed = _MENTIONED.sub(lambda match: f"${numbers[match.group(1)]}", sql)
        return closed, [number - 1 for number in used]

    def _once(self, key: Any, sql_type: str, parameter: Parameter, keep: object = None) -> str:
        known = self._known.get(key)
        if known is None:
            known = self._add(sql_type, parameter)
            self._known[key] = known
            # An id names a leaf only as long as the leaf lives.
            self._kept.append(keep)
        return known

    def _add(self, sql_type: str, parameter: Parameter) -> str:
        self.parameters.append(parameter)
        return f"${len(self.parameters)}::{sql_type}"


class _Placed(Struct, frozen=True):
    """A shared expression, with the row whose fields share it."""

    sql: str
    frame: Frame


_Known: TypeAlias = str | Callable[[], str] | _Placed
Named: TypeAlias = _Known | Shared


class Scope:
    """One level of the statement: which rows the declarations' names stand for there.

    Declarations write `{name}` for what depends on the level: a name of the scope (`{row}`, an argument, …), else a
    parameter of the moment (`{as_of}`, `{decay}`, …).
    """

    def __init__(
        self,
        statement: Statement,
        names: Mapping[str, Named],
        path: tuple[str, ...] = (),
        frame: Frame | None = None,
    ) -> None:
        self.statement = statement
        self.path = path
        self.frame = frame or statement.frame()
        """Of the row whose object is written here."""
        self.names: Mapping[str, _Known] = {name: self._placed(named) for name, named in names.items()}

    def inner(
        self, names: Mapping[str, Named], path: tuple[str, ...] | None = None, *, frame: Frame | None = None
    ) -> Scope:
        """A level below: these names, and those of this level that they do not replace."""
        level = Scope(self.statement, names, self.path if path is None else path, frame or self.frame)
        level.names = {**self.names, **level.names} if names else self.names
        return level

    def at(self, path: tuple[str, ...]) -> Scope:
        """The same level for another field of the document."""
        level = object.__new__(Scope)
        level.statement, level.names, level.frame, level.path = self.statement, self.names, self.frame, path
        return level

    def sql(self, text: str) -> str:
        """The declaration's text with every `{name}` replaced; what replaces it may hold names itself."""
        return _PLACEHOLDER.sub(self._replace, text) if "{" in text else text

    def _replace(self, match: re.Match[str]) -> str:
        name = match.group(1)
        found = self.names.get(name)
        if found is None:
            return self.statement.named(name)
        if isinstance(found, _Placed):
            return found.frame.value(self.sql(found.sql))
        return self.sql(found) if isinstance(found, str) else found()

    def _placed(self, named: Named) -> _Known:
        return _Placed(named.sql, self.frame) if isinstance(named, Shared) else named

    def bind(self, leaf: Leaf, sql_type: str, convert: Convert) -> str:
        """A scalar of an argument of the field at this level, as `$n::type`."""
        return self.statement.leaf(leaf, sql_type, convert, self.path)


def as_given(value: Any, _moment: Moment) -> Any:
    """Numbers, booleans, dates and times: what the scalar has read is what is bound."""
    return value


def as_text(value: Any, _moment: Moment) -> str:
    """A text that PostgreSQL can hold.

    Raises:
        BadInput: it has a NUL character or half of a surrogate pair.
    """
    text = str(value)
    if "\x00" in text or not _encodes(text):
        raise BadInput("A text may hold neither NUL nor half a surrogate pair.")
    return text


def as_texts(value: Any, moment: Moment) -> list[str]:
    """A list of such texts."""
    return [as_text(item, moment) for item in value]


def as_json(value: Any, _moment: Moment) -> str:
    """JSON that PostgreSQL can hold.

    Raises:
        BadInput: a text in it has a NUL character or half of a surrogate pair, or a number is not finite.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise BadInput(
            "This JSON value cannot be used: a number in it is not finite, or it nests too deeply."
        ) from None
    if "\\u0000" in text or not _encodes(text):
        raise BadInput("A text in JSON may hold neither NUL nor half a surrogate pair.")
    return text


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
