"""Dashboards and alert rules -> files, always the same bytes."""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from reports.grafana.alerting import rules
from reports.grafana.dashboards import dashboards


def files(least: int) -> dict[str, str]:
    """Path under the folder of Grafana's files -> content."""
    found = {
        f"dashboards/{name}.json": _text(dashboard.build())
        for name, dashboard in dashboards(least).items()
    }
    found["provisioning/alerting/uptake.json"] = _text(rules())
    return found


def write(folder: Path, least: int) -> list[Path]:
    """Write all files; which ones. Raises OSError."""
    written = []
    for name, text in files(least).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        written.append(path)
    return written


def _text(document: object) -> str:
    return json.dumps(document, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
