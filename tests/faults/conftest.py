"""A PostgreSQL that may be killed and slowed down, and a disk of its own that may be full."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from cdp.db import migrate
from cdp.db.binaries import SERVER_UID
from cdp.db.embedded import EmbeddedPostgres

FULL_AT = 1 << 20
"""Bytes of the small disk."""

_MOVE = """
DO $$
DECLARE
    name regclass;
BEGIN
    FOR name IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'event'::regclass LOOP
        EXECUTE format('ALTER TABLE %s SET TABLESPACE {tablespace}', name);
    END LOOP;
END
$$
"""
_FULL = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100';
END
$$;
CREATE TRIGGER fail AFTER INSERT ON event FOR EACH STATEMENT EXECUTE FUNCTION fail();
"""


@pytest.fixture(scope="session")
def crashing() -> Iterator[EmbeddedPostgres]:
    """A server of these tests' own, with the product's settings and all migrations."""
    with EmbeddedPostgres.start() as server:
        asyncio.run(migrate.apply(server.owner_url))
        yield server


class Disk:
    """Where events lie: full, and with room again."""

    def __init__(self, superuser: asyncpg.Connection, folder: Path | None) -> None:
        self._superuser = superuser
        self._folder = folder

    async def fill(self) -> None:
        if self._folder is None:
            await self._superuser.execute(_FULL)
            return
        with (
            (self._folder / "ballast").open("wb", buffering=0) as ballast,
            pytest.raises(OSError, match="space"),
        ):
            while ballast.write(bytes(4096)):
                pass

    async def clear(self) -> None:
        if self._folder is None:
            await self._superuser.execute("DROP FUNCTION fail CASCADE")
        else:
            (self._folder / "ballast").unlink()


@pytest.fixture
async def disk(superuser: asyncpg.Connection, data_folder: Path) -> AsyncIterator[Disk]:
    """Events lie on a small disk of their own; where only root could mount one, PostgreSQL says that it is full."""
    if os.geteuid() != 0:
        yield Disk(superuser, None)
        return
    mounted = data_folder.with_name("disk")
    mounted.mkdir()
    options = ("-t", "tmpfs", "-o", f"size={FULL_AT}", "tmpfs", str(mounted))
    await asyncio.to_thread(subprocess.run, ("mount", *options), check=True)
    try:
        place = mounted / "tablespace"
        place.mkdir()
        os.chown(place, SERVER_UID, SERVER_UID)
        await superuser.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
        await superuser.execute(_MOVE.format(tablespace="small"))
        yield Disk(superuser, mounted)
        await superuser.execute(_MOVE.format(tablespace="pg_default"))
        await superuser.execute("CHECKPOINT")
        await superuser.execute("DROP TABLESPACE small")
    finally:
        await asyncio.to_thread(subprocess.run, ("umount", "--lazy", str(mounted)), check=True)
