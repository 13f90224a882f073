"""Reads a statement and says where it could reach across workspaces, or could not be routed to one Citus node.

The rule (docs: architecture, decision 1): each table that a statement reads has `workspace_id = $1` of its own, in the
`WHERE` or in the `ON` that filters it, also inside subqueries; equality to an outer row's workspace_id is not enough.
Rows that are inserted get `$1`, or the workspace_id of a row that was found so. Functions and what `WITH` names are no
tables; PostgreSQL's own catalogues, `schema_migrations` and `plugin_migration` belong to no workspace.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pglast import ast, parse_sql
from pglast.enums import A_Expr_Kind, BoolExprType, JoinType

WITHOUT_WORKSPACE = {"schema_migrations", "plugin_migration"}

Query = ast.SelectStmt | ast.InsertStmt | ast.UpdateStmt | ast.DeleteStmt | ast.MergeStmt


@dataclass(slots=True)
class _Sources:
    """What one FROM holds: its tables by alias, and the conditions under which each is filtered."""

    tables: dict[str, str] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)


def violations(sql: str) -> list[str]:
    """One sentence for each table or inserted row that is not held to `$1`; an empty list is a good statement."""
    return [
        sentence for statement in parse_sql(sql) for sentence in _query_or_within(statement.stmt, frozenset())
    ]


def _query_or_within(node: object, names: frozenset[str]) -> Iterator[str]:
    """Check every query at or below a node; `names` are the ones that WITH gave around it."""
    if isinstance(node, Query):
        yield from _query(node, names)
    elif isinstance(node, tuple | list):
        for item in node:
            yield from _query_or_within(item, names)
    elif isinstance(node, ast.Node):
        for attribute in node:
            yield from _query_or_within(getattr(node, attribute), names)


def _query(query: Query, names: frozenset[str]) -> Iterator[str]:
    if query.withClause is not None:
        names |= {cte.ctename for cte in query.withClause.ctes}
    match query:
        case ast.SelectStmt():
            yield from _unbound(query.fromClause, query.whereClause, names)
        case ast.InsertStmt():
            yield from _insert(query)
        case ast.UpdateStmt():
            yield from _unbound((query.relation, *(query.fromClause or ())), query.whereClause, names)
        case ast.DeleteStmt():
            yield from _unbound((query.relation, *(query.usingClause or ())), query.whereClause, names)
        case ast.MergeStmt():
            yield from _unbound((query.relation, query.sourceRelation), query.joinCondition, names)
    for attribute in query:
        yield from _query_or_within(getattr(query, attribute), names)


def _unbound(
    sources: tuple[ast.Node, ...] | None, where: ast.Node | None, names: frozenset[str]
) -> Iterator[str]:
    found = _Sources()
    for source in sources or ():
        _collect(source, names, found)
    found.bound |= _bound(where, found.tables)
    for alias in sorted(found.tables.keys() - found.bound):
        table = found.tables[alias]
        name = table if alias == table else f"{table} {alias}"
        yield f"table {name} lacks {alias}.workspace_id = $1"


def _collect(source: ast.Node | None, names: frozenset[str], found: _Sources) -> set[str]:
    """Note the tables of one item of FROM, and which of them its ON conditions bind; the answer is their aliases."""
    match source:
        case ast.RangeVar():
            if not _is_table(source, names):
                return set()
            alias = source.alias.aliasname if source.alias else source.relname
            found.tables[alias] = source.relname
            return {alias}
        case ast.JoinExpr():
            left = _collect(source.larg, names, found)
            right = _collect(source.rarg, names, found)
            match source.jointype:
                case JoinType.JOIN_INNER:
                    filtered = left | right
                case JoinType.JOIN_LEFT:
                    filtered = right
                case JoinType.JOIN_RIGHT:
                    filtered = left
                case _:
                    filtered = set()
            found.bound |= filtered & _bound(source.quals, found.tables)
            return left | right
        case _:
            # Functions are no tables, and a subquery is checked as a query of its own.
            return set()


def _is_table(source: ast.RangeVar, names: frozenset[str]) -> bool:
    if source.schemaname in {"pg_catalog", "information_schema"} or source.relname.startswith("pg_"):
        return False
    return (
        not (source.schemaname is None and source.relname in names)
        and source.relname not in WITHOUT_WORKSPACE
    )


def _bound(condition: ast.Node | None, tables: dict[str, str]) -> set[str]:
    """The aliases whose workspace_id a condition holds to `$1`, whatever else it asks."""
    match condition:
        case ast.BoolExpr(boolop=BoolExprType.AND_EXPR):
            return set().union(*(_bound(part, tables) for part in condition.args))
        case ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP) if [part.sval for part in condition.name] == ["="]:
            for column, value in ((condition.lexpr, condition.rexpr), (condition.rexpr, condition.lexpr)):
                if _is_first_parameter(value) and isinstance(column, ast.ColumnRef):
                    *qualifier, name = (getattr(part, "sval", "*") for part in column.fields)
                    if name == "workspace_id":
                        # Without a qualifier PostgreSQL takes the only table there is, or refuses.
                        return {qualifier[-1]} if qualifier else (set(tables) if len(tables) == 1 else set())
            return set()
        case _:
            return set()


def _is_first_parameter(node: ast.Node) -> bool:
    while isinstance(node, ast.TypeCast):
        node = node.arg
    return isinstance(node, ast.ParamRef) and node.number == 1


def _insert(insert: ast.InsertStmt) -> Iterator[str]:
    table = insert.relation.relname
    if table in WITHOUT_WORKSPACE:
        return
    columns = [column.name for column in insert.cols or ()]
    if "workspace_id" not in columns:
        yield f"rows inserted into {table} name no workspace_id"
        return
    position = columns.index("workspace_id")
    for value in _inserted(insert.selectStmt, position):
        if isinstance(value, ast.ResTarget):
            value = value.val  # noqa: PLW2901 - the expression behind `expression AS name`
        found_in_row = (
            isinstance(value, ast.ColumnRef) and getattr(value.fields[-1], "sval", "") == "workspace_id"
        )
        if not (_is_first_parameter(value) or found_in_row):
            yield f"rows inserted into {table} have a workspace_id other than $1"


def _inserted(select: ast.SelectStmt, position: int) -> Iterator[ast.Node]:
    """The expressions that an INSERT's source has at one position: of each row of VALUES, or of each SELECT."""
    if select.valuesLists:
        yield from (row[position] for row in select.valuesLists)
    elif select.larg is not None:
        yield from _inserted(select.larg, position)
        yield from _inserted(select.rarg, position)
    else:
        yield select.targetList[position]
