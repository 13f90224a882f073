"""The three servers that are compared, each one process, on one database."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

import asyncpg
import msgspec

from bench.http import request
from bench.node import NODE, install
from bench.server import free_port, serving, started
from cdp.db.embedded import EmbeddedPostgres
from cdp.model.workspace import WorkspaceSettings

HERE = Path(__file__).parent


_TODAY = "(now() AT TIME ZONE 'UTC')::date"
_ACTIVE_DAYS = (
    f"(SELECT count(*)::integer FROM unnest($row.used_days) AS d (day)"
    f" WHERE d.day > {_TODAY} - $window_days AND d.day <= {_TODAY})"
)
_PHASE = (
    "CASE WHEN $row.last_used_at IS NULL THEN 'NONE'"
    " WHEN $row.last_used_at < now() - make_interval(days => $dormant_days) THEN 'DORMANT'"
    " WHEN $active_days >= $habitual_days THEN 'HABITUAL'"
    " WHEN (SELECT count(*) FROM jsonb_each_text($row.feature_last) AS f (key, last)"
    f" WHERE (f.last::timestamptz AT TIME ZONE 'UTC')::date > {_TODAY} - $window_days) >= $adopting_features"
    " THEN 'ADOPTING' WHEN $row.activated_at IS NOT NULL THEN 'ACTIVATED' ELSE 'ONBOARDING' END"
)
"""What the views of peers.sql repeat; $row is the alias of a row of profile, membership or the like."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """One of the three."""

    name: str
    port: int
    pid: int
    key: str

    def memory(self) -> float:
        """Resident memory of its process in MiB."""
        status = Path(f"/proc/{self.pid}/status")
        if status.exists():
            found = re.search(r"VmRSS:\s+(\d+)", status.read_text())
            assert found is not None
            return int(found[1]) / 1024
        shown = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self.pid)], check=True, capture_output=True, text=True
        )
        return int(shown.stdout) / 1024


@asynccontextmanager
async def all_three(postgres: EmbeddedPostgres, key: str) -> AsyncIterator[list[Server]]:
    """Diptych, PostGraphile and the dataloaders, ready."""
    install(HERE / "postgraphile")
    await _make_views(postgres)
    peers = {
        "postgraphile": [str(NODE), str(HERE / "postgraphile" / "serve.js")],
        "dataloaders": [sys.executable, "-m", "bench.read.dataloaders"],
    }
    environment = {
        "DATABASE_URL": postgres.superuser_url,
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
    }
    async with AsyncExitStack() as stack:
        diptych = await stack.enter_async_context(serving(postgres, key))
        servers = [Server(name="diptych", port=diptych.port, pid=diptych.pid, key=key)]
        for name, command in peers.items():
            port = free_port()
            ready = request("POST", "/graphql", key="", body=b'{"query": "{ __typename }"}')
            process = await stack.enter_async_context(
                started((*command, str(port)), port=port, ready=ready, environment=environment)
            )
            servers.append(Server(name=name, port=port, pid=process.pid, key=""))
        yield servers


async def _make_views(postgres: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(postgres.superuser_url)
    try:
        workspace_id, epoch = await connection.fetchrow("SELECT workspace_id, epoch FROM workspace")
        settings = msgspec.structs.asdict(WorkspaceSettings())
        settings |= {"workspace": workspace_id, "epoch": epoch.isoformat()}
        for row in ("p", "m", "u"):
            active = Template(_ACTIVE_DAYS).substitute(settings, row=row)
            settings |= {f"active_{row}": active}
            settings |= {f"phase_{row}": Template(_PHASE).substitute(settings, row=row, active_days=active)}
        await connection.execute(Template((HERE / "peers.sql").read_text()).substitute(settings))
    finally:
        await connection.close()
