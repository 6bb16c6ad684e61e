"""The sink process: records on the embedded broker -> rows in the embedded store."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from schemas import records, topics
from schemas.records import (
    DeadLetter,
    Enriched,
    EnrichedEvent,
    Event,
    IndicatorRow,
    Indicators,
    Mark,
    Panes,
    SeriesPanes,
)
from schemas.settings import KafkaSettings, Settings, SinkSettings
from schemas.stopping import Exit
from sinks.clickhouse import migrate
from sinks.clickhouse.client import Store
from tests.fixtures.brokers import Broker
from tests.fixtures.store import StoreProcess, running_store
from uptake.dead_letters import letters
from uptake.dead_letters.letters import Wanted
from uptake.dead_letters.replay import Result, replay

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 90
PARTITIONS = 3
NOW = time.time_ns() // 1_000_000


class Run:
    """A broker, a store, and a sink process that can be killed."""

    def __init__(self, broker: Broker, store: StoreProcess) -> None:
        self.store = store
        self.settings = Settings(
            kafka=KafkaSettings(bootstrap=broker.bootstrap, partitions=PARTITIONS),
            clickhouse=store.settings,
            sink=SinkSettings(batch_rows=2_000, flush_seconds=0.2),
        )
        self.producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 5})
        self.sent = 0
        self._batch_offsets = [0] * PARTITIONS
        self._sink: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        migrate.run(self.settings, {})
        spread = (*topics.EVENTS, topics.ENRICHED, topics.PANES, topics.INDICATORS)
        made = [NewTopic(name, PARTITIONS, 1) for name in spread]
        admin = AdminClient({"bootstrap.servers": self.settings.kafka.bootstrap})
        for future in admin.create_topics([*made, NewTopic(topics.DEAD_LETTERS, 1, 1)]).values():
            future.result()

    def send(self, topic: str, record: object, partition: int = 0) -> None:
        self.producer.produce(topic, records.encode(record), partition=partition)
        self.producer.poll(0)

    def send_events(self, count: int) -> None:
        """Events of `events.lms`, partition 0, in batches of 100 over all partitions."""
        for _ in range(count // 100):
            partition = (self.sent // 100) % PARTITIONS
            stored = [_event(self.sent + n) for n in range(100)]
            self.sent += 100
            self._send_batch(partition, stored)
        for partition in range(PARTITIONS):
            self._send_batch(partition, [])
        self.producer.flush()

    def _send_batch(self, partition: int, stored: list[EnrichedEvent]) -> None:
        mark = Mark(2, 0, 0, 0, self.sent)
        offset = self._batch_offsets[partition]
        self._batch_offsets[partition] += 1
        record = Enriched(0, partition, offset, 0, stored=stored, marks=[mark])
        self.send(topics.ENRICHED, record, partition)

    def start_sink(self) -> None:
        settings = msgspec.json.encode(self.settings).decode()
        code = (
            "import msgspec; from schemas.settings import Settings;"
            "from sinks.clickhouse import service;"
            f"raise SystemExit(service.run(msgspec.json.decode({settings!r}, type=Settings)))"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._sink = subprocess.Popen([sys.executable, "-c", code], env=environment)

    def end_sink(self, number: int) -> int:
        assert self._sink is not None
        self._sink.send_signal(number)
        try:
            return self._sink.wait(30)
        finally:
            self._sink.kill()

    def until(self, met: Callable[[Store], bool]) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        with Store(self.store.settings) as db:
            while not met(db):
                assert self._sink is not None
                assert self._sink.poll() is None, "the sink ended"
                assert time.monotonic() < deadline, db.query("SELECT * FROM conservation")
                time.sleep(0.05)

    def account(self, db: Store) -> tuple[int, ...]:
        found = db.query("SELECT * EXCEPT source FROM conservation WHERE source = 'lms'")
        return found[0] if found else ()

    def is_whole(self, db: Store) -> bool:
        """Everything sent is there; and at no time is anything called lost."""
        account = self.account(db)
        assert not account or account[-2:] == (0, 0), account
        return account == (self.sent, self.sent, 0, 0, 0, 0, 0)


@pytest.fixture
def run(own_broker: Broker, tmp_path: Path) -> Iterator[Run]:
    """All of it, freshly made; the sink not yet started."""
    with running_store(tmp_path / "store") as store:
        made = Run(own_broker, store)
        made.prepare()
        yield made
        if made._sink is not None and made._sink.poll() is None:
            made._sink.kill()
            made._sink.wait()


def _event(offset: int) -> EnrichedEvent:
    now = time.time_ns() // 1_000_000
    plain = Event(
        2, 0, offset, 0, now, offset.to_bytes(16, "big"), (offset % 50).to_bytes(16, "big"),
        1_638_000_000_000 + offset * 1_000, "v", f"o{offset % 7}", "t",
    )  # fmt: skip
    return EnrichedEvent(plain, "video.played", f"team {offset % 3}", "", "", True)


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
