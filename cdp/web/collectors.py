"""Metrics that are read off the parts of the application whenever somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import accumulate
from typing import Any, Protocol

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from cdp.db.pool import Database
from cdp.hooks.health import TIMES, CircuitState, PluginHealth
from cdp.ingest.accumulator import Accumulator
from cdp.live.hub import Hub


class PluginFigures(Protocol):
    """Who knows how plugins do."""

    def health(self) -> Iterable[PluginHealth]:
        """Every plugin."""


class Waiting(Protocol):
    """Who knows what waits for plugins."""

    def lag(self) -> Iterable[Any]:
        """A `cdp.settle.background.Lag` for each plugin."""


class InFlightCollector:
    """Requests that are being answered."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now

    def collect(self) -> Iterable[Metric]:
        """Requests that are being answered."""
        yield GaugeMetricFamily(
            "cdp_requests_in_flight", "HTTP requests that are being answered.", value=self._now()
        )


class PoolsCollector:
    """Connections to the database."""

    def __init__(self, pools: Mapping[str, Database]) -> None:
        self._pools = pools

    def collect(self) -> Iterable[Metric]:
        """Connections in use and at rest, and how many there may be."""
        held = GaugeMetricFamily(
            "cdp_pool_connections", "Connections of this process to the database.", labels=["pool", "state"]
        )
        allowed = GaugeMetricFamily("cdp_pool_most", "Connections that a pool may have.", labels=["pool"])
        for name, database in self._pools.items():
            size, idle, most = database.connections()
            held.add_metric([name, "used"], size - idle)
            held.add_metric([name, "idle"], idle)
            allowed.add_metric([name], most)
        yield held
        yield allowed


class HubCollector:
    """Subscriptions."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterable[Metric]:
        """Open subscriptions."""
        yield GaugeMetricFamily("cdp_subscriptions", "Subscriptions that are open.", value=self._hub.watchers)


class QueueCollector:
    """What waits to be stored."""

    def __init__(self, accumulator: Accumulator) -> None:
        self._accumulator = accumulator

    def collect(self) -> Iterable[Metric]:
        """What the accumulator holds."""
        now = self._accumulator.occupied
        yield GaugeMetricFamily(
            "cdp_queue_bytes", "Size of the items accepted and not yet committed.", value=now.size_bytes
        )
        yield GaugeMetricFamily(
            "cdp_flushes_in_flight", "Transactions of ingest that are under way.", value=now.flushes
        )


class PluginsCollector:
    """How plugins do."""

    def __init__(self, plugins: PluginFigures) -> None:
        self._plugins = plugins

    def collect(self) -> Iterable[Metric]:
        """Calls and what came of them, and who is left alone."""
        calls = CounterMetricFamily(
            "cdp_plugin_calls",
            "Calls of plugins, by what came of them.",
            labels=["plugin", "hook", "outcome"],
        )
        left_alone = GaugeMetricFamily(
            "cdp_plugin_left_alone", "1 while a plugin is not called for a hook.", labels=["plugin", "hook"]
        )
        loaded = GaugeMetricFamily("cdp_plugin_loaded", "1 for a plugin that works.", labels=["plugin"])
        times = HistogramMetricFamily(
            "cdp_plugin_call_seconds", "How long calls of plugins took.", labels=["plugin", "hook"]
        )
        blocked = CounterMetricFamily(
            "cdp_plugin_blocked_seconds",
            "For how long a plugin kept an event loop, or the whole process, from running.",
            labels=["plugin"],
        )
        memory = GaugeMetricFamily(
            "cdp_plugin_memory_bytes",
            "The most by which the process grew during calls of a plugin.",
            labels=["plugin"],
        )
        for plugin in self._plugins.health():
            loaded.add_metric([plugin.name], plugin.loaded)
            blocked.add_metric([plugin.name], plugin.blocked_seconds)
            memory.add_metric([plugin.name], plugin.memory_bytes)
            for hook in plugin.hooks:
                place = [plugin.name, hook.hook]
                good = hook.calls - hook.failures - hook.timeouts - hook.refused
                for outcome, count in (
                    ("answered", good),
                    ("raised", hook.failures),
                    ("timed_out", hook.timeouts),
                    ("refused", hook.refused),
                    ("skipped", hook.skipped),
                ):
                    calls.add_metric([*place, outcome], count)
                left_alone.add_metric(place, hook.circuit is CircuitState.OPEN)
                if hook.times:
                    bounds = [*map(str, TIMES), "+Inf"]
                    buckets = list(zip(bounds, accumulate(hook.times), strict=True))
                    times.add_metric(place, buckets, sum_value=hook.seconds)
        yield calls
        yield left_alone
        yield loaded
        yield times
        yield blocked
        yield memory


class BackgroundCollector:
    """What waits for plugins."""

    def __init__(self, background: Waiting, clock: Callable[[], datetime]) -> None:
        self._background = background
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        """What waits, and for how long."""
        counts = GaugeMetricFamily(
            "cdp_plugin_waiting",
            "What plugins are still to be told or to do, over all workspaces: changes, dead changes, jobs.",
            labels=["plugin", "what"],
        )
        ages = GaugeMetricFamily(
            "cdp_plugin_lag_seconds", "Age of the oldest of what waits.", labels=["plugin", "what"]
        )
        now = self._clock()
        for one in self._background.lag():
            for what, number in (("changes", one.changes), ("dead", one.dead), ("jobs", one.jobs)):
                counts.add_metric([one.plugin, what], number)
            for what, oldest in (("changes", one.oldest_change), ("jobs", one.oldest_job)):
                age = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
                ages.add_metric([one.plugin, what], age)
        yield counts
        yield ages
