"""The peer: bare COPY of the rows that ingest has left, the quickest way into a table that PostgreSQL has."""

from __future__ import annotations

import io
import time

import asyncpg

_COLUMNS = (
    "workspace_id", "event_id", "occurred_at", "received_at", "message_id", "type", "name", "node_id", "account_id",
    "intent", "usage", "source", "properties", "context",
)  # fmt: skip


async def copied_per_second(url: str, *, most: int, rounds: int = 3) -> tuple[float, str]:
    """Rows per second of the quickest COPY, and its format.

    One connection copies rows of `event`, encoded beforehand and so without any cost to the client, into a table with
    the same columns, types and indexes: in text and in binary, each as often as there are rounds, the best counts.
    """
    connection = await asyncpg.connect(url)
    try:
        best, of = 0.0, ""
        for encoding in ("binary", "text"):
            rows = io.BytesIO()
            query = f"SELECT {', '.join(_COLUMNS)} FROM event ORDER BY event_id DESC LIMIT {most}"
            copied = await connection.copy_from_query(query, output=rows, format=encoding)
            count = int(copied.split()[-1])
            for _ in range(rounds):
                await connection.execute(
                    "DROP TABLE IF EXISTS bare; CREATE TABLE bare (LIKE event INCLUDING ALL)"
                )
                rows.seek(0)
                began = time.perf_counter()
                await connection.copy_to_table("bare", source=rows, columns=_COLUMNS, format=encoding)
                rate = count / (time.perf_counter() - began)
                if rate > best:
                    best, of = rate, encoding
        await connection.execute("DROP TABLE bare")
        return best, of
    finally:
        await connection.close()
