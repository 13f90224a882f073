"""Our own counters are shown as the library's would be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric

from cdp.web.counting import Counts, Durations
from cdp.web.exposition import page

BOUNDS = (0.001, 0.5, 1.0, 2.5)


def shown(*collectors: object) -> bytes:
    metrics: list[Metric] = []
    for collector in collectors:
        metrics += collector.collect()  # type: ignore[attr-defined]
    return page(metrics)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([0, 0.001, 0.3, 0.5, 1, 2.5, 2.6, 99.0]))))
def test_durations_are_those_of_a_histogram(observed: list[tuple[str, float]]) -> None:
    registry = CollectorRegistry()
    theirs = Histogram("x_seconds", "How long.", ["what"], buckets=BOUNDS, registry=registry)
    ours = Durations("x_seconds", "How long.", ("what",), BOUNDS)
    for label, seconds in observed:
        theirs.labels(label).observe(seconds)
        ours.observe((label,), seconds)
    assert sorted(shown(ours).splitlines()) == sorted(page(registry.collect()).splitlines())


def test_counts_are_those_of_a_counter() -> None:
    registry = CollectorRegistry()
    theirs = Counter("x", "How often.", ["what", "why"], registry=registry)
    ours = Counts("x", "How often.", ("what", "why"))
    for labels, by in ((("a", "b"), 2), (("a", "c"), 1), (("a", "b"), 3)):
        theirs.labels(*labels).inc(by)
        ours.add(labels, by)
    assert shown(ours) == page(registry.collect())
    assert b"x_total 0.0" in shown(Counts("x", "How often.", ()))


def test_labels_that_a_counter_has_not_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="x has the labels what"):
        Counts("x", "How often.", ("what",)).add(("a", "b"), 1)
