"""The dashboards of Grafana: what is committed, and every query of it on the real store."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import schemas.metrics as _metrics
from reports.grafana.macros import View, expand
from schemas.settings import BoardSettings
from sinks.clickhouse.client import Store

write = pytest.importorskip("reports.grafana.write")

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "deploy" / "grafana"
_LEAST = BoardSettings().least_people
_NOW = datetime.now(UTC)
_DAY = timedelta(days=1)
_SECONDS = {"1m": 60, "10m": 600, "1h": 3_600, "1d": 86_400}
_EVERYBODY = {"cohort_kind": "all", "cohort": "all", "window": "7d", "journey": "ticket"}
_TEAM = {**_EVERYBODY, "cohort_kind": "team", "cohort": "Alder"}


def _panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((_FOLDER / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for inner in [panel, *panel.get("panels", [])]:
                if inner["type"] != "row":
                    yield f"{path.stem}: {inner['title']}", inner


def _targets(datasource: str) -> list[Any]:
    return [
        pytest.param(panel, target, id=name)
        for name, panel in _panels()
        for target in panel["targets"]
        if target["datasource"]["type"] == datasource
    ]


_SQL = _targets("grafana-clickhouse-datasource")
_OF_PEOPLE = [each for each in _SQL if not str(each.id).startswith("health")]
_PROMQL = _targets("prometheus")


def _ask(
    reader: Store, sql: str, variables: dict[str, str], interval: str = "1h"
) -> list[tuple[Any, ...]]:
    view = View(_NOW - 30 * _DAY, _NOW, variables, _SECONDS[interval])
    return reader.query(expand(sql, view))


def _sql_of(name: str, kind: str) -> str:
    [found] = [panel for title, panel in _panels() if (title, panel["type"]) == (name, kind)]
    sql = found["targets"][0]["rawSql"]
    assert isinstance(sql, str)
    return sql


def test_what_is_committed_is_what_is_generated() -> None:
    made = write.files(_LEAST)
    assert len(made) == 6
    for name, text in made.items():
        assert (_FOLDER / name).read_text("utf-8") == text, f"run `uptake dashboards`: {name}"


def test_another_least_number_of_people_is_in_every_query_about_people() -> None:
    other = write.files(17)
    about_people = [text for name, text in other.items() if "health" not in name]
    assert "17" in "".join(about_people)
    assert not re.search(rf">= {_LEAST}\b", "".join(about_people))


@pytest.mark.parametrize(("panel", "target"), _SQL)
def test_every_panel_has_rows_of_the_simulated_organisation(
    reader: Store, panel: dict[str, Any], target: dict[str, Any]
) -> None:
    rows = _ask(reader, target["rawSql"], _EVERYBODY, panel.get("interval", "1h"))
    assert rows
    assert any(value is not None for row in rows for value in row[1:] or row)
    if target["format"] == 0:
        times = [row[0] for row in rows]
        assert all(isinstance(time, datetime) for time in times)
        assert times == sorted(times)
    assert panel["description"]


@pytest.mark.parametrize(("panel", "target"), _OF_PEOPLE)
def test_no_panel_shows_a_number_of_few_people(
    reader: Store, panel: dict[str, Any], target: dict[str, Any]
) -> None:
    sql = re.sub(rf">= {_LEAST}\b", ">= 1000", target["rawSql"])
    assert sql != target["rawSql"]
    for row in _ask(reader, sql, _EVERYBODY):
        # Ordinals of steps, and how often a period is provisional, are no numbers of people.
        told = [value for value in row if isinstance(value, float)]
        assert told == []
        assert "too few" in row or [value for value in row if isinstance(value, int)] == []


@pytest.mark.parametrize(("panel", "target"), _OF_PEOPLE)
def test_a_cohort_that_is_not_there_has_no_numbers_whatever_its_name(
    reader: Store, panel: dict[str, Any], target: dict[str, Any]
) -> None:
    nobody = {**_TEAM, "cohort": "O'Nobody"}
    rows = _ask(reader, target["rawSql"], nobody)
    assert rows == [] or "by cohort" in panel["title"]


def test_variables_offer_what_there_is(reader: Store) -> None:
    dashboard = json.loads((_FOLDER / "dashboards" / "journeys.json").read_text())
    asked = {v["name"]: v for v in dashboard["templating"]["list"] if v["type"] == "query"}
    assert ("Alder",) in _ask(reader, asked["cohort"]["query"], _TEAM)
    assert "ticket" in [row[0] for row in _ask(reader, asked["journey"]["query"], _TEAM)]
    current = asked["journey"]["current"]
    assert (current["value"], current["text"]) in _ask(reader, asked["journey"]["query"], _TEAM)


@pytest.mark.parametrize("variables", [_EVERYBODY, _TEAM], ids=["everybody", "a team"])
def test_the_newest_value_is_that_of_the_slide_still_open(
    reader: Store, variables: dict[str, str]
) -> None:
    sql = _sql_of("outcomes: First-contact resolution", "stat")
    wanted = reader.query(
        "SELECT if(people >= {least:UInt32}, value, NULL) FROM indicator_latest "
        "WHERE indicator = 'first_contact_resolution' AND window = '28d' "
        "AND cohort_kind = {cohort_kind:String} AND cohort = {cohort:String}",
        {**variables, "least": _LEAST},
    )
    assert _ask(reader, sql, {**variables, "window": "28d"}) == wanted
    assert wanted[0][0] is not None


def test_a_range_in_the_past_shows_the_past(reader: Store) -> None:
    sql = _sql_of("outcomes: Win rate", "stat")
    ends = _NOW - 14 * _DAY
    wanted = reader.query(
        "SELECT value FROM indicators WHERE indicator = 'win_rate' AND window = '7d' AND "
        f"cohort_kind = 'all' AND window_end <= toDateTime({int(ends.timestamp())}) + 86400 "
        "ORDER BY window_end DESC LIMIT 1"
    )
    assert reader.query(expand(sql, View(ends - 30 * _DAY, ends, _EVERYBODY))) == wanted


def test_every_query_of_prometheus_is_understood_and_names_metrics_of_ours(
    tool: Callable[..., str], tmp_path: Path
) -> None:
    known = {sample.name for metric in REGISTRY.collect() for sample in metric.samples}
    known |= {
        f"{metric.name}_bucket" for metric in REGISTRY.collect() if metric.type == "histogram"
    }
    known |= {f"{metric.name}_total" for metric in REGISTRY.collect() if metric.type == "counter"}
    known |= {metric.name for metric in REGISTRY.collect()}
    expressions = [each.values[1]["expr"] for each in _PROMQL]
    assert expressions
    for expression in expressions:
        named = re.findall(r"uptake_\w+", expression)
        assert named
        assert known.issuperset(named), expression
    rules = [
        {"record": f"r{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(expressions)
    ]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(
        [tool("promtool"), "check", "rules", str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert _metrics.INFO


def test_the_alert_rule_asks_what_the_store_answers(reader: Store) -> None:
    [group] = json.loads(write.files(_LEAST)["provisioning/alerting/uptake.json"])["groups"]
    runbook = (_ROOT / "docs" / "runbook.md").read_text()
    for rule in group["rules"]:
        assert reader.query(rule["data"][0]["model"]["rawSql"]) == [(0,)]
        assert f"## {rule['title']}\n" in runbook
