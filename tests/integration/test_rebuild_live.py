"""A period is computed again while events of that very period keep coming, and while `uptake
repair`, whose list is long all the time, is killed again and again: every row equals a recount.

The memory is far too small: nearly every event of the older log is one that memory has let go of.
"""

import json
import random
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Event
from typing import Final

import pytest

from tests.fixtures import logs
from tests.fixtures.exact import assert_exact, load_directory, settle
from tests.fixtures.feeding import Feeder
from tests.fixtures.running import Running, cli, command
from tests.fixtures.victims import Supervised, kill, pause, wait_alive
from tests.fixtures.waiting import wait_for
from tests.recount.recount import recount
from uptake.feed.files import items
from uptake.feed.item import Item
from uptake.feed.senders import sender
from uptake.feed.target import read

_ROWS: Final = {"crm": 500, "ticketing": 600}
"""The tickets are of the year before the deals."""
_FROM, _TO = "2016-02-29", "2016-03-02"
"""Of the windows that are computed again; most tickets lie there."""
_KILLS: Final = 6
_EARLY_SECONDS: Final = 4.0
_LONG_LIST: Final = 100
_PIECE: Final = 5
_SECONDS: Final = 300
_CONFIG: Final = """
[worker]
id_memory = 60

[intake]
poll_records = 5
pack_events = 5
"""
"""Many small batches, because memory is looked at every 128 of them."""

_IN_PERIOD = f"SELECT count() FROM events WHERE occurred_at BETWEEN '{_FROM}' AND '{_TO}'"
_DAMAGED = f"""
FROM rolling FINAL WHERE NOT removed AND window IN ('1d', '7d') AND cohort_kind = 'all'
    AND window_end > '{_FROM}' AND window_end <= '{_TO}'
"""


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """It starts at once whatever is killed; `tests.fixtures.logs` reads the logs' beginnings."""
    for source, file in logs.beginnings(tmp_path, _ROWS).items():
        monkeypatch.setitem(logs.FILES, source, file)
    config = tmp_path / "uptake.toml"
    config.write_text(_CONFIG)
    program = "tests.integration.restarting_up"
    with Running(tmp_path / "data", "embedded", "--config", str(config), program=program) as up:
        yield up


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_a_period_is_computed_again_while_its_events_come(running: Running, seed: int) -> None:
    dice = random.Random(seed)
    tickets = list(items("ticketing", logs.FILES["ticketing"]))
    dice.shuffle(tickets)
    half = len(tickets) // 2
    load_directory(running)
    crm = list(items("crm", logs.FILES["crm"]))
    _send(running, "crm", crm)
    settle(running)
    _send(running, "ticketing", tickets[:half])
    settle(running, _SECONDS)
    damaged = _damage(running)
    before = int(running.query(_IN_PERIOD))

    feeder = Feeder(read(Path(running.config)), seed, {"ticketing": tickets[half:]}, _PIECE)
    feeder.start()
    rebuild = _rebuild(running)
    assert _kill_repair(running, dice) > _KILLS // 2
    answer, _ = rebuild.communicate(timeout=_SECONDS + 30)
    late = int(running.query(_IN_PERIOD)) - before
    feeder.finish()
    assert rebuild.returncode == 0
    done = json.loads(answer)
    print("damaged", damaged, "late events in the period", late, done)
    assert done["differing"] > 0
    assert late > 0

    account = settle(running, _SECONDS)
    received, stored = len(crm) + half + feeder.sent, len(crm) + len(tickets)
    again = received - stored
    assert f"all: {received:,} received = {stored:,} stored + 0 dead + {again:,} dup" in account
    assert_exact(running, recount(logs.events("crm", "ticketing"), logs.directory()))
    assert _open(running) == 0
    assert _differing(running) == 0
    assert running.end() == 0, running.told.read_text()


def _send(running: Running, source: str, feed: list[Item]) -> None:
    way_in = sender("kafka", read(Path(running.config)), source, Event())
    assert not way_in.send(feed)
    way_in.close()


def _damage(running: Running) -> int:
    """Change rows of the period behind the stream's back, with the version that they have."""
    count = int(running.query(f"SELECT count() {_DAMAGED}"))
    running.query(
        "INSERT INTO rolling SELECT indicator, cohort_kind, cohort, window, window_end, n + 1,"
        f" num + 1, den, people, standing, removed, written_at, version {_DAMAGED}"
    )
    assert count > 0
    return count


def _rebuild(running: Running) -> subprocess.Popen[str]:
    """Of the period, while the test goes on."""
    period = ("--from", _FROM, "--to", _TO, "--timeout", str(_SECONDS), "--json")
    return subprocess.Popen(
        command("rebuild", "--config", running.config, *period),
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def _kill_repair(running: Running, dice: random.Random) -> int:
    """Each time while its list is long: soon after its start, or when it has ended some of it.

    Returns how often it had more to do when it was killed.
    """
    repair = Supervised(running, "repair")
    pid = in_the_middle = 0
    for number in range(_KILLS):
        wait_for(lambda: _open(running) >= _LONG_LIST, _SECONDS, "a long list")
        pid = wait_alive(repair, pid)
        if number % 2:
            pause(dice.uniform(0, _EARLY_SECONDS))
        else:
            more = partial(_has_ended_more, running, _ended(running))
            wait_for(more, _SECONDS, "some to be repaired")
        assert kill(pid), "repair had ended by itself"
        left, ended = _open(running), _ended(running)
        print(f"{number}: repair killed, {ended} repairs ended, {left} asks open")
        in_the_middle += left > 0
    return in_the_middle


def _open(running: Running) -> int:
    """Asks that are not ended, of both kinds."""
    walks = "SELECT countIf(outcome = '') FROM recalls FINAL"
    return int(running.query(f"SELECT (SELECT count() FROM repairs_open) + ({walks})"))


def _has_ended_more(running: Running, before: int) -> bool:
    return _ended(running) > before


def _ended(running: Running) -> int:
    """Repairs that are noted as done; that is done many times in one go through the list."""
    return int(running.query("SELECT countIf(outcome = 'done') FROM repairs FINAL"))


def _differing(running: Running) -> int:
    """How many rows of the period another run finds."""
    done = cli("rebuild", "--config", running.config, "--dry-run", "--json", seconds=_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return int(json.loads(done.stdout)["differing"])
