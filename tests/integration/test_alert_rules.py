"""Prometheus' own `promtool` on the alert rules: well formed, and firing when they should."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

_ROOT = Path(__file__).parents[2]
_RULES = _ROOT / "deploy" / "prometheus" / "alerts.yml"
_RECORDED = _ROOT / "deploy" / "prometheus" / "recording.yml"
_FIXTURES = _ROOT / "tests" / "fixtures"
_CASES = [_FIXTURES / "alert_rules_test.yml", _FIXTURES / "alert_rules_days_test.yml"]


def _promtool(program: str, *arguments: str) -> None:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_well_formed(tool: Callable[..., str]) -> None:
    _promtool(tool("promtool"), "check", "rules", str(_RECORDED), str(_RULES))


@pytest.mark.parametrize("file", _CASES, ids=lambda file: file.stem)
def test_the_rules_fire_when_they_should(
    tool: Callable[..., str], tmp_path: Path, file: Path
) -> None:
    cases = tmp_path / "cases.yml"
    text = file.read_text().replace("- RECORDED", f"- {_RECORDED}")
    cases.write_text(text.replace("- RULES", f"- {_RULES}"))
    _promtool(tool("promtool"), "test", "rules", str(cases))


def _rules(path: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def test_each_rule_has_a_case() -> None:
    tests = [test for file in _CASES for test in yaml.safe_load(file.read_text())["tests"]]
    fired = {
        check["alertname"]
        for test in tests
        for check in test.get("alert_rule_test", [])
        if check.get("exp_alerts")
    }
    assert fired == {rule["alert"] for rule in _rules(_RULES)}
    asked = {
        check["expr"]
        for test in tests
        for check in test.get("promql_expr_test", [])
        if check.get("exp_samples")
    }
    assert asked == {rule["record"] for rule in _rules(_RECORDED)}
