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
    before = Running(data, "embedded", "--config", str(config))
    try:
        before.wait_ready()
        _write(before)
        assert "0 stored + 9 dead" in settle(before)
        assert before.end() == 0
    finally:
        before.kill()
    after = Running(data, "embedded")
    try:
        yield after.wait_ready()
    finally:
        after.kill()


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
