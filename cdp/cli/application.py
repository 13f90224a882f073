"""An application for a command: nothing is served, nothing settles by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from cdp.app import Application
from cdp.cli.options import migrated, place_of
from cdp.settings import Settings


@asynccontextmanager
async def application_of(settings: Settings) -> AsyncIterator[Application]:
    """An application on the migrated database that the settings name."""
    with place_of(settings) as place:
        await migrated(place, settings)
        async with Application.open(replace(settings, database_url=place.app_url)) as application:
            yield application
