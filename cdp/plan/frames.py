"""What the fields of one row share: worked out once for the row, however many of them are selected.

While an object is written, a field that needs such a value gets a mark in its place. When the object is complete, the
values that were asked for more than once are computed beside the row and the others where they were asked for; and the
lists that are sums of tallies, whatever their kinds, are read from the summaries in one go.
"""

from __future__ import annotations

import re
from collections import Counter

from msgspec import Struct

_MARK = re.compile(r"«(\d+):(\d+)»")

TOTALS = (
    "SELECT t.kind, t.key, sum(t.count) AS count, min(t.first_at) AS first_at, max(t.last_at) AS last_at,"
    " sum(t.units) AS units FROM {source} AND t.kind IN ({kinds}){unless} GROUP BY t.kind, t.key"
)
"""The tallies of a view by kind and key, over all identity nodes that it is made of."""


class Shared(Struct, frozen=True):
    """What a name stands for when several fields of a row are likely to need it."""

    sql: str


class _List(Struct, frozen=True):
    """A list that is made of tallies of one kind."""

    kind: str
    sql: str
    unless: str


class Frame:
    """The place of one row in a statement.

    Args:
        number: of this frame within the statement.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._values: list[str] = []
        self._lists: dict[str, list[_List]] = {}

    def value(self, sql: str) -> str:
        """A mark in place of this expression, which may be shared."""
        sql = f"({sql})"
        if sql not in self._values:
            self._values.append(sql)
        return f"«{self._number}:{self._values.index(sql)}»"

    def tallied(self, source: str, kind: str, sql: str, *, unless: str) -> str:
        """The value of `sql`, an aggregate over those rows `s` of TOTALS that are of one kind.

        Args:
            source: FROM clause of the tallies, with a condition.
            kind: literal of the kind.
            sql: the aggregate, with its FILTER.
            unless: condition on the row under which there are none.
        """
        lists = self._lists.setdefault(source, [])
        lists.append(_List(kind, sql, unless))
        return f"t{self._number}_{list(self._lists).index(source)}.v{len(lists) - 1}"

    def close(self, content: str) -> str:
        """The finished expression of the row's content."""
        tallies = [self._tallies(place, source) for place, source in enumerate(self._lists)]
        counted = Counter(
            int(value)
            for text in (content, *tallies)
            for number, value in _MARK.findall(text)
            if int(number) == self._number
        )
        kept = [place for place, times in sorted(counted.items()) if times > 1]
        beside = [self._unmarked(text, kept) for text in tallies]
        if kept:
            values = ", ".join(f"{self._values[place]} AS v{place}" for place in kept)
            # OFFSET 0 keeps PostgreSQL from computing them at each place after all.
            beside.insert(0, f"(SELECT {values} OFFSET 0) s{self._number}")
        content = self._unmarked(content, kept)
        return f"(SELECT {content} FROM {' CROSS JOIN LATERAL '.join(beside)})" if beside else content

    def _tallies(self, place: int, source: str) -> str:
        lists = self._lists[source]
        values = ", ".join(f"{one.sql} AS v{number}" for number, one in enumerate(lists))
        kinds = ", ".join(dict.fromkeys(one.kind for one in lists))
        # Where none of the lists can have an item, PostgreSQL does not look.
        nothing = " AND ".join(dict.fromkeys(f"({one.unless})" for one in lists))
        totals = TOTALS.format(source=source, kinds=kinds, unless=f" AND NOT ({nothing})")
        return f"(SELECT {values} FROM ({totals}) s) t{self._number}_{place}"

    def _unmarked(self, text: str, kept: list[int]) -> str:
        def replace(match: re.Match[str]) -> str:
            number, place = int(match[1]), int(match[2])
            if number != self._number:
                return match[0]
            return f"s{number}.v{place}" if place in kept else self._values[place]

        return _MARK.sub(replace, text)
