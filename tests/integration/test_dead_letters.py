"""Dead letters of a running Uptake: listed, dropped, and replayed after a fix, each event once."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from schemas.settings_load import load
from sinks.clickhouse.client import Store
from tests.fixtures.exact import settle
from tests.fixtures.running import Running, cli
from uptake.dead_letters import letters
from uptake.dead_letters.letters import Wanted
from uptake.dead_letters.replay import _send

_LIMIT = 700
"""Bytes of an event before the fix."""
_LONG = 6
_BROKEN = 3


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """One that has taken long and broken records, and was started again with a higher limit."""
    config = tmp_path / "uptake.toml"
    config.write_text(f"[intake]\nbreaker_share = 1.0\nmax_event_bytes = {_LIMIT}\n")
    data = tmp_path / "data"
    with Running(data, "embedded", "--config", str(config)) as before:
        _write(before)
        assert "0 stored + 9 dead" in settle(before)
        assert before.end() == 0
    with Running(data, "embedded") as after:
        yield after


def _write(running: Running) -> None:
    """Statements that are too long for now, without id or time, and such that stay broken."""
    producer = Producer({"bootstrap.servers": running.run()["kafka"]})
    for number in range(_LONG):
        statement = {
            "actor": {"account": {"homePage": "https://x.example", "name": f"p{number}"}},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
            "object": {"id": f"https://lms.example/{number}/{'x' * _LIMIT}"},
        }
        producer.produce("events.lms", json.dumps(statement).encode())
    for _ in range(_BROKEN):
        producer.produce("events.crm", b"{")
    assert producer.flush(20) == 0


def test_after_a_fix_each_event_counts_once(running: Running) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        done = cli("dead-letters", *arguments, "--config", running.config)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    counts = run("list", "--counts")
    assert re.search(r"lms +intake +too-large +6 \(6 open, 0 replayed, 0 dropped\)", counts)
    assert re.search(r"crm +intake +not-json +3 \(3 open", counts)
    assert "There are none" in run("list", "--since", "2100-01-01")

    # One is refused again: those behind it stay.
    stopped = run("replay", "--source", "crm", code=1)
    assert "3 dead letters: 1 dead again, 2 left as they are" in stopped
    # Two that were not tried, and the new one.
    assert len(run("list", "--source", "crm").splitlines()) == _BROKEN
    assert "3 dead letters: 3 dead again" in run(
        "replay", "--reason", "not-json", "--policy", "re-insert"
    )
    assert "3 dead letters: 3 dropped" in run("replay", "--source", "crm", "--policy", "drop")
    assert "There are none" in run("list", "--source", "crm")
    dropped = run("list", "--all", "--source", "crm").splitlines()
    assert len(dropped) == _BROKEN + 1 + _BROKEN
    assert sum("[dropped" in line for line in dropped) == _BROKEN

    # A replay that is killed after it has sent two, and before that is noted.
    settings = load(Path(running.config)).settings
    with Store(settings.clickhouse) as store:
        found = letters.find(store, Wanted("too-large"), 2, first=True)
    _send(settings, [each.letter for each in found])
    told = run("replay", "--reason", "too-large")
    assert re.search(r"6 dead letters: 4 stored, 2 duplicates", told)
    place = run("list", "--all", "--reason", "too-large").split()[0]
    assert "fate      replayed" in run("show", place)

    account = settle(running).splitlines()[-1]
    # 9 came first, 4 crm letters were sent again, 6 of the lms and 2 of them twice.
    assert "21 received = 6 stored + 13 dead + 2 duplicate; 0 pending, 0 difference" in account
    assert running.rows("SELECT count(), uniqExact(event_id) FROM events") == [[6, 6]]
    assert running.end() == 0


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Running]:
    """One that nothing was sent to."""
    with Running(tmp_path / "fresh", "embedded") as running:
        yield running


def test_what_is_counted_of_a_dropped_row_is_taken_back(fresh: Running) -> None:
    def run(*arguments: str) -> str:
        done = cli(*arguments, "--config", fresh.config, seconds=200)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    refused = "object_id NOT LIKE '%/eve-1' AND object_id NOT LIKE '%/ann-%'"
    with Store(load(Path(fresh.config)).settings.clickhouse) as store:
        store.command(f"ALTER TABLE events_log ADD CONSTRAINT c CHECK {refused}")
        for learner in ("ann", "eve"):
            fresh.post(learner, 3)
        assert "2 stored + 4 dead" in settle(fresh)
        store.command("ALTER TABLE events_log DROP CONSTRAINT c")
    counted = (
        "SELECT max(numerator), toInt32(max(people)) FROM indicators"
        " WHERE indicator = 'opportunities_opened'"
    )
    assert fresh.rows(counted) == [[6, 2]]

    drop = ("dead-letters", "replay", "--reason", "refused_by_store", "--policy", "drop")
    told = run(*drop)
    assert "4 dead letters: 4 dropped, 4 events taken back from the indicators for it" in told
    settle(fresh)
    assert fresh.rows(counted) == [[2, 1]]
    assert run("reconcile").startswith("equal")

    # Named by its place, once more: nothing changes. Inserted all the same: it counts nowhere.
    place = run("dead-letters", "list", "--all", "--reason", "refused_by_store").split()[0]
    assert "1 dead letters: 1 dropped" in run("dead-letters", "replay", place, "--policy", "drop")
    assert "1 dead letters: 1 stored" in run("dead-letters", "replay", place)
    assert "3 stored + 3 dead" in settle(fresh)
    assert fresh.rows(counted) == [[2, 1]]
    assert fresh.rows("SELECT toInt32(countIf(voided)), toInt32(count()) FROM events") == [[1, 3]]
    assert run("reconcile").startswith("equal")
    # State that is made anew, as at each start on this broker, leaves them out too.
    assert fresh.end() == 0
    with Running(fresh.data, "embedded") as again:
        settle(again)
        assert again.rows(counted) == [[2, 1]]
        same = cli("reconcile", "--config", again.config, seconds=200)
        assert same.stdout.startswith("equal"), same.stdout + same.stderr
