"""The sink process: records on the embedded broker -> rows in the embedded store."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from schemas import topics
from schemas.records import (
    DeadLetter,
    IndicatorRow,
    Indicators,
    Panes,
    SeriesPanes,
)
from schemas.stopping import Exit
from sinks.clickhouse.client import Store
from tests.fixtures.brokers import Broker
from tests.fixtures.sinking import PARTITIONS, Run
from tests.fixtures.store import running_store
from uptake.dead_letters import letters
from uptake.dead_letters.letters import Wanted
from uptake.dead_letters.replay import Result, replay

NOW = time.time_ns() // 1_000_000


@pytest.fixture
def run(own_broker: Broker, tmp_path: Path) -> Iterator[Run]:
    """All of it, freshly made; the sink not yet started."""
    with running_store(tmp_path / "store") as store:
        made = Run(own_broker, store)
        made.prepare()
        yield made
        made.close()


def test_every_kind_of_record_becomes_rows(run: Run) -> None:
    run.send_events(300)
    for position in range(3):
        cells = [[0, 5, position, 1, 1, 0, 0, 0]]
        run.send(
            topics.PANES, Panes(0, "learners", 0, position, [SeriesPanes("i", "all", "", cells)])
        )
        row = IndicatorRow("i", "all", "", "1h", 60_000, 1, position, 1, 1, 1)
        run.send(topics.INDICATORS, Indicators(0, 0, position, 0, [row]))
    letter = DeadLetter(
        NOW, NOW, "lms", "intake", "bad", "why", "events.lms", 0, 0, 0, "v", None, b"\xff\0",
        [("h", b"\xfe"), ("g", None)],
    )  # fmt: skip
    run.send(topics.DEAD_LETTERS, letter)
    # Nothing of ours: put aside, and all others go on.
    for value in (b"\xc1", b"", msgspec.msgpack.encode({"a": 1})):
        run.producer.produce(topics.ENRICHED, value, partition=0)
    run.producer.flush()
    run.start_sink()
    run.until(run.is_whole)
    run.until(lambda db: db.query("SELECT n FROM panes FINAL") == [(2,)])
    run.until(lambda db: db.query("SELECT num FROM rolling FINAL") == [(2,)])
    reasons = "SELECT reason, count() FROM dead_letters GROUP BY reason ORDER BY reason"
    run.until(lambda db: db.query(reasons) == [("bad", 1), ("undecodable", 3)])
    with Store(run.store.settings) as db:
        kept = "SELECT hex(value) FROM dead_letters_log WHERE reason = "
        assert db.query(f"{kept} 'bad'") == [("FF00",)]
        assert ("C1",) in db.query(f"{kept} 'undecodable'")
        assert db.query("SELECT uniqExact(event_id), count() FROM events") == [(300, 300)]
        assert db.query("SELECT uniqExact(batch_partition) FROM events") == [(PARTITIONS,)]
    assert run.end_sink(signal.SIGTERM) == 0


def test_kills_of_the_sink_lose_and_double_nothing(run: Run) -> None:
    for round_ in range(4):
        run.send_events(5_000)
        run.start_sink()
        wanted = round_ * 4_000 + 1
        run.until(lambda db: db.query("SELECT count() FROM events_log")[0][0] >= wanted)  # noqa: B023
        run.end_sink(signal.SIGKILL)
    run.start_sink()
    run.until(run.is_whole)
    with Store(run.store.settings) as db:
        assert db.query("SELECT count(), uniqExact(offset) FROM events") == [(run.sent, run.sent)]
    assert run.end_sink(signal.SIGTERM) == 0


def test_it_waits_while_the_store_is_away(run: Run) -> None:
    run.start_sink()
    run.send_events(500)
    run.until(run.is_whole)
    run.store.kill()
    run.send_events(20_000)
    run.store.start()
    run.until(run.is_whole)
    run.store.kill()
    run.send_events(500)
    # What it has read and could not store is read again by the next one.
    assert run.end_sink(signal.SIGTERM) in (Exit.DONE, Exit.TIMEOUT)
    run.store.start()
    run.start_sink()
    run.until(run.is_whole)


def test_an_event_that_the_store_refuses_becomes_a_dead_letter(run: Run) -> None:
    with Store(run.store.settings) as db:
        db.command("ALTER TABLE events_log ADD CONSTRAINT c CHECK object_id != 'o3'")
    run.send_events(100)
    run.start_sink()
    refused = sum(offset % 7 == 3 for offset in range(100))
    run.until(lambda db: run.account(db) == (100, 100 - refused, refused, 0, 0, 0, 0))
    run.until(lambda db: db.query("SELECT count() FROM dead_letters") == [(refused,)])
    with Store(run.store.settings) as db:
        found = db.query("SELECT DISTINCT stage, reason, topic, detail FROM dead_letters")
        why = "a row of events_log: error 469: Constraint `c` for table uptake.events_log"
        assert [row[:3] for row in found] == [("sink", "refused_by_store", "events.lms")]
        assert found[0][3].startswith(why)
        assert "Column values" not in found[0][3]
        chosen = [each.letter for each in letters.find(db, Wanted(stage="sink"), 99)]
        told = replay(run.settings, db, chosen, "stop", 0.0, lambda _: None)
        assert told == Result(dead=1, left=refused - 1)
        db.command("ALTER TABLE events_log DROP CONSTRAINT c")
        told = replay(run.settings, db, chosen, "stop", 0.0, lambda _: None)
        assert told == Result(stored=refused)
        assert letters.find(db, Wanted(stage="sink"), 99) == []
        # The event is stored now, at its old place, and no longer dead.
        assert run.account(db) == (100, 100, 0, 0, 0, 0, 0)
        assert db.query("SELECT count(), uniqExact(offset) FROM events") == [(100, 100)]
