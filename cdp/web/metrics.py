"""Prometheus metrics of one application; no global registry, so that two applications in one process stay apart."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from cdp.ingest.flush import FlushReport

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 5, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000)


class Metrics:
    """What this process has done since it started."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        PlatformCollector(registry=self.registry)
        ProcessCollector(registry=self.registry)
        self._stored = Counter("cdp_events_stored", "Events stored.", registry=self.registry)
        self._duplicates = Counter(
            "cdp_events_duplicate", "Events whose message id was known already.", registry=self.registry
        )
        self._refused = Counter(
            "cdp_events_refused", "Items refused and kept, by code.", ["code"], registry=self.registry
        )
        self._unanswered = Counter(
            "cdp_events_unavailable",
            "Items whose senders were told to come again: the queue was full or the database away.",
            registry=self.registry,
        )
        self._batch = Histogram(
            "cdp_flush_events", "Events in one flush.", buckets=_SIZES, registry=self.registry
        )
        self._flush = Histogram(
            "cdp_flush_seconds",
            "Duration of one flush, retries included.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._retries = Counter(
            "cdp_flush_retries", "Transactions that were tried again.", registry=self.registry
        )
        self._queued = Gauge(
            "cdp_queue_events", "Items accepted and not yet committed.", registry=self.registry
        )
        self._request = Histogram(
            "cdp_request_seconds",
            "Duration of HTTP requests by route, method and status.",
            ["route", "method", "status"],
            buckets=_SECONDS,
            registry=self.registry,
        )

    def flushed(self, report: FlushReport) -> None:
        """Count a flush."""
        self._stored.inc(report.stored)
        self._duplicates.inc(report.duplicates)
        self._unanswered.inc(report.unanswered)
        for code, count in report.refused.items():
            self._refused.labels(code).inc(count)
        self._batch.observe(report.events)
        self._flush.observe(report.seconds)
        self._retries.inc(max(0, report.tries - 1))

    def queued(self, events: int) -> None:
        """Note how full the queue is."""
        self._queued.set(events)

    def turned_away(self, events: int) -> None:
        """Count items that found the queue full."""
        self._unanswered.inc(events)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._request.labels(route, method, str(status)).observe(seconds)

    def page(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)
