"""The dashboard and the alerts ask for what there is, in PromQL, and the guide tells what it means."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import Metric

from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.live.hub import Hub
from cdp.settings import Settings
from cdp.settle.background import Lag
from cdp.web.figures import DatabaseFigures
from cdp.web.metrics import COUNTS, Metrics
from tests.ingest.parts import NOON, Ingest

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "docs/grafana/diptych.json").read_text())
ALERTS = yaml.safe_load((ROOT / "docs/prometheus/alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
FROM_ELSEWHERE = {"instance", "job", "process", "le"}
"""Labels that Prometheus, histograms and several processes add."""


@dataclass
class Shown:
    """What `/metrics` shows: names of lines with their labels."""

    labels: dict[str, set[str]] = field(default_factory=dict)
    families: set[str] = field(default_factory=set)

    def add(self, metric: Metric) -> None:
        self.families.add(metric.name)
        for sample in metric.samples:
            self.labels.setdefault(sample.name, set()).update(sample.labels)


class Behind:
    """Something waits for a plugin."""

    def lag(self) -> list[Lag]:
        return [Lag(plugin="some", changes=1, oldest_change=NOON, jobs=1, oldest_job=NOON)]


@pytest.fixture
async def shown(database: Database, ingest: Ingest, metrics: Metrics) -> Shown:
    """Everything, after each thing has happened once."""
    plugins = Plugins.load(Settings())
    metrics.watch_pools(reads=database)
    metrics.watch_queue(ingest.accumulator)
    metrics.watch_plugins(plugins)
    metrics.watch_hub(Hub(database))
    metrics.watch_background(Behind(), lambda: NOON)
    metrics.staged("flush", 0.1)
    metrics._refused.labels("MISSING_ID").inc()
    metrics.asked()
    metrics.answered("/v1/batch", "POST", 200, 0.1)
    for name, (_, _, labels) in COUNTS.items():
        metrics.counted(name, tuple("some" for _ in labels), 1)
    found = Shown()
    for metric in [*metrics.families(), *await DatabaseFigures(database, lambda: NOON).families()]:
        found.add(metric)
    found.labels["cdp_database_longest_transaction_seconds"] = set()  # shown to those who may see it
    found.labels["up"] = set()  # Prometheus's own
    await plugins.aclose()
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """What is asked for, and where."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"].replace("$__rate_interval", "5m").replace("$job", ".+")
            yield panel["title"], expression
    for rule in RULES:
        yield rule["alert"], rule["expr"]


def selected(expression: str) -> tuple[dict[str, list[Any]], set[str]]:
    """The metrics of an expression with the conditions on them, and the labels that it groups by."""
    metrics: dict[str, list[Any]] = {}
    groups: set[str] = set()

    def visit(node: Any) -> None:
        match node:
            case promql_parser.VectorSelector():
                metrics.setdefault(node.name, []).extend(node.matchers.matchers)
            case promql_parser.AggregateExpr() if node.modifier is not None:
                groups.update(node.modifier.labels)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return metrics, groups


async def test_every_expression_asks_for_metrics_and_labels_that_there_are(shown: Shown) -> None:
    asked = list(expressions())
    assert len(asked) > 60
    for where, expression in asked:
        metrics, groups = selected(expression)
        assert metrics, where
        for name, conditions in metrics.items():
            assert name in shown.labels, f"{where}: {name}"
            labels = {one.name for one in conditions} | groups
            assert labels <= shown.labels[name] | FROM_ELSEWHERE, f"{where}: {labels} of {name}"


def test_every_stage_that_is_asked_for_is_timed_somewhere() -> None:
    code = "".join(path.read_text() for path in (ROOT / "cdp").rglob("*.py"))
    timed = set(re.findall(r'\b(?:stage|took)\(\s*f?"([a-z._]+)', code))
    for where, expression in expressions():
        for conditions in selected(expression)[0].values():
            for one in conditions:
                if one.name == "stage":
                    names = [name for name in timed if re.fullmatch(one.value, name) or name in one.value]
                    assert names or "plugin" in one.value, f"{where}: {one.value}"


async def test_every_metric_of_ours_is_on_the_dashboard_and_in_the_guide(shown: Shown) -> None:
    drawn = {name for _, expression in expressions() for name in selected(expression)[0]}
    guide = (ROOT / "docs/operations.md").read_text()
    for family in sorted(name for name in shown.families if name.startswith("cdp_")):
        assert any(name.removesuffix("_total").startswith(family) for name in drawn), family
        assert f"`{family}" in guide, family


def test_panels_do_not_lie_on_each_other_and_say_what_they_show() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        squares = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not squares & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= squares
        assert panel["type"] == "row" or panel["description"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    wanted = [
        "Overview",
        "Ingest",
        "Back-pressure",
        "Reads",
        "Settling",
        "Plugins",
        "Database",
        "Processes",
        "Access",
    ]
    assert rows == wanted


def test_every_alert_leads_to_a_chapter_of_the_runbook() -> None:
    headings = {
        re.sub(r"[^\w -]", "", line.removeprefix("## ").lower()).replace(" ", "-")
        for line in (ROOT / "docs/runbook.md").read_text().splitlines()
        if line.startswith("## ")
    }
    for rule in RULES:
        page, _, chapter = rule["annotations"]["runbook"].partition("#")
        assert (page, chapter in headings) == ("docs/runbook.md", True), rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")
        assert re.fullmatch(r"\d+m", rule.get("for", "0m"))
