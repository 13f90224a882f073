"""History of any length: a block that real ingest has left, copied in SQL under other names and numbers.

So it has the shape that ingest leaves, whatever tables and columns that is: facts, message ids, people, accounts,
summaries, roles. Numbers of people and accounts go on from copy to copy, as bench.traffic counts them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import asyncpg

from bench.traffic import COLLEAGUES

BLOCK_EVENTS = 50_000
BLOCK_PEOPLE = 2_500
"""Twenty events a person."""

UNSAFE = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "maintenance_work_mem": "512MB",
}
"""Settings while history is made: whoever pulls the plug starts again."""

_TABLES = """
SELECT c.table_name, array_agg(c.column_name::text ORDER BY c.ordinal_position) AS columns
FROM information_schema.columns c
JOIN pg_class t ON t.oid = to_regclass('public.' || quote_ident(c.table_name))
WHERE c.table_schema = 'public' AND t.relkind IN ('r', 'p') AND NOT t.relispartition
  AND c.identity_generation IS DISTINCT FROM 'ALWAYS' AND c.is_generated = 'NEVER'
GROUP BY c.table_name
HAVING bool_or(c.column_name = 'workspace_id')
   AND bool_or(c.column_name IN ('node_id', 'node_a', 'profile_id', 'account_id', 'message_hash'))
ORDER BY c.table_name
"""

_MESSAGES = """
CREATE UNLOGGED TABLE block_message AS
SELECT e.message_id, m.* FROM event e
JOIN event_message m ON m.workspace_id = e.workspace_id AND m.message_hash = md5(e.message_id)::uuid
"""
"""Message ids beside their hashes, from which the copies' follow."""

_SPAN = """
SELECT (SELECT max(profile_id) FROM profile) AS profile, (SELECT max(node_id) FROM node) AS node,
       (SELECT max(account_id) FROM account) AS account, (SELECT max(event_id) FROM event) AS event
"""

_SEQUENCES = """
SELECT setval('profile_profile_id_seq', (SELECT max(profile_id) FROM profile)),
       setval('node_node_id_seq', (SELECT max(node_id) FROM node)),
       setval('account_account_id_seq', (SELECT max(account_id) FROM account)),
       setval('event_id', (SELECT max(event_id) FROM event))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How much there is."""

    events: int
    people: int
    seconds: float
    """How long the copying took."""


async def multiply(superuser_url: str, times: int) -> Size:
    """Have the block, which is all that there is, `times` times."""
    began = time.perf_counter()
    connection = await asyncpg.connect(superuser_url)
    try:
        span = dict(await connection.fetchrow(_SPAN))
        tables = await connection.fetch(_TABLES)
        await connection.execute(_MESSAGES)
        statements = [_copy(table["table_name"], table["columns"], span) for table in tables]
        copies = iter(range(1, times))
        await asyncio.gather(*(_fill(superuser_url, statements, copies) for _ in range(2)))
        await connection.execute("DROP TABLE block_message")
        if await connection.fetchval("SELECT to_regclass('event_name') IS NOT NULL"):
            await connection.execute(f"UPDATE event_name SET count = count * {times}")
        await connection.execute(_SEQUENCES)
        await connection.execute("VACUUM (ANALYZE, FREEZE)")
        await connection.execute("CHECKPOINT")
        events = await connection.fetchval("SELECT count(*) FROM event")
        people = await connection.fetchval("SELECT count(*) FROM profile WHERE merged_into IS NULL")
    finally:
        await connection.close()
    return Size(events=events, people=people, seconds=time.perf_counter() - began)


async def _fill(url: str, statements: list[str], copies: Iterator[int]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica; SET work_mem = '256MB'")
        for copy in copies:
            async with connection.transaction():
                for statement in statements:
                    await connection.execute(statement, copy)
    finally:
        await connection.close()


def _copy(table: str, columns: list[str], span: Mapping[str, int]) -> str:
    """The statement that makes copy $1 of a table's rows of the block."""
    names = ", ".join(columns)
    if table == "event_message":
        hashed = {"message_hash": "md5(t.message_id || '~' || $1::bigint)::uuid"}
        values = ", ".join(hashed.get(column, f"t.{column}") for column in columns)
        return f"INSERT INTO event_message ({names}) SELECT {values} FROM block_message t ORDER BY 1, 2"
    values = ", ".join(_shifted(table, column, span) for column in columns)
    keys = ("event_id", "node_id", "node_a", "profile_id", "account_id")
    key = next(key for key in keys if key in columns)
    return (
        f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} t "
        f"WHERE t.{key} <= {span[key.split('_', maxsplit=1)[0]]}"
    )


def _shifted(table: str, column: str, span: Mapping[str, int]) -> str:
    """What a column's value is in copy $1."""
    value = f"t.{column}"
    later = {
        "profile_id": "profile",
        "born_profile_id": "profile",
        "node_id": "node",
        "node_a": "node",
        "node_b": "node",
        "event_id": "event",
        "merged_into": table,
    }
    if column in later:
        return f"{value} + $1::bigint * {span[later[column]]}"
    account = "CASE WHEN {0} = 0 THEN 0 ELSE {0} + $1::bigint * " + f"{span['account']} END"
    everywhere = {
        "account_id": account.format(value),
        "message_id": f"{value} || '~' || $1::bigint",
        "total_message_id": f"{value} || '~' || $1::bigint",
        "scope": f"ARRAY(SELECT {account.format('a')} FROM unnest({value}) a)",
    }
    if column in everywhere:
        return everywhere[column]
    match table, column:
        case "node", "value":
            company = _renumbered(f"substring({value} FROM '@.*')", BLOCK_PEOPLE // COLLEAGUES)
            return (
                _renumbered(f"substring({value} FROM '[^@]*')", BLOCK_PEOPLE) + f" || coalesce({company}, '')"
            )
        case "account", "group_id" | "domain" | "name":
            return _renumbered(value, BLOCK_PEOPLE // COLLEAGUES)
        case _:
            return value


def _person(value: str) -> str:
    """An identifier of a person; an e-mail address names the account too."""
    company = _renumbered(f"substring({value} FROM '@.*')", BLOCK_PEOPLE // COLLEAGUES)
    return _renumbered(f"substring({value} FROM '[^@]*')", BLOCK_PEOPLE) + f" || coalesce({company}, '')"


def _renumbered(text: str, step: int) -> str:
    """Text with its first number raised by `step` for each copy before."""
    number = f"substring({text} FROM '[0-9]+')::bigint + $1::bigint * {step}"
    return f"regexp_replace({text}, '[0-9]+', ({number})::text)"
