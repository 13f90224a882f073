"""The work that goes on behind requests: settling, refused events, plugins."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg

from cdp.cli.doctor.findings import Finding, age, fail, ok, warn
from cdp.cli.doctor.schema import sql
from cdp.cli.options import Place
from cdp.settle.health import PluginFigures, plugins_health

_LAG_SECONDS = 60.0
"""Settling that is further behind than this is worth a word."""

_LOOK_AT = 100_000
"""Refused events are counted up to here."""

_RECENT_SECONDS = 86_400.0


async def settling(connection: asyncpg.Connection, place: Place) -> list[Finding]:
    """How long the profile that waits longest has been waiting, and history to be classified anew."""
    rows = await connection.fetch(sql.waiting)
    waiting = sum(row["waiting"] for row in rows)
    lag = max(
        (row["lag"].total_seconds() for row in rows if row["lag"] is not None and row["waiting"]), default=0.0
    )
    says = f"{waiting:,} profiles wait, the first for {age(lag)}" if waiting else "nothing waits"
    reclassifying = sum(row["reclassifying"] for row in rows)
    if reclassifying:
        says += f"; history is rewritten after {reclassifying} changes of catalogues"
    if lag > _LAG_SECONDS:
        return [warn("settling", says, f"Is a worker running? Start one more: cdp worker {place.shown}")]
    return [ok("settling", says)]


async def refused(connection: asyncpg.Connection) -> list[Finding]:
    """Events that were refused and that nobody has replayed, by reason."""
    rows = await connection.fetch(sql.refused, _LOOK_AT)
    if not rows:
        return [ok("refused events", "none")]
    total = sum(row["items"] for row in rows)
    reasons = ", ".join(f"{row['items']:,} {row['code']}" for row in rows)
    says = f"{total:,}{' at least' if total >= _LOOK_AT else ''}: {reasons}"
    if min(row["newest_age"] for row in rows).total_seconds() > _RECENT_SECONDS:
        return [ok("refused events", f"{says}; none within a day")]
    remedy = (
        "Ask GraphQL for `refusedEvents` to see whose they are, mend the sender, then `eventsReplay` them."
    )
    return [warn("refused events", says, remedy)]


async def plugins(connection: asyncpg.Connection, place: Place) -> list[Finding]:
    """Plugins that servers and workers had trouble with."""
    return [
        (fail if one.left_alone else warn)(
            f"plugin {one.plugin}", f"{one.hook}: {describe_figures(one)}", f"See: cdp plugins {place.shown}"
        )
        for one in await plugins_health(connection, now=datetime.now(UTC))
        if one.in_vain or one.left_alone
    ]


def describe_figures(one: PluginFigures) -> str:
    """How often a hook was called, and in how many of the calls the plugin failed in which way."""
    counts = {
        "raised": one.failures,
        "took too long": one.timeouts,
        "not allowed": one.refused,
        "not made": one.skipped,
    }
    parts = [
        f"{one.calls:,} call{'' if one.calls == 1 else 's'}",
        *(f"{count:,} {what}" for what, count in counts.items() if count),
    ]
    if one.left_alone:
        parts.append("left alone at present")
    return ", ".join(parts)
