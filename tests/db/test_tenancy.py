"""Every statement of the product names its workspace for each table: the second wall, and the way to Citus."""

from __future__ import annotations

from pathlib import Path

import pytest

import cdp
from cdp.db.queries import parse_queries
from tests.db.tenancy import violations

PACKAGE = Path(cdp.__file__).parent


def statements() -> list[object]:
    found = []
    for file in sorted(PACKAGE.rglob("*.sql")):
        where = file.relative_to(PACKAGE)
        if where.parts[0] != "migrations":
            queries = parse_queries(file.read_text(), source=str(where))
            found += [pytest.param(sql, id=f"{where}:{name}") for name, sql in queries.items()]
    return found


@pytest.mark.parametrize("sql", statements())
def test_every_statement_names_its_workspace_for_each_table(sql: str) -> None:
    """Each table that a query file reads or writes is held to `workspace_id = $1`."""
    assert violations(sql) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM node WHERE workspace_id = $1 AND value = $2",
        "SELECT * FROM node n JOIN event e ON e.node_id = n.node_id AND e.workspace_id = $1 WHERE n.workspace_id = $1",
        (
            "SELECT * FROM node n LEFT JOIN event e ON e.workspace_id = $1 AND e.node_id = n.node_id "
            "WHERE $1::bigint = n.workspace_id"
        ),
        "WITH n AS (SELECT * FROM node WHERE workspace_id = $1) SELECT * FROM n WHERE n.value = $2",
        (
            "SELECT (SELECT count(*) FROM event e WHERE e.workspace_id = $1 AND e.node_id = n.node_id) "
            "FROM node n WHERE n.workspace_id = $1"
        ),
        "SELECT * FROM node WHERE workspace_id = $1 UNION ALL SELECT * FROM node WHERE workspace_id = $1",
        "INSERT INTO feature (workspace_id, key, name) VALUES ($1, $2, $3)",
        (
            "INSERT INTO feature (key, workspace_id, name) SELECT k, $1, k FROM unnest($2::text[]) AS k "
            "ON CONFLICT (workspace_id, key) DO UPDATE SET name = excluded.name"
        ),
        "UPDATE node n SET profile_id = $2 FROM link l WHERE n.workspace_id = $1 AND l.workspace_id = $1",
        "DELETE FROM node WHERE workspace_id = $1 AND node_id = ANY ($2)",
        "SELECT workspace_id, waiting FROM cdp.workspaces_to_settle()",
        "SELECT version FROM schema_migrations",
    ],
)
def test_statements_that_keep_the_rule(sql: str) -> None:
    """Conditions count in WHERE and in the ON that filters the table; functions and WITH names are no tables."""
    assert violations(sql) == []


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT * FROM node", ["table node lacks node.workspace_id = $1"]),
        ("SELECT * FROM node WHERE workspace_id = $2", ["table node lacks node.workspace_id = $1"]),
        (
            "SELECT * FROM node WHERE workspace_id = $1 OR value = $2",
            ["table node lacks node.workspace_id = $1"],
        ),
        (
            "SELECT * FROM node n JOIN event e USING (workspace_id, node_id) WHERE n.workspace_id = $1",
            ["table event e lacks e.workspace_id = $1"],
        ),
        (
            (
                "SELECT * FROM node n WHERE n.workspace_id = $1 AND EXISTS "
                "(SELECT FROM link l WHERE l.workspace_id = n.workspace_id)"
            ),
            ["table link l lacks l.workspace_id = $1"],
        ),
        (
            "SELECT * FROM node n LEFT JOIN event e ON e.workspace_id = $1 AND n.workspace_id = $1",
            ["table node n lacks n.workspace_id = $1"],
        ),
        (
            "WITH moved AS (UPDATE node SET profile_id = 1 RETURNING *) SELECT * FROM moved",
            ["table node lacks node.workspace_id = $1"],
        ),
        ("DELETE FROM node WHERE node_id = $1", ["table node lacks node.workspace_id = $1"]),
        ("INSERT INTO feature (key) VALUES ($1)", ["rows inserted into feature name no workspace_id"]),
        (
            "INSERT INTO feature (workspace_id, key) VALUES ($1, 'a'), ($2, 'b')",
            ["rows inserted into feature have a workspace_id other than $1"],
        ),
        (
            "INSERT INTO feature (workspace_id, key) SELECT w, 'a' FROM unnest($1::bigint[]) AS w",
            ["rows inserted into feature have a workspace_id other than $1"],
        ),
    ],
)
def test_statements_that_break_the_rule(sql: str, found: list[str]) -> None:
    """A table without its own condition is found, wherever in the statement it hides."""
    assert violations(sql) == found
