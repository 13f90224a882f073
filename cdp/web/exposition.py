"""What `/metrics` shows: of this process, of the others that share its port, and of their database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry, Metric, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Sample(Struct, frozen=True, array_like=True):
    """One line."""

    name: str
    labels: dict[str, str]
    value: float


class Family(Struct, frozen=True, array_like=True):
    """One metric with all its lines, on its way to another process."""

    name: str
    documentation: str
    type: str
    samples: list[Sample]


_decode = msgspec.json.Decoder(list[Family]).decode


def pack(metrics: Iterable[Metric]) -> bytes:
    """Metrics for another process."""
    return msgspec.json.encode(
        [
            Family(
                one.name,
                one.documentation,
                one.type,
                [Sample(sample.name, sample.labels, float(sample.value)) for sample in one.samples],
            )
            for one in metrics
        ]
    )


def unpack(data: bytes) -> list[Metric]:
    """Metrics from another process.

    Raises:
        msgspec.MsgspecError: it is something else.
    """
    found = []
    for family in _decode(data):
        metric = Metric(family.name, family.documentation, family.type)
        for sample in family.samples:
            metric.add_sample(sample.name, sample.labels, sample.value)
        found.append(metric)
    return found


def merged(pages: Sequence[tuple[str, Iterable[Metric]]]) -> list[Metric]:
    """The metrics of several processes in one list, each line with the `process` that it is from.

    Not added up: a process that starts anew counts from zero, and `rate()` can only make up for that line by line.
    """
    found: dict[str, Metric] = {}
    for process, metrics in pages:
        for one in metrics:
            metric = found.setdefault(one.name, Metric(one.name, one.documentation, one.type))
            for sample in one.samples:
                metric.add_sample(sample.name, {**sample.labels, "process": process}, sample.value)
    return list(found.values())


def page(metrics: Iterable[Metric]) -> bytes:
    """Metrics in Prometheus's text format."""
    return generate_latest(_Given(metrics))


class _Given(CollectorRegistry):
    """Stands where a registry is asked for."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        super().__init__()
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        """What was given, without the times at which counters were made: they double the lines and help nobody."""
        for one in self._metrics:
            kept = Metric(one.name, one.documentation, one.type)
            kept.samples = [sample for sample in one.samples if not sample.name.endswith("_created")]
            yield kept
