"""Alert rules of Grafana: only what Prometheus cannot see, because it is asked of ClickHouse."""

from reports.grafana import queries
from reports.grafana.panels import CLICKHOUSE, ClickHouseQuery

_EXPRESSION = "__expr__"
_DAY_SECONDS = 86_400
_RUNBOOK = "docs/runbook.md"


def rules() -> dict[str, object]:
    """The file that Grafana is provisioned with."""
    group = {
        "orgId": 1,
        "name": "uptake",
        "folder": "Uptake",
        "interval": "1m",
        "rules": [
            _rule(
                "uptake-events-missing",
                "UptakeEventsMissing",
                queries.DIFFERENCE,
                "10m",
                "critical",
                "Events were passed and are neither stored, dead nor duplicate",
            )
        ],
    }
    return {"apiVersion": 1, "groups": [group]}


def _rule(
    uid: str, title: str, sql: str, lasting: str, severity: str, summary: str
) -> dict[str, object]:
    """Fires when the one number of `sql` is above 0 for `lasting`."""
    asked = {
        "refId": "A",
        "datasourceUid": CLICKHOUSE.uid,
        "relativeTimeRange": {"from": _DAY_SECONDS, "to": 0},
        "model": ClickHouseQuery(sql, is_series=False).to_json(),
    }
    above = {
        "refId": "B",
        "datasourceUid": _EXPRESSION,
        "model": {
            "refId": "B",
            "type": "threshold",
            "expression": "A",
            "datasource": {"type": _EXPRESSION, "uid": _EXPRESSION},
            "conditions": [{"evaluator": {"type": "gt", "params": [0]}}],
        },
    }
    return {
        "uid": uid,
        "title": title,
        "condition": "B",
        "data": [asked, above],
        "for": lasting,
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "runbook": f"{_RUNBOOK}#{title.lower()}"},
    }
