"""Prometheus metrics of one application; no global registry, so that two applications in one process stay apart.

Labels are words out of few (routes, codes, stages, plugins), never ids, names or anything that a client chooses.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from cdp.db.pool import Database
from cdp.ingest.accumulator import Accumulator
from cdp.ingest.flush import FlushReport
from cdp.live.hub import Hub
from cdp.web.collectors import (
    BackgroundCollector,
    HubCollector,
    InFlightCollector,
    PluginFigures,
    PluginsCollector,
    PoolsCollector,
    QueueCollector,
    Waiting,
)
from cdp.web.counting import Counts, Durations

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STAGE_SECONDS = (0.0001, 0.00025, 0.0005, *_SECONDS)
_SIZES = (1, 5, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000)

COUNTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "graphql.operation": (
        "cdp_graphql_operations",
        "GraphQL operations, by kind and by whether they came with errors.",
        ("kind", "outcome"),
    ),
    "graphql.error": ("cdp_graphql_errors", "Errors in GraphQL answers, by code.", ("code",)),
    "graphql.plan": ("cdp_graphql_plans", "Plans that were found (hit) or made (miss).", ("result",)),
    "graphql.document": (
        "cdp_graphql_documents",
        "Documents that were known (hit) or had to be read (miss).",
        ("result",),
    ),
    "flush.again": (
        "cdp_flush_failures",
        "Transactions of ingest that failed by nobody's fault, by kind of error.",
        ("cause",),
    ),
    "request.shed": (
        "cdp_requests_shed",
        "Requests that were refused before they were read, by what there was no room for.",
        ("why",),
    ),
    "access.refused": (
        "cdp_access_refused",
        "Keys and tokens that were not good (unknown), or not looked at as too many such came from there (guessing).",
        ("why",),
    ),
    "access.keys": (
        "cdp_issuer_keys",
        "Attempts to fetch the keys of OIDC issuers, by outcome: renewed or failed.",
        ("outcome",),
    ),
    "rates.refused": (
        "cdp_rates_refused",
        "Requests, events and operations beyond a limit per second, by what was counted and whose limit it is.",
        ("what", "whose"),
    ),
    "settle.profiles": ("cdp_settled_profiles", "Profiles that were taken to be settled.", ()),
    "changes.delivered": (
        "cdp_changes_delivered",
        "Changes that plugins were told of (told), did not take (failed), or were given up for a person (dead).",
        ("plugin", "outcome"),
    ),
    "jobs.ended": (
        "cdp_jobs_ended",
        "Attempts at jobs of plugins, by how they ended.",
        ("plugin", "outcome"),
    ),
    "enrich.subjects": ("cdp_enriched_subjects", "People and accounts that were taken to be enriched.", ()),
    "enrich.failed": ("cdp_enrich_failures", "Chunks of people and accounts that could not be enriched.", ()),
    "enrich.calls": (
        "cdp_enrichment_calls",
        "Calls of providers of enrichment, by how they ended: HIT, MISS or FAILED.",
        ("provider", "outcome"),
    ),
    "settle.failed": ("cdp_settle_failures", "Profiles that could not be settled for now.", ()),
}
"""What `cdp.telemetry.count` may name: the metric, what it says, and its labels."""


class Metrics:
    """What this process has done since it started."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        PlatformCollector(registry=registry)
        ProcessCollector(registry=registry)
        self._stored = Counter("cdp_events_stored", "Events stored.", registry=registry)
        self._duplicates = Counter(
            "cdp_events_duplicate", "Events whose message id was known already.", registry=registry
        )
        self._refused = Counter(
            "cdp_events_refused", "Items refused and kept, by code.", ["code"], registry=registry
        )
        self._unanswered = Counter(
            "cdp_events_unavailable",
            "Items whose senders were told to come again: the queue was full or the database away.",
            registry=registry,
        )
        self._batch = Histogram("cdp_flush_events", "Events in one flush.", buckets=_SIZES, registry=registry)
        self._flush = Histogram(
            "cdp_flush_seconds",
            "Duration of one flush, retries included.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._retries = Counter("cdp_flush_retries", "Transactions that were tried again.", registry=registry)
        self._queued = Gauge("cdp_queue_events", "Items accepted and not yet committed.", registry=registry)
        self._request = Durations(
            "cdp_request_seconds",
            "Duration of HTTP requests by route, method and status.",
            ("route", "method", "status"),
            _SECONDS,
        )
        self._in_flight = 0
        self._stages = Durations(
            "cdp_stage_seconds",
            "Duration of the steps that requests, flushes and settling are made of.",
            ("stage",),
            _STAGE_SECONDS,
        )
        self._counts = {name: Counts(metric, says, labels) for name, (metric, says, labels) in COUNTS.items()}
        for counted in self._counts.values():
            registry.register(counted)
        for timed in (self._request, self._stages):
            registry.register(timed)
        registry.register(InFlightCollector(lambda: self._in_flight))
        self._trouble: tuple[str, float] | None = None

    @property
    def in_flight(self) -> int:
        """Requests that are being answered."""
        return self._in_flight

    def flushed(self, report: FlushReport) -> None:
        """Count a flush."""
        self._stored.inc(report.stored)
        self._duplicates.inc(report.duplicates)
        self._unanswered.inc(report.unanswered)
        for code, count in report.refused.items():
            self._refused.labels(code).inc(count)
        self._batch.observe(report.events)
        self._flush.observe(report.seconds)
        self._retries.inc(report.retries)
        if report.stored or report.duplicates:
            self._trouble = None

    def queued(self, events: int) -> None:
        """Note how full the queue is."""
        self._queued.set(events)

    def turned_away(self, events: int) -> None:
        """Count items that found the queue full."""
        self._unanswered.inc(events)

    def asked(self) -> None:
        """Note a request that will be `answered`."""
        self._in_flight += 1

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._in_flight -= 1
        self._request.observe((route, method, str(status)), seconds)

    def staged(self, name: str, seconds: float) -> None:
        """Count a stage."""
        self._stages.observe((name,), seconds)

    def counted(self, name: str, labels: tuple[str, ...], by: float) -> None:
        """Count one of `COUNTS`."""
        if name == "flush.again":
            self._trouble = (labels[0], time.monotonic())
        self._counts[name].add(labels, by)

    def trouble(self) -> tuple[str, float] | None:
        """Why the last attempt to store events failed, and how many seconds ago; None: it did not."""
        return None if self._trouble is None else (self._trouble[0], time.monotonic() - self._trouble[1])

    def watch_pools(self, **pools: Database) -> None:
        """Tell of the connections of these pools, whenever somebody looks."""
        self.registry.register(PoolsCollector(pools))

    def watch_hub(self, hub: Hub) -> None:
        """Tell how many are watching, whenever somebody looks."""
        self.registry.register(HubCollector(hub))

    def watch_queue(self, accumulator: Accumulator) -> None:
        """Tell what waits to be stored, whenever somebody looks."""
        self.registry.register(QueueCollector(accumulator))

    def watch_plugins(self, plugins: PluginFigures) -> None:
        """Tell how these plugins do, whenever somebody looks."""
        self.registry.register(PluginsCollector(plugins))

    def watch_background(self, background: Waiting, clock: Callable[[], datetime]) -> None:
        """Tell what waits for plugins, whenever somebody looks."""
        self.registry.register(BackgroundCollector(background, clock))

    def families(self) -> list[Metric]:
        """All of it as it is now."""
        return list(self.registry.collect())
