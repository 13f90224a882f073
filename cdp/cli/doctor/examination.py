"""The order of the examination: the installation, then the database as far as it can be reached."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from importlib.util import find_spec

import asyncpg

from cdp.cli.doctor import schema, server, work
from cdp.cli.doctor.findings import Finding, fail, ok, warn
from cdp.cli.options import Place, place_of
from cdp.db.connecting import connect
from cdp.errors import DiptychError
from cdp.hooks.manager import Plugins
from cdp.settings import Settings

Check = Callable[[], Awaitable[list[Finding]]]


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything; what cannot be looked at is a finding too."""
    findings = [*_installation(), *_traces(settings), *_plugins(settings)]
    try:
        with place_of(settings) as place:
            findings += await _database(place, settings)
    except DiptychError as error:
        findings.append(fail("database", error.message))
    return findings


def _installation() -> list[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    return [
        ok("Diptych", version("diptych")),
        ok("Python", f"{python}, {os.cpu_count()} processors"),
    ]


def _traces(settings: Settings) -> list[Finding]:
    if settings.otlp_endpoint is None:
        return []
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        says = "wanted (OTEL_EXPORTER_OTLP_ENDPOINT), and what sends them is not installed"
        return [fail("traces", says, "Run: pip install 'diptych[otel]'")]
    return [ok("traces", "sent by OpenTelemetry")]


def _plugins(settings: Settings) -> list[Finding]:
    try:
        health = Plugins.load(settings).health()
    except DiptychError as error:
        return [fail("plugins", error.message)]
    return [
        ok(f"plugin {plugin.name}", f"loaded from {plugin.source}")
        if plugin.error is None
        else fail(
            f"plugin {plugin.name}", plugin.error, "Mend or uninstall it; everything else works without it."
        )
        for plugin in health
    ]


async def _database(place: Place, settings: Settings) -> list[Finding]:
    """As the application sees it, and as far as this login may look, as the server's operator does."""
    app = await connect(place.app_url)
    looking = await connect(place.inspect_url)
    try:
        findings = await schema.versions(app, place)
        fits = await schema.migrations(app, place)
        findings += fits
        checks: list[tuple[str, Check]] = [
            ("settings", lambda: server.settings(looking, settings)),
            ("disk", lambda: server.disk(looking, settings if place.embedded else None)),
            ("clock", lambda: server.clock(looking)),
            ("transactions", lambda: server.transactions(looking)),
            ("locks", lambda: server.locks(looking)),
            ("wraparound", lambda: server.wraparound(looking)),
            ("vacuum", lambda: server.vacuum(looking)),
            ("indexes", lambda: server.indexes(looking)),
            ("replication", lambda: server.replication(looking)),
        ]
        if not schema.lacks_migrations(fits):
            checks += [
                ("roles", lambda: schema.roles(app)),
                ("partitions", lambda: schema.partitions(looking)),
                ("settling", lambda: work.settling(app, place)),
                ("refused events", lambda: work.refused(app)),
                ("plugins", lambda: work.plugins(app, place)),
            ]
        for subject, check in checks:
            findings += await _made(subject, check)
    finally:
        await app.close()
        await looking.close()
    return findings


async def _made(subject: str, check: Check) -> list[Finding]:
    """One check must not keep the others from being made."""
    try:
        return await check()
    except asyncpg.InsufficientPrivilegeError:
        remedy = "Run the doctor as the owner of the database, or as a member of pg_monitor."
        return [warn(subject, "this login may not look", remedy)]
    except (asyncpg.PostgresError, OSError) as error:
        return [warn(subject, f"cannot be examined: {error}", "The message says why; see to that first.")]
