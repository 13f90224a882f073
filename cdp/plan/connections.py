"""Connections: the parts of a page (`nodes`, `edges`, `pageInfo`, `totalCount`) as one expression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from graphql import FieldNode, GraphQLObjectType, get_named_type
from msgspec import Struct

from cdp.plan.entities import Entity
from cdp.plan.pages import LARGEST_SIZE, Page, cursor_of
from cdp.plan.statement import Scope

if TYPE_CHECKING:
    from cdp.plan.compiler import Compiler

Pairs: TypeAlias = list[tuple[str, str]]
"""Key and value of a JSON object, as SQL."""

_RANK = '"$rank"'

MOST_COUNTED = 10_000
"""A list that is longer is not counted to its end."""


def json_object(pairs: Sequence[tuple[str, str]]) -> str:
    """A JSON object; the SQL/JSON constructor takes any number of pairs, json_build_object only fifty.

    Without RETURNING it would become jsonb, which sorts its keys, as soon as one value is jsonb.
    """
    return f"JSON_OBJECT({', '.join(f'({key}) VALUE {value}' for key, value in pairs)} RETURNING json)"


class ConnectionParts(Struct, frozen=True, kw_only=True):
    """One connection of the document."""

    compiler: Compiler
    entity: Entity
    page: Page
    sources: Sequence[str]
    """FROM clauses and conditions without those of the page; each row comes from one of them."""
    each: str | None = None
    """Where the entity's rows come in several runs, each in the page's order: what yields the runs, as FROM clause."""
    scope: Scope

    def write(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> str:
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
        content = json_object(pairs)
        if names <= {"__typename", "totalCount", "totalCountIsEstimated"}:
            return content
        # HAVING makes it one row even where nothing that is selected is an aggregate: `pageInfo { hasPreviousPage }`.
        return f"(SELECT {content} FROM {self._rows(ranked=looks_ahead)} HAVING true)"

    def _part(
        self,
        name: str,
        type_: GraphQLObjectType,
        nodes: Sequence[FieldNode],
        path: tuple[str, ...],
        *,
        ranked: bool,
    ) -> str:
        if name == "__typename":
            return f"'{type_.name}'::text"
        if name == "totalCount":
            return f"(SELECT least(count(*), {MOST_COUNTED})::int4 FROM {self._counted()})"
        if name == "totalCountIsEstimated":
            return f"(SELECT count(*) > {MOST_COUNTED} FROM {self._counted()})"
        inner = get_named_type(type_.fields[name].type)
        assert isinstance(inner, GraphQLObjectType)
        match name:
            case "nodes":
                return self._list(
                    self.compiler.object_json(inner, nodes, self.scope.inner({}, path)), ranked=ranked
                )
            case "edges":
                return self._list(self._edge(inner, nodes, path), ranked=ranked)
            case _:
                return self._page_info(inner, nodes)

    def _counted(self) -> str:
        """The rows that a count looks at: a bounded number of them."""
        each = f"{self.each} CROSS JOIN " if self.each is not None else ""
        found = " UNION ALL ".join(f"SELECT FROM {each}{source}" for source in self.sources)
        return f"({found} LIMIT {MOST_COUNTED + 1}) counted"

    def _list(self, content: str, *, ranked: bool) -> str:
        # Rows arrive in the order that they were read in; backwards, that is from the end.
        order = f" ORDER BY {_RANK} DESC" if self.page.backwards else ""
        kept = f" FILTER (WHERE {_RANK} <= {self.page.size})" if ranked else ""
        return f"coalesce(json_agg({content}{order}){kept}, '[]')"

    def _edge(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode], path: tuple[str, ...]) -> str:
        pairs = self.compiler.opening(type_)
        for key, field_nodes in self.compiler.selected(type_, nodes).items():
            name = field_nodes[0].name.value
            match name:
                case "__typename":
                    value = f"'{type_.name}'::text"
                case "cursor":
                    value = cursor_of(self.page)
                case _:
                    node_type = get_named_type(type_.fields[name].type)
                    assert isinstance(node_type, GraphQLObjectType)
                    value = self.compiler.object_json(
                        node_type, field_nodes, self.scope.inner({}, (*path, key))
                    )
            pairs.append((self.compiler.key(key, name), value))
        return json_object(pairs)

    def _page_info(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> str:
        more = f"count(*) > {self.page.size}"
        kept = f"FILTER (WHERE {_RANK} <= {self.page.size})"
        cursors = f"(array_agg({cursor_of(self.page)}) {kept})"
        ends = [f"{cursors}[1]", f"{cursors}[least(count(*), {self.page.size})]"]
        if self.page.backwards:
            ends.reverse()
        values: Mapping[str, str] = {
            "__typename": f"'{type_.name}'::text",
            "hasNextPage": _literal(self.page.before) if self.page.backwards else more,
            "hasPreviousPage": more if self.page.backwards else _literal(self.page.after),
            "startCursor": ends[0],
            "endCursor": ends[1],
        }
        pairs = self.compiler.opening(type_)
        for key, field_nodes in self.compiler.selected(type_, nodes).items():
            name = field_nodes[0].name.value
            pairs.append((self.compiler.key(key, name), values[name]))
        return json_object(pairs)

    def _rows(self, *, ranked: bool) -> str:
        alias = self.entity.alias
        size = f"{self.page.size} + 1" if ranked else self.page.size
        bounds = "".join(f" AND {bound}" for bound in self.page.bounds)
        ordered = f"ORDER BY {self.page.ordering()} LIMIT"
        # The planner cannot see how small a page is that is bound; the constant tells it that all of them are.
        runs = [
            f"(SELECT {alias}.* FROM {source}{bounds} {ordered} {LARGEST_SIZE + 1}) {alias}"
            for source in self.sources
        ]
        if self.each is None and len(runs) == 1:
            read = f"(SELECT {alias}.* FROM {runs[0]} LIMIT {size}) {alias}"
        else:
            each = f"{self.each} CROSS JOIN LATERAL " if self.each is not None else ""
            merged = " UNION ALL ".join(f"SELECT {alias}.* FROM {each}{run}" for run in runs)
            read = f"(SELECT {alias}.* FROM ({merged}) {alias} {ordered} {size}) {alias}"
        if not ranked and not self.page.backwards:
            return read
        rank = f"row_number() OVER () AS {_RANK}"
        return f"(SELECT {alias}.*, {rank} FROM {read}) {alias}"


def _literal(value: bool) -> str:
    return "true" if value else "false"
