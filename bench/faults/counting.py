"""What became of the calls that were acknowledged."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

_CALLS = "SELECT context ->> 'call' FROM event"
_MESSAGES_TWICE = """
SELECT count(*) - count(DISTINCT (workspace_id, message_id)) FROM event
"""
_MESSAGES_WITHOUT_EVENT = """
SELECT count(*) FROM event_message m
WHERE NOT EXISTS (SELECT FROM event e WHERE e.workspace_id = m.workspace_id
                                        AND md5(e.message_id)::uuid = m.message_hash)
"""
_COUNTED = "SELECT coalesce(sum(count), 0)::bigint FROM summary_tally WHERE kind = 'seen'"
_REFUSED = "SELECT count(*) FROM refused_event"
_PEOPLE = "SELECT count(*) FILTER (WHERE merged_into IS NULL), count(merged_into) FROM profile"


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What was acknowledged, and what is wrong with what is stored; everything but the first four should be 0."""

    acknowledged: int
    stored: int
    people: int
    merged: int
    lost: int
    """Acknowledged, and not there."""
    doubled: int
    """Calls that are stored, or counted in the views, more than once."""
    wrong: int
    """Rows of the views that differ from what the events say, by `cdp rebuild --check`."""
    orphans: int
    """Message ids that are remembered without their event: a retry of these would be lost."""
    refused: int
    examples: Sequence[str] = field(default_factory=tuple)
    """Calls that were lost or doubled, some of them, and what the check says."""


async def count(superuser_url: str, data: Path, acknowledged: Sequence[str]) -> Counts:
    """Compare the ledgers with the database."""
    connection = await asyncpg.connect(superuser_url)
    try:
        rows = await connection.fetch(_CALLS)
        stored = Counter(row[0] for row in rows)
        twice = await connection.fetchval(_MESSAGES_TWICE)
        counted = await connection.fetchval(_COUNTED)
        orphans = await connection.fetchval(_MESSAGES_WITHOUT_EVENT)
        refused = await connection.fetchval(_REFUSED)
        people, merged = await connection.fetchrow(_PEOPLE)
    finally:
        await connection.close()
    lost = [call for call in acknowledged if call not in stored]
    doubled = [call for call, times in stored.items() if times > 1]
    wrong, said = _check(data)
    return Counts(
        acknowledged=len(acknowledged),
        stored=sum(stored.values()),
        people=people,
        merged=merged,
        lost=len(lost),
        doubled=max(len(doubled), twice, counted - sum(stored.values())),
        wrong=wrong,
        orphans=orphans,
        refused=refused,
        examples=[*lost[:10], *doubled[:10], *([said] if wrong else [])],
    )


def _check(data: Path) -> tuple[int, str]:
    """How many rows `cdp rebuild --check` finds to differ, and what it says."""
    command = [sys.executable, "-m", "cdp", "rebuild", "--check", "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1}:
        raise SystemExit(f"cdp rebuild --check failed:\n{done.stderr[-2000:]}")
    if done.returncode == 0:
        return 0, done.stdout
    found = [int(number.replace(",", "")) for number in re.findall(r"([\d,]+) in \w+", done.stdout)]
    return max(1, sum(found)), done.stdout
