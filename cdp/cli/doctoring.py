"""The examination that `cdp doctor` makes."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime

from msgspec import Struct

from cdp.cli.options import Place, place_of
from cdp.db import migrate
from cdp.db.connecting import connect, describe, reaching
from cdp.db.pool import Database
from cdp.db.queries import load_queries
from cdp.errors import DiptychError
from cdp.hooks.manager import Plugins
from cdp.settings import Settings
from cdp.settle.health import PluginFigures, plugins_health

_SQL = load_queries("cdp.cli", "doctor.sql")
_LAG_SECONDS = 60.0
"""Settling that is further behind than this is worth a word."""
_ROOM_BYTES = 2 * 2**30


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    subject: str
    well: bool
    says: str
    remedy: str | None = None
    """What to do about it."""


async def examine(settings: Settings) -> list[Finding]:
    """Look at the installation, then at the database as far as it can be reached."""
    findings = [_python(), *_plugins(settings)]
    try:
        with place_of(settings) as place:
            findings += await _database(place, settings)
    except DiptychError as error:
        findings.append(Finding(subject="database", well=False, says=error.message))
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(subject="Python", well=True, says=f"{version}, {os.cpu_count()} processors")


def _plugins(settings: Settings) -> list[Finding]:
    try:
        health = Plugins.load(settings).health()
    except DiptychError as error:
        return [Finding(subject="plugins", well=False, says=error.message)]
    return [
        Finding(subject=f"plugin {plugin.name}", well=True, says=f"loaded from {plugin.source}")
        if plugin.error is None
        else Finding(
            subject=f"plugin {plugin.name}",
            well=False,
            says=plugin.error,
            remedy="Mend or uninstall it; everything else works without it.",
        )
        for plugin in health
    ]


async def _database(place: Place, settings: Settings) -> list[Finding]:
    connection = await connect(place.app_url)
    try:
        version: str = await connection.fetchval(_SQL.server_version)
        with reaching(place.app_url):
            pending = await migrate.pending(connection)
    finally:
        await connection.close()
    findings = [
        Finding(
            subject="database",
            well=int(version.split(".", maxsplit=1)[0]) >= 18,
            says=f"PostgreSQL {version} at {describe(place.app_url)}",
            remedy=None
            if int(version.split(".", maxsplit=1)[0]) >= 18
            else "Diptych is made for PostgreSQL 18.",
        )
    ]
    if place.embedded and settings.data is not None:
        findings.append(_room(settings))
    if pending:
        names = ", ".join(migration.name for migration in pending)
        remedy = f"Run: cdp migrate {place.shown}"
        return [*findings, Finding(subject="migrations", well=False, says=f"pending: {names}", remedy=remedy)]
    findings.append(Finding(subject="migrations", well=True, says="all applied"))
    database = await Database.connect(place.app_url, max_size=1)
    try:
        findings.append(await _settling(database, place))
        findings += await _failing(database, place)
    finally:
        await database.close()
    return findings


async def _failing(database: Database, place: Place) -> list[Finding]:
    """Plugins that servers and workers had trouble with."""
    async with database.unbound() as connection:
        figures = await plugins_health(connection, now=datetime.now(UTC))
    return [
        Finding(
            subject=f"plugin {one.plugin}",
            well=False,
            says=f"{one.hook}: {describe_figures(one)}",
            remedy=f"See: cdp plugins {place.shown}",
        )
        for one in figures
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


def _room(settings: Settings) -> Finding:
    assert settings.data is not None
    free = shutil.disk_usage(settings.data).free
    return Finding(
        subject="disk",
        well=free > _ROOM_BYTES,
        says=f"{free / 2**30:.1f} GiB free at {settings.data}",
        remedy=None if free > _ROOM_BYTES else "Make room, or move the data folder.",
    )


async def _settling(database: Database, place: Place) -> Finding:
    """How long the profile that waits longest has been waiting."""
    async with database.unbound() as connection:
        rows = await connection.fetch(_SQL.waiting)
    waiting = sum(row["waiting"] for row in rows)
    lag = max(
        (row["lag"].total_seconds() for row in rows if row["lag"] is not None and row["waiting"]), default=0.0
    )
    behind = lag > _LAG_SECONDS
    return Finding(
        subject="settling",
        well=not behind,
        says=f"{waiting:,} profiles wait, the first for {lag:.0f} s" if waiting else "nothing waits",
        remedy=f"Is a worker running? Start one: cdp worker {place.shown}" if behind else None,
    )
