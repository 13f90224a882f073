"""What a statement reads: every column of every table, wherever it stands, with what it tells.

Names are followed as PostgreSQL follows them: aliases, subqueries, what `SELECT p.*` hands on, rows around a subquery.
Whether something is shown, compared, sorted or counted makes no difference; what a subquery selects counts as far as
somebody asks for it. The parser's answer is read as JSON, since thousands of statements are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec
from pglast.parser import parse_sql_json

from cdp.plan.labels import BOTH, NONE, Labels
from tests.security.columns import COLUMNS, FEEDS, FUNCTIONS, ROWS

Tree: TypeAlias = dict[str, Any]

COLUMN_LABELS: Mapping[str, Mapping[str, Labels]] = {
    table: {name: labels for labels, names in columns.items() for name in names.split()}
    for table, columns in COLUMNS.items()
}


@dataclass(frozen=True, slots=True)
class Read:
    """One column that is read, or `table.*` for a row that tells something by being there."""

    what: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class _Query:
    """A subquery in a FROM; what it selects is read only as far as somebody asks for it."""

    select: Tree
    around: _Levels


@dataclass(slots=True)
class _Level:
    """The tables and subqueries that a SELECT names in its FROM."""

    tables: dict[str, str] = field(default_factory=dict)
    queries: dict[str, _Query] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)


_Levels: TypeAlias = tuple[_Level, ...]
"""The innermost last."""


@lru_cache(maxsize=4_000)
def read_by(sql: str) -> frozenset[Read]:
    """Everything that a statement reads.

    Raises:
        AssertionError: a table, a column or a function of which nobody has said what it tells.
    """
    tree = msgspec.json.decode(parse_sql_json(sql))
    return frozenset(
        read for statement in tree["stmts"] for read in _query(statement["stmt"]["SelectStmt"], ())
    )


def _query(query: Tree, around: _Levels, *, in_from: bool = False) -> Iterator[Read]:
    assert "withClause" not in query, "statements of the planner have no WITH"
    if "larg" in query:
        kept = in_from and query.get("all", False)
        yield from _query(query["larg"], around, in_from=kept)
        yield from _query(query["rarg"], around, in_from=kept)
        return
    levels = _levels(query, around)
    yield from _rows(levels[-1], _conjuncts(query))
    for part, value in query.items():
        if part != "targetList" or not in_from or "distinctClause" in query:
            yield from _within(value, levels)
    for one in levels[-1].queries.values():
        yield from _query(one.select, one.around, in_from=True)


def _levels(query: Tree, around: _Levels) -> _Levels:
    level = _Level()
    for source in query.get("fromClause", ()):
        _name(source, level, (*around, level))
    return (*around, level)


def _name(source: Tree, level: _Level, levels: _Levels) -> None:
    ((kind, value),) = source.items()
    alias = value.get("alias", {}).get("aliasname")
    match kind:
        case "RangeVar":
            table = value["relname"]
            assert table in COLUMN_LABELS, f"say in tests/security/columns.py what {table} tells"
            level.tables[alias or table] = table
        case "JoinExpr":
            _name(value["larg"], level, levels)
            _name(value["rarg"], level, levels)
        case "RangeSubselect":
            level.queries[alias] = _Query(value["subquery"]["SelectStmt"], levels)
        case "RangeFunction":
            if alias is not None:
                level.others.add(alias)
        case _:
            raise AssertionError(source)


def _within(node: object, levels: _Levels) -> Iterator[Read]:
    ahead = [node]
    while ahead:
        one = ahead.pop()
        if type(one) is list:
            ahead += one
        elif type(one) is dict:
            for kind, value in one.items():
                if kind == "ColumnRef":
                    yield from _column(_words(value), levels)
                elif kind == "SelectStmt":
                    yield from _query(value, levels)
                elif kind == "FuncCall":
                    yield from _function(value)
                    ahead.append(value.get("args"))
                    ahead += (value.get("agg_order"), value.get("agg_filter"), value.get("over"))
                elif kind != "RangeSubselect" and type(value) in {dict, list}:  # for that, see _query
                    ahead.append(value)


def _function(call: Tree) -> Iterator[Read]:
    schema, *name = (part["String"]["sval"] for part in call["funcname"])
    if schema == "cdp":
        assert name[0] in FUNCTIONS, f"say in tests/security/columns.py what cdp.{name[0]} tells"
        yield Read(f"cdp.{name[0]}", FUNCTIONS[name[0]])


def _words(column: Tree) -> list[str]:
    return [part["String"]["sval"] if "String" in part else "*" for part in column["fields"]]


def _column(words: list[str], levels: _Levels) -> Iterator[Read]:
    if words[-1] == "*":
        return  # hands a row on; what is used of it is followed where it is used
    if len(words) == 1:
        yield from _unqualified(words[0], levels)
        return
    alias, column = words
    for level in reversed(levels):
        if alias in level.tables:
            yield _of(level.tables[alias], column)
            return
        if alias in level.queries:
            query = level.queries[alias]
            yield from _selected(query.select, column, query.around)
            return
        if alias in level.others:
            return
    raise AssertionError(f"{alias}.{column} is of nothing")


def _unqualified(name: str, levels: _Levels) -> Iterator[Read]:
    for level in reversed(levels):
        for alias, table in level.tables.items():
            if name in COLUMN_LABELS[table]:
                yield _of(table, name)
            elif name == alias:  # the whole row
                for column in COLUMN_LABELS[table]:
                    yield _of(table, column)


def _of(table: str, column: str) -> Read:
    labels = COLUMN_LABELS[table].get(column)
    assert labels is not None, f"say in tests/security/columns.py what {table}.{column} tells"
    return Read(f"{table}.{column}", labels)


def _selected(query: Tree, column: str, around: _Levels) -> Iterator[Read]:
    """What a column of a subquery is made of."""
    if "larg" in query:
        place = _place(query, column)
        for arm in (query["larg"], query["rarg"]):
            yield from _selected(arm, column if place is None else _name_at(arm, place), around)
        return
    levels = _levels(query, around)
    for target in _targets(query):
        if _is_star(target):
            yield from _through_star(_words(target["val"]["ColumnRef"]), column, levels[-1])
        elif _output(target) == column:
            yield from _within(target["val"], levels)


def _through_star(words: list[str], column: str, level: _Level) -> Iterator[Read]:
    for alias in words[:1] if len(words) == 2 else [*level.tables, *level.queries]:
        if alias in level.tables and column in COLUMN_LABELS[level.tables[alias]]:
            yield _of(level.tables[alias], column)
        elif alias in level.queries:
            yield from _selected(level.queries[alias].select, column, level.queries[alias].around)


def _targets(query: Tree) -> list[Tree]:
    return [target["ResTarget"] for target in query.get("targetList", ())]


def _is_star(target: Tree) -> bool:
    return "ColumnRef" in target["val"] and _words(target["val"]["ColumnRef"])[-1] == "*"


def _output(target: Tree) -> str | None:
    if "name" in target:
        return str(target["name"])
    return _words(target["val"]["ColumnRef"])[-1] if "ColumnRef" in target["val"] else None


def _first_arm(query: Tree) -> Tree:
    while "larg" in query:
        query = query["larg"]
    return query


def _place(query: Tree, column: str) -> int | None:
    """Where the first arm of a union has a column; None: it comes through a `*`."""
    names = [None if _is_star(target) else _output(target) for target in _targets(_first_arm(query))]
    return names.index(column) if column in names else None


def _name_at(query: Tree, place: int) -> str:
    """What an arm of a union calls the column at a place; it is given a name that nothing else has."""
    target = _targets(_first_arm(query))[place]
    return _output(target) or str(target.setdefault("name", f"?{place}"))


# ── rows that tell something by being there ──────────────────────────────────────────────────────────────────────────


def _rows(level: _Level, conjuncts: list[Tree]) -> Iterator[Read]:
    for alias, table in level.tables.items():
        if table in ROWS:
            column, meanings = ROWS[table]
            said = _said(conjuncts, [alias, column])
            labels = BOTH if said is None else NONE.union(*(meanings.get(one, BOTH) for one in said))
            yield Read(f"{table}.*", labels)
        for column, labels in FEEDS.get(table, {}).items():
            if not any(_denies(one, [alias, column]) for one in conjuncts):
                yield Read(f"{table}.*", labels)


def _conjuncts(query: Tree) -> list[Tree]:
    conditions = [query.get("whereClause"), *_quals(query.get("fromClause", ()))]
    return [one for condition in conditions if condition is not None for one in _and(condition)]


def _quals(sources: Iterable[Tree]) -> Iterator[Tree | None]:
    for source in sources:
        if "JoinExpr" in source:
            join = source["JoinExpr"]
            yield join.get("quals")
            yield from _quals((join["larg"], join["rarg"]))


def _and(condition: Tree) -> Iterator[Tree]:
    if condition.get("BoolExpr", {}).get("boolop") == "AND_EXPR":
        for one in condition["BoolExpr"]["args"]:
            yield from _and(one)
    else:
        yield condition


def _said(conjuncts: list[Tree], column: list[str]) -> set[str] | None:
    """The words that a column is held to; None: any."""
    for one in conjuncts:
        expression = one.get("A_Expr", {})
        if not _is(expression.get("lexpr", {}), column) or expression["name"][0]["String"]["sval"] != "=":
            continue
        right = expression["rexpr"]
        if expression["kind"] == "AEXPR_OP" and "A_Const" in right:
            return {right["A_Const"]["sval"]["sval"]}
        if expression["kind"] == "AEXPR_IN":
            return {value["A_Const"]["sval"]["sval"] for value in right["List"]["items"]}
    return None


def _denies(condition: Tree, column: list[str]) -> bool:
    expression = condition.get("BoolExpr", {})
    return expression.get("boolop") == "NOT_EXPR" and _is(expression["args"][0], column)


def _is(node: Tree, column: list[str]) -> bool:
    return "ColumnRef" in node and _words(node["ColumnRef"]) == column
