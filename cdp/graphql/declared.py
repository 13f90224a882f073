"""What the fields of a type declare, for filters and orders: they compare with the very SQL that the fields show."""

from __future__ import annotations

from typing import Any

from strawberry.types.field import StrawberryField

from cdp.plan.fields import DECLARED, Column, Declaration, Rows, Tallied
from cdp.plan.filters import compares, related
from cdp.plan.statement import Convert


def like(type_: type, name: str, sql_type: str = "text", convert: Convert | None = None) -> Any:
    """Operators on the scalar that a type's field shows, for whoever may see it."""
    column = _declared(type_, name)
    assert isinstance(column, Column)
    return compares(
        column.sql,
        sql_type=sql_type,
        convert=convert,
        labels=column.labels,
        description=described(type_, name),
    )


def like_rows(type_: type, name: str) -> Any:
    """`some`, `every`, `none` of the list that a type's field shows, for whoever may see it."""
    listed = _declared(type_, name)
    assert isinstance(listed, (Rows, Tallied))
    where = "true" if listed.unless is None else f"NOT ({listed.unless})"
    return related(listed.source, where, labels=listed.labels, description=described(type_, name))


def sql_of(type_: type, name: str) -> str:
    """The SQL of a type's scalar."""
    column = _declared(type_, name)
    assert isinstance(column, Column)
    return column.sql


def source_of(type_: type, name: str) -> str:
    """The FROM clause of a type's list."""
    listed = _declared(type_, name)
    assert isinstance(listed, (Rows, Tallied))
    return listed.source


def described(type_: type, name: str) -> str:
    """The description of a type's field."""
    return str(_field(type_, name).description)


def declared_by(type_: type, name: str) -> Declaration:
    """What a type's field declares, for a field of another type that shows the same."""
    return _declared(type_, name)


def _declared(type_: type, name: str) -> Declaration:
    found: Declaration = _field(type_, name).metadata[DECLARED]
    return found


def _field(type_: type, name: str) -> StrawberryField:
    fields: list[StrawberryField] = type_.__strawberry_definition__.fields  # type: ignore[attr-defined]
    return next(field for field in fields if field.python_name == name)
