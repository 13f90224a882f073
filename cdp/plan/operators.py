"""Operators of filters as SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from cdp.errors import BadInput
from cdp.model.ids import decode_id_of
from cdp.plan.statement import Convert, Scope, as_given, as_json, as_text
from cdp.plan.values import Leaf, Tree


class Operand(Struct, frozen=True):
    """What an operator compares with, to be bound as the operator needs it."""

    given: Tree
    sql_type: str
    convert: Convert
    scope: Scope

    @property
    def one(self) -> str:
        """As one value."""
        return self._bind(self.sql_type, self.convert)

    @property
    def many(self) -> str:
        """As an array of values."""
        convert = self.convert
        return self._bind(
            f"{self.sql_type}[]", lambda values, moment: [convert(value, moment) for value in values]
        )

    @property
    def flag(self) -> str:
        """As yes or no."""
        return self._bind("bool", as_given)

    def _bind(self, sql_type: str, convert: Convert) -> str:
        if isinstance(self.given, Leaf):
            return self.scope.bind(self.given, sql_type, convert)
        # An enum, or several: the document or the plan's key fixes them.
        words = [one.value for one in self.given] if isinstance(self.given, list) else self.given.value
        return self.scope.statement.constant(words, sql_type)


OPERATORS: Mapping[str, Callable[[str, Operand], str]] = {
    "eq": lambda sql, operand: f"{sql} = {operand.one}",
    "ne": lambda sql, operand: f"{sql} IS DISTINCT FROM {operand.one}",
    "in": lambda sql, operand: f"{sql} = ANY({operand.many})",
    "notIn": lambda sql, operand: f"NOT coalesce({sql} = ANY({operand.many}), false)",
    "gt": lambda sql, operand: f"{sql} > {operand.one}",
    "gte": lambda sql, operand: f"{sql} >= {operand.one}",
    "lt": lambda sql, operand: f"{sql} < {operand.one}",
    "lte": lambda sql, operand: f"{sql} <= {operand.one}",
    "contains": lambda sql, operand: f"strpos(lower({sql}), lower({operand.one})) > 0",
    "startsWith": lambda sql, operand: f"starts_with(lower({sql}), lower({operand.one}))",
    "endsWith": lambda sql, operand: f"starts_with(reverse(lower({sql})), reverse(lower({operand.one})))",
    "exists": lambda sql, operand: f"({sql} IS NOT NULL) = {operand.flag}",
}


def path_of(value: Any, moment: Any) -> list[str]:
    """The steps of a path such as `plan.name`.

    Raises:
        BadInput: it is none.
    """
    steps = as_text(value, moment).split(".")
    if not all(steps) or len(steps) > 20:
        raise BadInput(f"{str(value)[:80]!r} is not a path; write it like 'plan.name'.")
    return steps


def numbers_of(type_name: str) -> Convert:
    """The numbers in global ids of a type with one number each; it raises BadInput."""

    def convert(value: Any, _moment: Any) -> list[int]:
        return [decode_id_of(type_name, str(one)) for one in (value if isinstance(value, list) else [value])]

    return convert


def as_json_list(values: Any, moment: Any) -> list[str]:
    """Several JSON values; raises what `as_json` does."""
    return [as_json(value, moment) for value in values]


def _number(operator: str) -> Callable[[str, Leaf, Scope], str]:
    return lambda sql, given, scope: (
        f"CASE WHEN jsonb_typeof({sql}) = 'number'"
        f" THEN ({sql})::numeric {operator} {scope.bind(given, 'float8', as_given)}::numeric END"
    )


def _moment(operator: str) -> Callable[[str, Leaf, Scope], str]:
    # The form is looked at first: PostgreSQL reads words such as `tomorrow` too.
    text = "{sql} #>> '{{}}'"
    is_moment = (
        "jsonb_typeof({sql}) = 'string' AND " + text + " ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}'"
        " AND pg_input_is_valid(" + text + ", 'timestamptz')"
    )
    compared = "(" + text + ")::timestamptz " + operator + " {given}"
    written = "CASE WHEN " + is_moment + " THEN " + compared + " END"
    return lambda sql, given, scope: written.format(sql=sql, given=scope.bind(given, "timestamptz", as_given))


def _text(test: str) -> Callable[[str, Leaf, Scope], str]:
    return lambda sql, given, scope: test.format(
        sql=f"lower({sql} #>> '{{}}')", given=f"lower({scope.bind(given, 'text', as_text)})"
    )


TRAIT_OPERATORS: Mapping[str, Callable[[str, Leaf, Scope], str]] = {
    "eq": lambda sql, given, scope: f"{sql} = {scope.bind(given, 'jsonb', as_json)}",
    "ne": lambda sql, given, scope: f"{sql} IS DISTINCT FROM {scope.bind(given, 'jsonb', as_json)}",
    "in": lambda sql, given, scope: f"{sql} = ANY({scope.bind(given, 'jsonb[]', as_json_list)})",
    "gt": _number(">"),
    "gte": _number(">="),
    "lt": _number("<"),
    "lte": _number("<="),
    "notIn": lambda sql, given, scope: (
        f"NOT coalesce({sql} = ANY({scope.bind(given, 'jsonb[]', as_json_list)}), false)"
    ),
    "after": _moment(">"),
    "before": _moment("<"),
    "contains": _text("strpos({sql}, {given}) > 0"),
    "startsWith": _text("starts_with({sql}, {given})"),
    "endsWith": _text("starts_with(reverse({sql}), reverse({given}))"),
    "exists": lambda sql, given, scope: f"({sql} IS NOT NULL) = {scope.bind(given, 'bool', as_given)}",
}
