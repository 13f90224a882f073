"""Rows of two workspaces in every table, whatever its columns: nothing is left out because nobody thought of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import asyncpg

from cdp.model import WorkspaceId

OURS, THEIRS = "sparrow", "canary"
"""What the texts of either workspace say."""

OF_CODE = {"plugin", ("schedule", "name"), ("refused_event", "code"), ("role_resolution", "fingerprint")}
"""Columns that name parts of programs, which workers ask for across workspaces."""

_TABLES = """
SELECT c.relname AS name, array_agg(a.attname ORDER BY a.attnum) AS columns,
       array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum) AS types,
       array_agg(t.typtype::text ORDER BY a.attnum) AS kinds,
       array_agg(CASE WHEN t.typtype = 'e' THEN (SELECT min(e.enumlabel::text) FROM pg_enum e WHERE e.enumtypid = t.oid)
                 END ORDER BY a.attnum) AS labels
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND EXISTS (SELECT FROM pg_attribute w WHERE w.attrelid = c.oid AND w.attname = 'workspace_id')
GROUP BY c.relname ORDER BY c.relname
"""

_CHECKS = """
SELECT conrelid::regclass::text AS table, conname AS name FROM pg_constraint
WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND coninhcount = 0
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a row of either workspace."""

    name: str
    columns: tuple[str, ...]
    texts: tuple[str, ...]
    """Columns of type text."""
    ours: str
    """The row, as JSON."""
    theirs: str


async def plant(superuser: asyncpg.Connection, ours: WorkspaceId, theirs: WorkspaceId) -> list[Table]:
    """Put a row of either workspace into every table that has workspaces, and give all tables.

    What the rows say makes no sense: constraints and triggers are out of the way for it, in this clone alone.
    """
    for row in await superuser.fetch(_CHECKS):
        await superuser.execute(f'ALTER TABLE {row["table"]} DROP CONSTRAINT "{row["name"]}"')
    await superuser.execute("SET session_replication_role = replica")
    tables = []
    for found in await superuser.fetch(_TABLES):
        rows = {}
        for workspace_id, word, number in ((ours, OURS, 5), (theirs, THEIRS, 7)):
            values = {
                column: workspace_id
                if column == "workspace_id"
                else "code"
                if {column, (found["name"], column)} & OF_CODE
                else _value(type_, label, word, number)
                for column, type_, label in zip(
                    found["columns"], found["types"], found["labels"], strict=True
                )
            }
            rows[workspace_id] = json.dumps(values)
            if found["name"] != "workspace":
                await superuser.execute(_insert(found["name"], found["columns"]), rows[workspace_id])
        texts = [
            column for column, type_ in zip(found["columns"], found["types"], strict=True) if type_ == "text"
        ]
        tables.append(Table(found["name"], tuple(found["columns"]), tuple(texts), rows[ours], rows[theirs]))
    await superuser.execute("RESET session_replication_role")
    return tables


def _insert(table: str, columns: list[str]) -> str:
    names = ", ".join(f'"{one}"' for one in columns)
    return (
        f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE"
        f" SELECT {names} FROM jsonb_populate_record(NULL::{table}, $1::jsonb)"
    )


def _value(type_: str, label: str | None, word: str, number: int) -> Any:  # noqa: PLR0911 - a case each
    if label is not None:
        return label
    if type_.endswith("[]"):
        return [] if "time" not in type_ and "date" not in type_ else ["2026-01-05"]
    match type_:
        case "bigint" | "integer" | "smallint" | "numeric" | "double precision" | "real":
            return number
        case "text":
            return word
        case "jsonb" | "json":
            return {word: word}
        case "boolean":
            return True
        case "bytea":
            return "\\x" + word.encode().hex()
        case "date" | "timestamp with time zone":
            return "2026-01-05"
        case "uuid":
            return f"00000000-0000-0000-0000-00000000000{number}"
        case "interval":
            return "1 day"
        case "cidr":
            return "192.0.2.0/24"
        case _:
            raise NotImplementedError(f"Say what a value of type {type_} looks like.")
