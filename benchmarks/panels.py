"""How long each Grafana panel takes on a large store: `python -m benchmarks.panels --events N`.

Events and indicators are made inside of the store (INSERT ... SELECT FROM numbers), as many a day
on each day; then each query of each committed dashboard is asked, as Grafana would ask it with the
dashboard's own range of time, by the user who may only read.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.panels_data import Size, fill
from reports.grafana.macros import View, expand
from schemas.settings import ClickHouseSettings, Settings
from sinks.clickhouse import migrate
from sinks.clickhouse.client import Store
from sinks.clickhouse.embedded.users import READER, reader_password
from streams.catalog.load import load, rows_for_store
from tests.fixtures.store import running_store

_DASHBOARDS = Path(__file__).parents[1] / "deploy" / "grafana" / "dashboards"
_CLICKHOUSE = "grafana-clickhouse-datasource"
_SPANS = {"h": "hours", "d": "days"}
_SECONDS = {"1m": 60, "10m": 600, "1h": 3_600, "1d": 86_400}
_VARIABLES = {
    "everybody": {"cohort_kind": "all", "cohort": "all"},
    "a team": {"cohort_kind": "team", "cohort": "Team 1"},
}
_TARGET_MS = 200
_LOOKS = 5


class Timing(NamedTuple):
    """`milliseconds`: the median of five looks after a first, over HTTP, on the same machine.
    `cpu`: of the store for one look, in ms, merges included; it says more than the time where
    others work."""

    dashboard: str
    panel: str
    whose: str
    rows: int
    milliseconds: float
    cpu: float


class Panel(NamedTuple):
    """A query of a dashboard. `begins`: how far back its range goes."""

    dashboard: str
    title: str
    sql: str
    begins: timedelta
    seconds: int


def panels() -> Iterator[Panel]:
    """Every query of ClickHouse in the committed dashboards."""
    for path in sorted(_DASHBOARDS.glob("*.json")):
        dashboard = json.loads(path.read_text())
        told = dashboard["time"]["from"].removeprefix("now-")
        begins = timedelta(**{_SPANS[told[-1]]: int(told[:-1])})
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                if target["datasource"]["type"] == _CLICKHOUSE:
                    seconds = _SECONDS[panel.get("interval", "1m")]
                    yield Panel(path.stem, panel["title"], target["rawSql"], begins, seconds)


def measure(reader: Store, pid: int) -> Iterator[Timing]:
    """Ask each panel's query a few times. `pid`: of the store."""
    now = datetime.now(UTC)
    for panel in panels():
        for whose, chosen in _VARIABLES.items():
            if whose != "everybody" and "cohort" not in panel.sql:
                continue
            variables = {**chosen, "window": "7d", "journey": "ticket"}
            view = View(now - panel.begins, now, variables, panel.seconds)
            sql = expand(panel.sql, view)
            looks = []
            reader.query(sql)
            before = machine.cpu_seconds(pid)
            for _ in range(_LOOKS):
                began = perf_counter()
                rows = reader.query(sql)
                looks.append((perf_counter() - began) * 1000)
            cpu = (machine.cpu_seconds(pid) - before) * 1000 / _LOOKS
            yield Timing(panel.dashboard, panel.title, whose, len(rows), median(looks), cpu)


def main(arguments: list[str]) -> int:
    """Fill a store (or take one that was kept), measure, print a table; 0."""
    given = _parser().parse_args(arguments)
    console = Console(width=120)
    size = Size(given.events, given.days, given.learners, given.teams)
    with tempfile.TemporaryDirectory(prefix="uptake-panels-") as temporary:
        folder = given.keep or Path(temporary) / "store"
        is_new = not folder.exists()
        with running_store(folder) as process:
            migrate.run(Settings(clickhouse=process.settings), rows_for_store(load()))
            if is_new:
                began = perf_counter()
                fill(process.settings, size, lambda text: console.print(text, highlight=False))
                console.print(f"filled in {perf_counter() - began:.0f} s", highlight=False)
            with _reader(process.settings) as reader:
                found = list(measure(reader, process.pid))
    _show(console, size, found)
    if given.results:
        given.results.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))
    return 0


def _reader(settings: ClickHouseSettings) -> Store:
    password = reader_password(settings.password)
    return Store(msgspec.structs.replace(settings, user=READER, password=password))


def _show(console: Console, size: Size, found: list[Timing]) -> None:
    table = Table(
        "dashboard", "panel", "of", "rows", "ms", "CPU ms", title=f"{size.events:,} events"
    )
    for each in found:
        mark = " *" if each.milliseconds > _TARGET_MS else ""
        table.add_row(
            each.dashboard,
            each.panel,
            each.whose,
            f"{each.rows:,}",
            f"{each.milliseconds:.0f}{mark}",
            f"{each.cpu:.0f}",
        )
    console.print(table)
    slow = sum(each.milliseconds > _TARGET_MS for each in found)
    console.print(
        f"{len(found) - slow} of {len(found)} within {_TARGET_MS} ms; "
        f"load {machine.load_average()}",
        highlight=False,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.panels", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--learners", type=int, default=20_000)
    parser.add_argument("--teams", type=int, default=50)
    parser.add_argument("--keep", type=Path, help="folder of the store; taken as it is if there")
    parser.add_argument("--results", type=Path, help="JSON file to write")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
