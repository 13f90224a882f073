"""An application for a command: nothing is served, nothing settles by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from cdp.app import Application
from cdp.cli.options import migrated, place_of
from cdp.hooks.manager import Plugins
from cdp.settings import Settings


@asynccontextmanager
async def application_of(settings: Settings, *, plugins: Plugins | None = None) -> AsyncIterator[Application]:
    """An application on the migrated database that the settings name; `plugins` as for Application.open."""
    with place_of(settings) as place:
        await migrated(place, settings)
        settings = replace(settings, database_url=place.app_url)
        async with Application.open(settings, plugins=plugins) as application:
            yield application
