"""The process's settings: the one reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from cdp.errors import BadInput


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What a process needs to know; every field can be given as a flag or as `CDP_<FIELD>` in the environment."""

    database_url: str | None = None
    """PostgreSQL to use (also `DATABASE_URL`). None: an embedded one under `data`."""
    data: Path | None = None
    """Folder of the embedded PostgreSQL. None: a temporary one that goes with the process."""
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    """Server processes."""
    worker: bool = True
    """Whether `cdp serve` also settles."""
    plugins_dir: Path | None = None
    """Folder of plugin modules (`*.py` or packages) to load besides the installed ones."""
    trusted_documents: Path | None = None
    """GraphQL documents to ask for by their SHA-256: a folder of `*.graphql`, or a JSON file `{hash: text}`."""
    trusted_documents_only: bool = False
    """Whether no other documents are run."""
    allowed_origins: str | None = None
    """Web pages elsewhere that may open a WebSocket to `/graphql`: origins, separated by commas, or `*` for all."""
    pool_size: int = 10
    """Connections to PostgreSQL per process."""
    flush_events: int = 2_000
    """Most events in one transaction."""
    flush_delay_ms: float = 4.0
    """How long a flush waits at most for as many calls as the last one had, in milliseconds."""
    flushes: int = 3
    """Transactions of ingest under way at once in one process; one at a time of each workspace."""
    queue_events: int = 40_000
    """Accepted but uncommitted events per process; beyond it requests are answered 503. One workspace gets half."""
    queue_bytes: int = 16 * 1024 * 1024
    """The same in bytes of JSON text."""
    body_bytes: int = 16 * 1024 * 1024
    """Request bodies that one process holds at once, unpacked; beyond it requests are answered 503."""
    connections: int = 2_000
    """Open connections of clients per process; beyond it new ones are answered 503 and closed."""
    requests_per_second: float = 0.0
    """What one workspace may ask, over all processes; 0: any."""
    events_per_second: float = 0.0
    """What one workspace may send, over all processes; 0: any."""
    cost_per_second: float = 0.0
    """What one workspace's GraphQL operations may cost, over all processes; 0: any."""
    key_requests_per_second: float = 0.0
    """What one key, or one token, may ask, over all processes; 0: any."""
    key_events_per_second: float = 0.0
    """What one key may send, over all processes; 0: any."""
    key_cost_per_second: float = 0.0
    """What one key's GraphQL operations may cost, over all processes; 0: any."""
    address_requests_per_second: float = 0.0
    """What one address may ask with one public key, per process; 0: any."""
    address_events_per_second: float = 0.0
    """What one address may send with one public key, per process; 0: any."""
    wrong_keys_per_minute: float = 60.0
    """Keys and tokens that are not good which one address may try, per process, before unknown ones of it are refused
    unread; 0: any."""
    trusted_proxies: str = "127.0.0.1,::1"
    """Addresses and networks, with commas, of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed."""
    hook_deadline_ms: float = 2_000.0
    """Longest that one plugin call may take, in milliseconds."""
    seal_keys: str | None = None
    """Keys for what guards could not look at, so that it can be held: 32 random bytes each in base64, separated by
    commas, the one to seal with first. None: its sender is told to come again."""
    outbound_allow: str | None = None
    """Networks that plugins' HTTP requests may reach although they are not public: `10.1.0.0/16`, with commas."""
    outbound_timeout_ms: float = 30_000.0
    """Longest that one HTTP request of a plugin may take, in milliseconds."""
    outbound_bytes: int = 1024 * 1024
    """Largest body that a plugin's HTTP request may send or get."""
    hook_memory_mb: int = 512
    """By so many megabytes a process may grow during one plugin call, and a plugin's own process in all; 0: any."""
    health_port: int = 0
    """Port where `cdp worker` answers `/healthz`, `/readyz` and `/metrics`; 0: nowhere."""
    metrics_token: str | None = None
    """What `/metrics` wants as a Bearer token. None: anybody who can reach it may read it."""
    otlp_endpoint: str | None = None
    """Collector of traces, OpenTelemetry over HTTP (also `OTEL_EXPORTER_OTLP_ENDPOINT`). None: no traces."""
    log_level: str = "info"
    log_format: str = "console"
    """`console` or `json`."""

    @property
    def ingest_pool_size(self) -> int:
        """Connections to PostgreSQL per process besides `pool_size`, for ingest: readers cannot take them.

        A flush may use two; two more are for looking up keys and settings.
        """
        return 2 * self.flushes + 2


def read_settings(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Defaults, overridden by the environment, overridden by the arguments that are not None.

    Raises:
        BadInput: a variable cannot be read as its field's type; the message names it.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    if url := environment.get("DATABASE_URL"):
        values["database_url"] = url
    if endpoint := environment.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        values["otlp_endpoint"] = endpoint
    for field in fields(Settings):
        variable = f"CDP_{field.name.upper()}"
        if text := environment.get(variable):
            values[field.name] = _parse(variable, text, field.default)
    values |= {name: value for name, value in given.items() if value is not None}
    for name in ("data", "plugins_dir", "trusted_documents"):
        if isinstance(values.get(name), str):
            values[name] = Path(values[name])
    return replace(Settings(), **values)


def _parse(variable: str, text: str, default: object) -> object:
    """Read `text` as the type of the field's default; None stands for text and paths."""
    match default:
        case bool():
            if text.lower() in {"1", "true", "yes", "on"}:
                return True
            if text.lower() in {"0", "false", "no", "off"}:
                return False
            raise BadInput(f"{variable}={text!r} is not a yes or a no; write true or false.")
        case int() | float():
            try:
                return type(default)(text)
            except ValueError:
                raise BadInput(f"{variable}={text!r} is not a number.") from None
        case _:
            return text
