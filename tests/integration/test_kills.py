"""The worker is killed at random moments while the three real logs come in: no number differs.

Each run prints its seed and what it killed; `--seed N` repeats the plan (not the moments in the
processes, which the machine decides).
"""

import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.fixtures import logs
from tests.fixtures.brokers import require
from tests.fixtures.exact import assert_exact, load_directory, settle
from tests.fixtures.feeding import Feeder
from tests.fixtures.running import Running
from tests.fixtures.victims import (
    SecondWorker,
    Supervised,
    Victim,
    freeze,
    kill,
    pause,
    wait_alive,
    wait_ready,
)
from tests.recount.recount import Key, Value
from uptake.feed.files import items
from uptake.feed.target import read

_KILLS: Final = 20
_OTHERS: Final = 3
"""So often intake and the sink are killed too."""
_FREEZES: Final = 5
# Longer than a worker waits for the processor on a busy machine: it ends by itself then.
_SESSION_SECONDS: Final = 8.0
_EARLY_SECONDS: Final = 2.5
_WORKING_SECONDS: Final = 2.0

_CONFIG: Final = f"""
[worker]
session_seconds = {_SESSION_SECONDS}
epoch_seconds = 0.4

[intake]
poll_records = 200
pack_events = 20
"""
"""Short epochs and small batches, so that a kill meets every phase of them."""

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]


@pytest.fixture
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    logs.require_logs()
    require("kafka", request.config)
    config = tmp_path / "uptake.toml"
    config.write_text(_CONFIG)
    program = "tests.integration.restarting_up"
    with Running(tmp_path / "data", "kafka", "--config", str(config), program=program) as up:
        yield up


def test_one_worker(running: Running, numbers_of_logs: dict[Key, Value], seed: int) -> None:
    worker = Supervised(running, "worker")
    feed_and_kill(running, [worker], freezes=0, seed=seed)
    assert_exact(running, numbers_of_logs)
    assert running.end() == 0, running.told.read_text()


def test_two_workers_of_which_some_wake_as_zombies(
    running: Running, numbers_of_logs: dict[Key, Value], seed: int
) -> None:
    second = SecondWorker(running)
    try:
        workers: list[Victim] = [Supervised(running, "worker"), second]
        feed_and_kill(running, workers, freezes=_FREEZES, seed=seed)
        assert_exact(running, numbers_of_logs)
        wait_ready(second)
        assert second.end(), second.log.read_text()[-3000:]
    finally:
        second.end()
    assert running.end() == 0, running.told.read_text()


def feed_and_kill(running: Running, workers: list[Victim], freezes: int, seed: int) -> None:
    """Feed all logs and kill meanwhile; return when all is settled and accounted for."""
    load_directory(running)
    settle(running)
    feeder = Feeder(read(Path(running.config)), seed)
    feeder.start()
    _kill_all(running, workers, freezes, random.Random(seed))
    feeder.finish()
    for worker in workers:
        wait_ready(worker)
    account = settle(running)
    print(account)
    print("workers stopped by themselves:", _own_ends(running.data / "logs"))
    events = sum(len(list(items(source, file))) for source, file in logs.FILES.items())
    again = feeder.sent - events
    assert f"all: {feeder.sent:,} received = {events:,} stored + 0 dead + {again:,} dup" in account


def _kill_all(running: Running, workers: list[Victim], freezes: int, chance: random.Random) -> None:
    """Kill the workers `_KILLS` times, and now and then what stands beside them."""
    others = {name: chance.sample(range(_KILLS), _OTHERS) for name in ("intake", "sink")}
    frozen = chance.sample(range(_KILLS), freezes)
    number = 0
    while number < _KILLS:
        for name, at in others.items():
            if number in at:
                at.remove(number)
                kill(wait_alive(Supervised(running, name)))
                print(f"  {name} killed")
        worker = chance.choice(workers)
        how = "frozen" if number in frozen else chance.choice(["early", "working", "working"])
        if _kill(worker, how, chance):
            number += 1
            print(f"{number}: {worker.name} killed, {how}")
        elif how == "frozen":
            frozen.remove(number)
            print(f"   {worker.name} woke and ended before it was killed")


def _kill(worker: Victim, how: str, chance: random.Random) -> bool:
    """Kill it `early` (it starts, recovers), while `working`, or `frozen` for longer than its
    session and just awake. False: it had ended by itself."""
    if how == "early":
        pid = wait_alive(worker)
        pause(chance.uniform(0, _EARLY_SECONDS))
        return kill(pid)
    pid = wait_ready(worker)
    pause(chance.uniform(0, _WORKING_SECONDS))
    if how == "frozen":
        freeze(pid, _SESSION_SECONDS + chance.uniform(0.5, 3.0))
        pause(chance.uniform(0, 0.3))
    return kill(pid)


def _own_ends(folder: Path) -> Counter[str]:
    """Why workers have stopped by themselves, by kind of error."""
    text = "".join(path.read_text() for path in folder.glob("*worker.log"))
    return Counter(re.findall(r"the worker stops: (\w+)", text))
