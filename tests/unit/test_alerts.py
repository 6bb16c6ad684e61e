"""The alert rules ask for metrics that exist, and the runbook says what to do about each."""

import json
import re
from pathlib import Path
from typing import Any

import prometheus_client
import yaml
from prometheus_client.metrics import MetricWrapperBase

from schemas import metrics

_ROOT = Path(__file__).parents[2]
_SUFFIX = re.compile(r"_(bucket|sum|count)$")


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
