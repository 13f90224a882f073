"""A worker's background alone, in a process that a test can kill: DATABASE_URL, folder of plugins, lease in seconds."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.settings import Settings
from cdp.settle.background import Background
from cdp.workspaces.cache import Workspaces


async def main(url: str, folder: str, lease: str) -> None:
    database = await Database.connect(url, max_size=4)
    plugins = Plugins.load(Settings(plugins_dir=Path(folder), hook_deadline_ms=20_000))
    background = Background(
        database,
        Workspaces(database),
        plugins,
        clock=lambda: datetime.now(UTC),
        poll=0.05,
        lease=float(lease),
    )
    await background.run()


asyncio.run(main(*sys.argv[1:]))
