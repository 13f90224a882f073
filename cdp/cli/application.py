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
    """An application on the migrated database that the settings name, ready to take many events at once."""
    with place_of(settings) as place:
        await migrated(place)
        async with Application.open(replace(settings, database_url=for_bulk(place.app_url))) as application:
            yield application


def for_bulk(url: str) -> str:
    """The database for the import of many rows: every batch is planned for what the tables hold by then.

    A plan that is kept from the first batches, when the tables were all but empty, compares everything with everything.
    """
    return f"{url}{'&' if '?' in url else '?'}plan_cache_mode=force_custom_plan"
