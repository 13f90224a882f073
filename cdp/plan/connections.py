"""Connections: the parts of a page (`nodes`, `edges`, `pageInfo`, `totalCount`) as one expression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from graphql import FieldNode, GraphQLObjectType, get_named_type
from msgspec import Struct

from cdp.plan.entities import Entity
from cdp.plan.frames import Shared
from cdp.plan.pages import LARGEST_SIZE, Page, cursor_of
from cdp.plan.statement import Scope
from cdp.plan.writing import Json, fixed, list_of, object_of, or_null, text_of

if TYPE_CHECKING:
    from cdp.plan.compiler import Compiler

_RANK = '"$rank"'
_COUNT = '"$count"'

MOST_COUNTED = 10_000
"""A list that is longer is not counted to its end."""


class ConnectionParts(Struct, frozen=True, kw_only=True):
    """One connection of the document."""

    compiler: Compiler
    entity: Entity
    page: Page
    sources: Sequence[str]
    """FROM clauses and conditions without those of the page; each row comes from one of them."""
    each: str | None = None
    """Where the entity's rows come in several runs, each in the page's order: what yields the runs, as FROM clause."""
    shared: Mapping[str, Shared]
    """What fields of a row share."""
    scope: Scope

    def write(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Json:
        """The connection's JSON."""
        selected = self.compiler.selected(type_, nodes)
        names = {field_nodes[0].name.value for field_nodes in selected.values()}
        looks_ahead = "pageInfo" in names
        pairs = self.compiler.opening(type_)
        for key, field_nodes in selected.items():
            name = field_nodes[0].name.value
            path = (*self.scope.path, key)
            pairs.append(
                (self.compiler.key(key, name), self._part(name, type_, field_nodes, path, ranked=looks_ahead))
            )
        content = object_of(pairs)
        if names <= {"__typename", "totalCount", "totalCountIsEstimated"}:
            return content
        # HAVING makes it one row even where nothing that is selected is an aggregate: `pageInfo { hasPreviousPage }`.
        return (f"(SELECT {text_of(content)} FROM {self._rows(ranked=looks_ahead)} HAVING true)",)

    def _part(
        self,
        name: str,
        type_: GraphQLObjectType,
        nodes: Sequence[FieldNode],
        path: tuple[str, ...],
        *,
        ranked: bool,
    ) -> Json:
        if name == "__typename":
            return fixed(f'"{type_.name}"')
        if name == "totalCount":
            return (f"(SELECT least(count(*), {MOST_COUNTED})::text FROM {self._counted()})",)
        if name == "totalCountIsEstimated":
            return (f"(SELECT (count(*) > {MOST_COUNTED})::text FROM {self._counted()})",)
        inner = get_named_type(type_.fields[name].type)
        assert isinstance(inner, GraphQLObjectType)
        match name:
            case "nodes":
                return self._list(self._node(inner, nodes, path), ranked=ranked)
            case "edges":
                return self._list(self._edge(inner, nodes, path), ranked=ranked)
            case _:
                return self._page_info(inner, nodes)

    def _counted(self) -> str:
        """The rows that a count looks at: a bounded number of them."""
        each = f"{self.each} CROSS JOIN " if self.each is not None else ""
        found = " UNION ALL ".join(f"SELECT FROM {each}{source}" for source in self.sources)
        return f"({found} LIMIT {MOST_COUNTED + 1}) counted"

    def _node(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode], path: tuple[str, ...]) -> str:
        scope = self.scope.inner(self.shared, path, frame=self.scope.statement.frame())
        return self.compiler.row_object(type_, nodes, scope)

    def _list(self, content: str, *, ranked: bool) -> Json:
        # Rows arrive in the order that they were read in; backwards, that is from the end.
        order = f" ORDER BY {_RANK} DESC" if self.page.backwards else ""
        kept = f" FILTER (WHERE {_RANK} <= {self.page.size})" if ranked else ""
        return list_of(f"string_agg({content}, ','{order}){kept}")

    def _edge(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode], path: tuple[str, ...]) -> str:
        pairs = self.compiler.opening(type_)
        for key, field_nodes in self.compiler.selected(type_, nodes).items():
            name = field_nodes[0].name.value
            match name:
                case "__typename":
                    value = fixed(f'"{type_.name}"')
                case "cursor":
                    value = (_quoted(cursor_of(self.page)),)
                case _:
                    node_type = get_named_type(type_.fields[name].type)
                    assert isinstance(node_type, GraphQLObjectType)
                    value = (self._node(node_type, field_nodes, (*path, key)),)
            pairs.append((self.compiler.key(key, name), value))
        return text_of(object_of(pairs))

    def _page_info(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Json:
        more = (f"(count(*) > {self.page.size})::text",)
        # The filter comes first: a cursor is made for one row alone.
        cursor = f"min({_quoted(cursor_of(self.page))})"
        ends = [
            or_null(f"{cursor} FILTER (WHERE {_RANK} = {place})")
            for place in (f"least(1, {self.page.size})", f"least({_COUNT}, {self.page.size})")
        ]
        if self.page.backwards:
            ends.reverse()
        values: Mapping[str, Json] = {
            "__typename": fixed(f'"{type_.name}"'),
            "hasNextPage": _literal(self.page.before) if self.page.backwards else more,
            "hasPreviousPage": more if self.page.backwards else _literal(self.page.after),
            "startCursor": ends[0],
            "endCursor": ends[1],
        }
        pairs = self.compiler.opening(type_)
        for key, field_nodes in self.compiler.selected(type_, nodes).items():
            name = field_nodes[0].name.value
            pairs.append((self.compiler.key(key, name), values[name]))
        return object_of(pairs)

    def _rows(self, *, ranked: bool) -> str:
        alias = self.entity.alias
        size = f"{self.page.size} + 1" if ranked else self.page.size
        bounds = "".join(f" AND {bound}" for bound in self.page.bounds)
        ordered = f"ORDER BY {self.page.ordering()} LIMIT"
        # The planner cannot see how small a page is that is bound; the constant tells it that all of them are.
        runs = [
            f"(SELECT {alias}.* FROM (SELECT {alias}.* FROM {source}{bounds} {ordered} {LARGEST_SIZE + 1}) {alias}"
            f" LIMIT {size}) {alias}"
            for source in self.sources
        ]
        if self.each is None and len(runs) == 1:
            (read,) = runs
        else:
            each = f"{self.each} CROSS JOIN LATERAL " if self.each is not None else ""
            merged = " UNION ALL ".join(f"SELECT {alias}.* FROM {each}{run}" for run in runs)
            read = f"(SELECT {alias}.* FROM ({merged}) {alias} {ordered} {size}) {alias}"
        if not ranked and not self.page.backwards:
            return read
        places = f"row_number() OVER () AS {_RANK}, count(*) OVER () AS {_COUNT}"
        return f"(SELECT {alias}.*, {places} FROM {read}) {alias}"


def _literal(value: bool) -> Json:
    return fixed("true" if value else "false")


def _quoted(sql: str) -> str:
    return f"""'"' || {sql} || '"'"""
