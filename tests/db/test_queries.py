"""Query files: statements by name, and no mistake in them goes unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.db.queries import load_queries, parse_queries

TEXT = """
-- What comes before the first name is a note to the reader.

-- name: find_node
-- The node of one identifier.
SELECT node_id
FROM node
-- the strongest first
WHERE workspace_id = $1;

-- name: count_nodes
-- How many there are.
SELECT count(*) FROM node WHERE workspace_id = $1
"""


def test_statements_are_found_by_name() -> None:
    """A statement is an attribute and an item, and begins with its name so that PostgreSQL's logs show it."""
    queries = parse_queries(TEXT, source="identity/store.sql")
    assert queries.count_nodes == "-- count_nodes\nSELECT count(*) FROM node WHERE workspace_id = $1"
    assert queries["find_node"] == queries.find_node
    assert queries.find_node.endswith("-- the strongest first\nWHERE workspace_id = $1")
    assert list(queries) == ["find_node", "count_nodes"]
    assert queries.purposes == {
        "find_node": "The node of one identifier.",
        "count_nodes": "How many there are.",
    }


def test_an_unknown_name_is_an_error() -> None:
    """A misspelt name says which file lacks it."""
    queries = parse_queries(TEXT, source="identity/store.sql")
    with pytest.raises(AttributeError, match="no query 'find_nodes' in identity/store.sql"):
        _ = queries.find_nodes
    with pytest.raises(KeyError, match="no query 'find_nodes' in identity/store.sql"):
        _ = queries["find_nodes"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 1", "there is no `-- name: …` line"),
        ("-- name: a\nSELECT 1", "write `-- name: …`, a comment line of purpose and a statement at 'a'"),
        ("-- name: a\n-- Purpose.\n", "at 'a'"),
        ("-- name: a b\n-- Purpose.\nSELECT 1", "at 'a b'"),
        ("-- name: a\n-- One.\nSELECT 1\n-- name: a\n-- Two.\nSELECT 2", "there are two queries 'a'"),
    ],
)
def test_a_careless_file_is_an_error(text: str, complaint: str) -> None:
    """Missing names, purposes and statements, and names used twice, are found when the file is loaded."""
    with pytest.raises(ValueError, match=f"^x.sql: .*{complaint}"):
        parse_queries(text, source="x.sql")


def test_files_are_read_from_beside_their_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package's file is found through the package, wherever that is installed."""
    (tmp_path / "some_package").mkdir()
    (tmp_path / "some_package" / "__init__.py").touch()
    (tmp_path / "some_package" / "store.sql").write_text(TEXT)
    monkeypatch.syspath_prepend(tmp_path)
    assert list(load_queries("some_package", "store.sql")) == ["find_node", "count_nodes"]
    with pytest.raises(FileNotFoundError):
        load_queries("some_package")
