"""Prometheus' own `promtool` on the alert rules: well formed, and firing when they should."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import yaml

_ROOT = Path(__file__).parents[2]
_RULES = _ROOT / "deploy" / "prometheus" / "alerts.yml"
_CASES = _ROOT / "tests" / "fixtures" / "alert_rules_test.yml"


def _promtool(program: str, *arguments: str) -> None:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_well_formed(tool: Callable[..., str]) -> None:
    _promtool(tool("promtool"), "check", "rules", str(_RULES))


def test_the_rules_fire_when_they_should(tool: Callable[..., str], tmp_path: Path) -> None:
    cases = tmp_path / "cases.yml"
    cases.write_text(_CASES.read_text().replace("RULES", str(_RULES)))
    _promtool(tool("promtool"), "test", "rules", str(cases))


def test_each_alert_has_a_case() -> None:
    rules = yaml.safe_load(_RULES.read_text())
    cases = yaml.safe_load(_CASES.read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    tried = {
        check["alertname"]
        for test in cases["tests"]
        for check in test["alert_rule_test"]
        if check.get("exp_alerts")
    }
    assert tried == alerts
