"""The three real logs through the whole way, against two independent recounts. Exactly."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures import logs
from tests.fixtures.brokers import KINDS, Kind, require
from tests.fixtures.running import Running, cli
from tests.recount import recount_sql
from tests.recount.recount import Key, Value, recount

_DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def wanted() -> dict[Key, Value]:
    """What the plain recount of the files says."""
    logs.require_logs()
    return recount(logs.events(), logs.directory())


@pytest.fixture(params=KINDS)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    logs.require_logs()
    kind: Kind = request.param
    require(kind, request.config)
    up = Running(tmp_path / "data", kind)
    try:
        yield up.wait_ready()
    finally:
        up.kill()


def test_exact_by_http_and_then_by_kafka(
    running: Running, wanted: dict[Key, Value]
) -> None:
    """The second replay, by the other entrance, changes no number."""
    load_directory(running)
    replay(running, "http")
    settle(running)
    assert_exact(running, wanted)
    replay(running, "kafka")
    account = settle(running)
    assert_exact(running, wanted)
    events = len(logs.events())
    assert f"all: {2 * events:,} received = {events:,} stored + 0 dead + {events:,} dup" in account
    assert running.end() == 0, running.told.read_text()


def test_exact_by_kafka_alone(running: Running, wanted: dict[Key, Value]) -> None:
    load_directory(running)
    replay(running, "kafka")
    settle(running)
    assert_exact(running, wanted)
    assert recount_sql.recount(running.rows) == wanted
    assert running.end() == 0, running.told.read_text()


def load_directory(running: Running) -> None:
    done = cli("directory", "load", str(logs.TEAMS), "--config", running.config)
    assert done.returncode == 0, done.stdout + done.stderr


def replay(running: Running, via: str) -> None:
    for source, file in logs.FILES.items():
        done = cli(
            "replay", source, str(file), "--via", via, "--config", running.config, seconds=180
        )
        assert done.returncode == 0, done.stdout + done.stderr


def settle(running: Running) -> str:
    done = cli("settle", "--config", running.config, "--timeout", "120", seconds=150)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_exact(running: Running, wanted: dict[Key, Value]) -> None:
    found = shown(running)
    differences = [
        f"{key}: shown {found.get(key)}, is {wanted.get(key)}"
        for key in {*found, *wanted}
        if found.get(key) != wanted.get(key)
    ]
    assert not differences, "\n".join(
        [f"{len(differences)} of {len(wanted)} rows differ", *sorted(differences)[:10]]
    )


def shown(running: Running) -> dict[Key, Value]:
    """The view `indicators` in the recount's form."""
    rows = running.query(
        "SELECT indicator, cohort_kind, cohort, window, toUnixTimestamp64Milli(window_end),"
        " numerator, denominator, people FROM indicators FORMAT JSONCompactEachRow"
    )
    found = {}
    for line in rows.splitlines():
        indicator, kind, cohort, window, end, top, bottom, people = json.loads(line)
        if indicator == "days_to_close":
            top = round(top * _DAY_MS)
        key = Key(indicator, kind, cohort, window, int(end))
        found[key] = Value(round(top), None if bottom is None else round(bottom), int(people))
    return found
