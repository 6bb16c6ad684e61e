"""`uptake reconcile` on a running pipeline: equal, and not equal after a row was changed."""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from tests.chaos.memory import over_bound
from tests.fixtures.exact import settle
from tests.fixtures.running import Running, cli, command
from tests.fixtures.waiting import wait_for
from uptake.local.ports import free_ports

_VERBS = ("as:create", "as:assign", "as:resolve", "as:open", "as:close", "as:update")
_TAMPER = (
    "INSERT INTO rolling SELECT indicator, cohort_kind, cohort, window, window_end, n, num + 1,"
    " den, people, standing, removed, written_at, version + 1 FROM rolling FINAL"
    " WHERE indicator = 'tickets_opened' AND window = '7d' AND cohort_kind = 'all' AND num = {num}"
    " ORDER BY window_end LIMIT 1"
)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path / "data", "embedded") as up:
        yield up


def _tickets(count: int) -> list[dict[str, object]]:
    """Tickets of a month, each through many hands."""
    dice = Random(4)
    return [
        {
            "id": str(UUID(int=dice.getrandbits(128), version=4)),
            "occurred_at": f"2026-03-{dice.randrange(1, 29):02}T{dice.randrange(24):02}:30:00Z",
            "learner": f"agent {dice.randrange(9)}",
            "verb": dice.choice(_VERBS),
            "object": {"id": f"INC{dice.randrange(count // 8)}", "type": "as:issue"},
            "attributes": {"public": dice.random() < 0.5, "sla_met": dice.random() < 0.8},
        }
        for _ in range(count)
    ]


def _reconcile(running: Running, *more: str) -> subprocess.CompletedProcess[str]:
    return cli("reconcile", "--config", running.config, *more, seconds=200)


def test_equal_until_a_row_is_changed(running: Running, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text(
        "learner,issuer,team,eligible\n"
        + "".join(f"agent {n},ticketing,team {n % 3},{n % 4 > 0}\n" for n in range(9))
    )
    assert cli("directory", "load", str(people), "--config", running.config).returncode == 0
    settle(running)
    running.send("/events/ticketing", _tickets(800))
    running.post("ada", 30)
    settle(running)

    same = _reconcile(running, "--json")
    assert same.returncode == 0, same.stdout + same.stderr
    report = json.loads(same.stdout)
    rows = int(running.query("SELECT count() FROM indicators WHERE window_end <= now() - 600"))
    assert (report["equal"], report["rows"], report["first"]) == (True, rows, None)
    assert rows > 5_000

    highest = running.query(
        "SELECT max(num) FROM rolling FINAL WHERE indicator = 'tickets_opened' AND window = '7d'"
    )
    running.query(_TAMPER.format(num=highest))
    different = _reconcile(running)
    assert different.returncode == 1, different.stdout + different.stderr
    assert f"different: 1 of {rows:,} rows compared" in different.stdout
    wrong, right = int(highest) + 1, int(highest)
    assert "first difference: tickets_opened of all all, window 7d that ends 2026-" in (
        different.stdout
    )
    assert f"streamed n={right} num={wrong} den=0" in different.stdout
    assert f"recounted n={right} num={right} den=0" in different.stdout
    before = _reconcile(running, "--to", "2026-02-27")
    assert before.returncode == 0, before.stdout
    assert before.stdout.startswith("equal: 0 rows compared")

    _check_metrics(running)
    assert running.end() == 0, running.told.read_text()


def _check_metrics(running: Running) -> None:
    [port] = free_ports(1)
    process = subprocess.Popen(
        command("reconcile", "--config", running.config, "--every", "1h"),
        env=_environment(port),
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    try:
        wait_for(lambda: _scraped(port).get("uptake_reconcile_differences") == 1.0, 300, "a result")
        found = _scraped(port)
        assert found["uptake_reconcile_equal"] == 0.0
        assert found['uptake_reconcile_runs_total{result="different"}'] == 1.0
        assert found["uptake_reconcile_seconds"] > 0.0
        used = int(found["process_resident_memory_bytes"]) >> 20
        assert over_bound({"reconcile": used}) == []
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _environment(port: int) -> dict[str, str]:
    return {**os.environ, "UPTAKE_METRICS_PORT": str(port)}


def _scraped(port: int) -> dict[str, float]:
    """Metric with its labels -> value; empty while nothing answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return {}
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")
    }
