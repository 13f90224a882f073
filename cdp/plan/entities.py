"""Entities: the types that have rows and ids of their own, and how lists of them are found, sorted and searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from cdp.access.scopes import Scopes
from cdp.plan.frames import Shared
from cdp.plan.labels import NONE, Label, Labels, lacking

if TYPE_CHECKING:
    from cdp.plan.statement import Convert


class Of(Struct, frozen=True, kw_only=True):
    """What a sort key is of, where a client names that: a trait, a currency, a signal, …; `{of}` in the key's SQL."""

    what: str
    """In words, for errors."""
    sql_type: str
    convert: Convert


class SortKey(Struct, frozen=True, kw_only=True):
    """What a list may be sorted by. Missing values count as the lowest."""

    sql: str
    sql_type: str
    nullable: bool = False
    labels: Labels = NONE
    redacted: str | None = None
    """What those are sorted by who lack a label; None: they may not sort by it."""
    redacted_of: Of | None = None
    """What that is of."""
    names: Mapping[str, str | Callable[[], str]] = {}
    """What `{names}` in its SQL stand for."""
    of: Of | None = None
    indexed: bool = False
    """Whether an index holds `ordered`; row-level security keeps `coalesce` from indexes, which is quicker else."""
    name: str = ""
    """Names it in cursors; the SQL as it is declared, if none is given."""

    @property
    def ordered(self) -> str:
        """What is sorted by: never null, so that a page begins at one place of an index; a text's lowest is ''."""
        return self.or_lowest(self.sql)

    def or_lowest(self, sql: str) -> str:
        """A value of this key, with the lowest one in place of a missing one."""
        if not self.nullable:
            return sql
        lowest = _LOWEST[self.sql_type]
        if self.indexed:
            return f"CASE WHEN {sql} IS NULL THEN {lowest} ELSE {sql} END"
        return f"coalesce({sql}, {lowest})"

    def resolved(self, sql: str) -> SortKey:
        """The same with its `{names}` replaced."""
        return replace(self, sql=sql, name=self.name or self.sql)


_LOWEST = {
    "float8": "'-Infinity'::float8",
    "int4": "(-2147483648)::int4",
    "int8": "(-9223372036854775808)::int8",
    "numeric": "'-Infinity'::numeric",
    "text": "''",
    "timestamptz": "'-infinity'::timestamptz",
}


class Entity(Struct, frozen=True, kw_only=True):
    """One type with rows of its own."""

    type_name: str
    """Of the GraphQL type, and the first part of its global ids."""
    alias: str
    """What its row goes by in every declaration."""
    source: str
    """FROM clause that yields the row under its alias."""
    key: tuple[SortKey, ...]
    """Primary key without the workspace; the last resort of every order, and the numbers of the global id."""
    visible: str
    """Which rows there are: the workspace's, and not those that went into others."""
    hidden: Mapping[Label, str] = {}
    """Which rows those still see who lack a label; rows beyond that do not exist for them."""
    by_id: str
    """Condition that finds the row of a global id, whose numbers are `{key_0}`, `{key_1}`, …"""
    sorts: Mapping[Enum, SortKey] = {}
    order: tuple[tuple[SortKey, bool], ...] = ()
    """Order where the reader gives none: key and whether descending. Who may not see the key gets that of ids."""
    search: str | None = None
    """Text in lower case that `search` looks in."""
    finder: str | None = None
    """Array of the keys of all rows in whose text the words `{words}` are, from an index; null where they are many."""
    search_labels: Labels = NONE
    search_redacted: str | None = None
    """The text for those who lack one of these; None: they may not search."""
    trait_finder: str | None = None
    """Likewise, of rows that may have the trait `{trait}` in one of the JSON values `{values}`."""

    shared: Mapping[str, Shared] = {}
    """What fields of a row share, by the names that declarations call it."""

    def seen_by(self, scopes: Scopes) -> str:
        """Which rows there are for a caller with these scopes."""
        return " AND ".join(
            [self.visible, *(sql for label, sql in self.hidden.items() if label.scope not in scopes)]
        )

    def usual_order(self, scopes: Scopes) -> list[tuple[SortKey, bool]]:
        """Order where a caller with these scopes gives none; empty: that of ids. It tells nothing that is hidden."""
        return [(key, descending) for key, descending in self.order if lacking(key.labels, scopes) is None]

    @property
    def names(self) -> dict[str, Any]:
        """What declarations below may call it."""
        return {"row": self.alias}
