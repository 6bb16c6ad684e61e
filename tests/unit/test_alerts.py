"""The alert rules ask for metrics that exist, the runbook says what to do about each, and the page
for operators has a row for each failure that the chaos runs bring about."""

import json
import re
from pathlib import Path
from typing import Any, Final, get_args

import prometheus_client
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from schemas import metrics
from tests.chaos.schedule import What

_ROOT = Path(__file__).parents[2]
_SUFFIX = re.compile(r"_(bucket|sum|count)$")
_ROWS: Final[dict[What, tuple[str, ...]]] = {
    "kill": tuple(
        f"{name} killed"
        for name in ("Collector", "Intake", "Worker", "Sink", "Repair", "Store", "Kafka")
    ),
    "freeze": ("A worker hangs and comes back late (zombie)",),
    "away": ("Away, or answers nothing",),
    "cut": ("Away",),
    "silence": ("Away",),
    "slow": ("Slow, too many parts (252, 202)",),
    "join": ("A worker, intake or sink joins or leaves",),
    "empty": ("One of three brokers lost", "A broker comes back empty"),
    "full": ("Disk full (243)",),
    "clock": ("Our clock jumps",),
    "back": ("Offsets of a group are set back, to any place",),
    "catalog": ("A new catalog (indicator added, changed, removed)",),
    "refuse": ("Refuses a row",),
}
"""Fault of a chaos run -> rows of docs/operations.md."""


def _rules(name: str = "alerts.yml") -> list[dict[str, Any]]:
    document = yaml.safe_load((_ROOT / "deploy" / "prometheus" / name).read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def _labels() -> dict[str, tuple[str, ...]]:
    """Metric, as Prometheus sees it -> its labels."""
    found: dict[str, tuple[str, ...]] = {}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            counted = isinstance(metric, prometheus_client.Counter)
            name = metric._name + ("_total" if counted else "")
            found[name] = tuple(metric._labelnames)
    return found


def test_rules_ask_for_metrics_and_labels_that_exist() -> None:
    known = _labels()
    recorded = {rule["record"] for rule in _rules("recording.yml")}
    for rule in [*_rules(), *_rules("recording.yml")]:
        for name, _, asked in re.findall(r"([\w:]*uptake_[\w:]+)(\{([^}]*)\})?", rule["expr"]):
            if name in recorded:
                continue
            name = _SUFFIX.sub("", name)
            assert name in known, rule
            assert set(re.findall(r"(\w+)=", asked)) <= set(known[name]), rule


def _of_grafana() -> set[str]:
    path = _ROOT / "deploy" / "grafana" / "provisioning" / "alerting" / "uptake.json"
    groups = json.loads(path.read_text())["groups"]
    return {rule["title"] for group in groups for rule in group["rules"]}


def test_each_alert_has_its_place_in_the_runbook() -> None:
    headings = re.findall(r"^## (\w+)$", (_ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    ours = [heading for heading in headings if heading not in _of_grafana()]
    assert [rule["alert"] for rule in _rules()] == ours
    assert _of_grafana() <= {*headings}
    for rule in _rules():
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("critical", "warning")


def _page(name: str) -> str:
    return (_ROOT / "docs" / name).read_text()


def test_each_failure_of_the_chaos_runs_has_its_row_for_operators() -> None:
    first = set(re.findall(r"^\| ([^|]+?) \|", _page("operations.md"), re.MULTILINE))
    assert {*_ROWS} == {*get_args(What)}
    for what, rows in _ROWS.items():
        assert {*rows} <= first, what


@pytest.mark.parametrize("name", ["operations.md", "runbook.md"])
def test_pages_for_operators_name_metrics_and_labels_that_exist(name: str) -> None:
    known = _labels()
    found = re.findall(r"`(uptake_[a-z_]+)(?:\{([^}`]*)\})?`", _page(name))
    assert found
    for metric, asked in found:
        metric = _SUFFIX.sub("", metric)
        assert metric in known, metric
        assert set(re.findall(r"(\w+)=", asked)) <= set(known[metric]), metric


def test_each_alert_is_shown_beside_a_failure() -> None:
    named = set(re.findall(r"`(Uptake[A-Z]\w+)`", _page("operations.md")))
    assert named == {rule["alert"] for rule in _rules()} | _of_grafana()
