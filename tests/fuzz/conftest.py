"""A real server in a process of its own, with three workspaces: ours, theirs, and one to make a mess in."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from cdp.access.keys import create_key
from cdp.db.embedded import EmbeddedPostgres
from cdp.db.pool import Database
from cdp.workspaces import store as workspaces
from tests.acceptance.conftest import Server, served_urls
from tests.fuzz.judging import HIDDEN_PANELS, PANELS, seen, word
from tests.fuzz.planting import Side, plant
from tests.graphql.documents import Pools
from tests.graphql.pools import pools_of

SEED = int(os.environ.get("DIPTYCH_SEED", "1"))
SECONDS = float(os.environ.get("DIPTYCH_SECONDS", "0"))
"""How long to ask; 0: a few documents."""
SIDES = ("our", "their", "scratch")

COUNTED = """{ profiles(first: 50) { totalCount nodes { id traits displayName timeline { totalCount } } }
  accounts(first: 50) { totalCount nodes { id name traits } } workspace { settings { warmScore } } }"""


@dataclass(frozen=True)
class Attacked:
    """The server, its workspaces, and all that it and its database say beside their answers."""

    url: str
    sides: dict[str, Side]
    logs: tuple[Path, ...]
    before: dict[str, Any]
    """What COUNTED said of their workspace."""

    def said(self) -> str:
        """Both logs."""
        return "\n".join(path.read_text(errors="replace") for path in self.logs)

    def check_logs(self) -> None:
        """No word that was planted, no key and nothing of our fault is in them."""
        said = self.said()
        words = {word(side, panel) for side in SIDES for panel in PANELS}
        keys = {key for side in self.sides.values() for key in side.keys.values()}
        assert seen(said, words) == set()
        assert not [key for key in keys if key in said]
        ours = [
            line
            for line in said.splitlines()
            if any(fault in line for fault in ("Traceback", "request_failed", "graphql_internal_error"))
        ]
        assert not ours, "\n".join(ours[:5])


async def _keys(database_url: str) -> dict[str, tuple[int, dict[str, str]]]:
    database = await Database.connect(database_url, max_size=1)
    made = {}
    for side in SIDES:
        workspace_id = await workspaces.create(database, f"{side} workspace {word(side, 'open')}")
        keys = {role: await create_key(database, workspace_id, role, role.lower()) for role in HIDDEN_PANELS}
        made[side] = (workspace_id, keys)
    await database.close()
    return made


@pytest.fixture(scope="session")
def attacked(postgres: EmbeddedPostgres, template: str) -> Iterator[Attacked]:
    url, _ = served_urls(postgres, template, "fuzz")
    with tempfile.TemporaryDirectory(prefix="diptych-test-") as folder:
        log = Path(folder) / "server.log"
        server = Server(url, log)
        server.start()
        try:
            with httpx.Client(base_url=server.url, timeout=30) as client:
                sides = {
                    name: Side(name, client, workspace_id, keys)
                    for name, (workspace_id, keys) in asyncio.run(_keys(url)).items()
                }
                for side in sides.values():
                    plant(side)
                logs = (log, postgres.data_directory / "pg" / "server.log")
                yield Attacked(server.url, sides, logs, sides["their"].data(COUNTED))
        finally:
            server.stop()


@pytest.fixture(scope="session")
def pools(attacked: Attacked) -> Mapping[str, Pools]:
    """What documents draw their arguments from: of each workspace, with ids and cursors of another one mixed in."""
    own = {name: pools_of(side) for name, side in attacked.sides.items()}  # type: ignore[arg-type]
    return {
        name: {
            key: [*values, *_ids(own["our" if name == "their" else "their"], key)]
            for key, values in each.items()
        }
        for name, each in own.items()
    }


def _ids(pools: Pools, key: str) -> list[str]:
    if key.rpartition(".")[2] not in {"id", "ID", "after", "before", "account"}:
        return []
    return [value for value in pools[key] if isinstance(value, str)][:6]
