"""Entities: the types that have rows and ids of their own, and how lists of them are found, sorted and searched."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

from cdp.access.scopes import Scope
from cdp.plan.labels import NONE, Label, Labels


class SortKey(Struct, frozen=True, kw_only=True):
    """What a list may be sorted by. Missing values count as the lowest."""

    sql: str
    sql_type: str
    nullable: bool = False
    labels: Labels = NONE

    @property
    def ordered(self) -> str:
        """What is sorted by: never null, so that a page begins at one place of an index; a text's lowest is ''."""
        return self.or_lowest(self.sql)

    def or_lowest(self, sql: str) -> str:
        """A value of this key, with the lowest one in place of a missing one."""
        # Not coalesce: row-level security does not count it among what tells nothing, and keeps it from indexes.
        lowest = _LOWEST.get(self.sql_type)
        return f"CASE WHEN {sql} IS NULL THEN {lowest} ELSE {sql} END" if self.nullable else sql


_LOWEST = {"timestamptz": "'-infinity'::timestamptz", "text": "''", "jsonb": "'null'::jsonb"}


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
    """Order where the reader gives none: key and whether descending."""
    search: str | None = None
    """Text in lower case that `search` looks in."""
    finder: str | None = None
    """Array of the keys of all rows in whose text the words `{words}` are, from an index; null where they are many."""
    search_labels: Labels = NONE

    def seen_by(self, scopes: frozenset[Scope]) -> str:
        """Which rows there are for a caller with these scopes."""
        return " AND ".join(
            [self.visible, *(sql for label, sql in self.hidden.items() if label.scope not in scopes)]
        )

    @property
    def names(self) -> dict[str, str]:
        """What declarations below may call it."""
        return {"row": self.alias}
