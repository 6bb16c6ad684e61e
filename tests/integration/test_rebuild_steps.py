"""The steps of a rebuild of state, on a real broker and store: what they delete, what they keep,
where reading goes on, and that each may be broken off and done again."""

import random
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas import topics
from schemas.records import LearnerEntry, decode_batch, version_of
from schemas.settings import Settings
from schemas.settings_load import dump
from sinks.clickhouse import migrate
from sinks.clickhouse.client import Store
from streams import admin, life
from streams.intake import directory
from streams.intake.books import reopened
from streams.kafka_clients import consumer_config
from streams.kafka_records import records
from tests.fixtures.brokers import Broker
from tests.fixtures.running import cli, command
from tests.fixtures.store import StoreProcess, running_store
from uptake.rebuild_state import procedure

_OLD_LIFE = 6
_ROLLING = (
    "INSERT INTO rolling (indicator, window_end, version) VALUES ('i', '2026-01-01', {version})"
)
_MARKS = """INSERT INTO marks VALUES
    ('lms', 2, 0, 0, 3, 90, 4), ('lms', 2, 0, 1, 3, 70, 2), ('lms', 2, 0, 2, 3, 80, 3),
    ('lms', 2, 1, 0, 0, 50, 0), ('lms', 2, 1, 1, 0, 50, 0),
    ('lms', 1, 0, 0, 0, 500, 0), ('lms', 1, 0, 1, 0, 500, 0), ('lms', 1, 0, 2, 0, 500, 0)"""
"""(source, generation, partition, batch partition, first, next, skipped): of another life of the
sources; of lms/1 the last partition of the batches has said nothing yet."""

_EVENTS = """INSERT INTO events_log
    (event_id, occurred_at, received_at, source, signal, verb, object_id, learner, offset)
    SELECT toFixedString(leftPad(hex(number), 16, '0'), 16), now64(3), now64(3), 'crm',
        'deal.won', 'v', 'o', toFixedString(leftPad(hex(number % 50), 16, '0'), 16), number
    FROM numbers(5000)"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with running_store(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def settings(store: StoreProcess, own_broker: Broker) -> Settings:
    kafka = msgspec.structs.replace(own_broker.settings, generation=2)
    settings = Settings(kafka=kafka, clickhouse=store.settings)
    migrate.run(settings, {})
    admin.ensure(settings)
    with Store(settings.clickhouse) as db:
        for table in ("marks", "source_ends", "rolling", "events_log"):
            db.command(f"TRUNCATE TABLE {table}")
        db.command(_MARKS)
        db.command("INSERT INTO source_ends VALUES ('lms', 2, 0, 0, 90, 3, now64(3))")
        db.command(_ROLLING.format(version=version_of(_OLD_LIFE, 99)))
    return settings


def _with(settings: Settings, **kafka: int) -> Settings:
    return msgspec.structs.replace(settings, kafka=msgspec.structs.replace(settings.kafka, **kafka))


def _none(_: object, __: object = None) -> None:
    """Nobody is told."""


def _committed(settings: Settings, topic: str, partition: int) -> TopicPartition:
    consumer = Consumer(consumer_config(settings.kafka, settings.intake.group, "t"))
    try:
        [found] = consumer.committed([TopicPartition(topic, partition)], timeout=20)
        return found
    finally:
        consumer.close()


def _commit(settings: Settings, group: str, *places: TopicPartition) -> None:
    consumer = Consumer(consumer_config(settings.kafka, group, "t"))
    consumer.commit(offsets=list(places), asynchronous=False)
    consumer.close()


def _write(settings: Settings, *records: tuple[str, int, bytes | None, bytes]) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap})
    for topic, partition, key, value in records:
        producer.produce(topic, value, key, partition=partition)
    assert producer.flush(20) == 0


def test_a_new_life_begins_where_the_store_is(settings: Settings) -> None:
    entry = LearnerEntry(bytes(16), "team", changed_at=1)
    key, value = directory.record(entry)
    _write(
        settings,
        (topics.BATCHES, 2, None, b"old"),
        ("events.lms", 0, None, b"kept"),
        (topics.DIRECTORY, 0, key, value),
    )
    _commit(settings, settings.worker.group, TopicPartition(topics.BATCHES, 2, 1))
    _commit(
        settings,
        settings.intake.group,
        *(TopicPartition("events.lms", partition, 95) for partition in range(3)),
        TopicPartition(topics.DIRECTORY, 0, 1),
    )
    wide = _with(settings, partitions=2)
    assert "uptake.batches has 3 partitions, expected 2" in procedure.due(wide)
    begun = procedure.begin(wide, 0, _none)
    assert begun.number > _OLD_LIFE
    assert admin.unlike(wide) == []
    there = admin.present(wide.kafka)
    assert {there[name] for name in topics.REMADE} == {2}
    assert there["events.lms"] == 3
    assert list(records(wide.kafka, topics.BATCHES, 0)) == []
    assert [m.value() for m in records(wide.kafka, "events.lms", 0)] == [b"kept"]

    # Intake goes on at the least of the marks; where one is missing, at the first offset.
    found = {n: _committed(wide, "events.lms", n) for n in range(3)}
    assert {n: at.offset for n, at in found.items()} == {0: 70, 1: 0, 2: 0}
    if not wide.kafka.memory_only:
        book = reopened(2, 0, 70, found[0].metadata)
        assert book is not None
        assert (book.first_offset, book.skipped) == (3, 2)
    assert _committed(wide, topics.DIRECTORY, 0).offset == 1
    with pytest.raises(life.RebuildUnfinished, match="rebuild-state"):
        life.number(wide.kafka)
    with Store(wide.clickhouse) as db:
        assert db.query("SELECT max(batch_partition) FROM marks") == [(1,)]
        assert db.query("SELECT max(batch_partitions) FROM source_ends") == [(2,)]

    procedure.fill(wide, begun, _none)
    assert life.number(wide.kafka) == begun.number
    for partition in range(2):
        *restored, ended, last = [
            decode_batch(message.value() or b"")
            for message in records(wide.kafka, topics.BATCHES, partition)
        ]
        assert ended.restore_ended
        assert last.marks == begun.positions
        # What intake has read of the directory's topic and the store does not have yet.
        assert [line for batch in restored for line in batch.learners] in ([], [entry])


def test_broken_off_at_any_step_and_done_again(settings: Settings) -> None:
    first = procedure.begin(settings, 0, _none)
    assert "did not end" in procedure.due(settings)
    # Marks that were changed meanwhile decide nothing any more.
    with Store(settings.clickhouse) as db:
        db.command("TRUNCATE TABLE marks")
        db.command("INSERT INTO marks VALUES ('lms', 2, 0, 0, 3, 5000, 0)")
    admin_only = procedure.begin(settings, 0, _none)
    assert admin_only.positions == first.positions
    assert admin_only.number > first.number
    second = procedure.begin(settings, 0, _none)
    procedure.fill(settings, second, _none)
    assert procedure.due(settings) == ""
    assert procedure.unfinished(settings) == msgspec.structs.replace(second, phase="filled")
    other = _with(settings, partitions=4)
    assert "number of partitions (3)" in procedure.due(other)


def test_nothing_is_touched_while_somebody_is_at_work(settings: Settings) -> None:
    if settings.kafka.memory_only:
        pytest.skip("the embedded broker names no members")
    _write(settings, (topics.BATCHES, 0, None, b"old"))
    config = {
        **consumer_config(settings.kafka, settings.intake.group, "t"),
        "auto.offset.reset": "earliest",
    }
    consumer = Consumer(config)
    consumer.subscribe(["events.lms"])
    try:
        told: list[str] = []

        def tick(text: str) -> None:
            told.append(text)
            consumer.poll(0.1)

        while not procedure.at_work(settings):
            consumer.poll(0.2)
        with pytest.raises(procedure.StillAtWork, match="1 intake"):
            procedure.begin(settings, 0.3, tick)
        assert told
    finally:
        consumer.close()
    assert [m.value() for m in records(settings.kafka, topics.BATCHES, 0)] == [b"old"]
    assert life.read(settings.kafka) is None


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_the_command_is_killed_at_any_moment_and_run_again(
    settings: Settings, tmp_path: Path, seed: int
) -> None:
    if settings.kafka.memory_only:
        pytest.skip("the command is for a cluster")
    with Store(settings.clickhouse) as db:
        db.command(_EVENTS)
    config = tmp_path / "settings.json"
    config.write_bytes(dump(settings))
    arguments = ("rebuild-state", "--config", str(config), "--timeout", "0")
    chance = random.Random(seed)
    for _ in range(4):
        process = subprocess.Popen(command(*arguments), cwd=Path(__file__).parents[2])
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(1.0, 5.0))
        process.kill()
        process.wait()
    # Nobody reads, so the numbers can not come; all else is done.
    done = cli(*arguments, seconds=200)
    assert done.returncode == 4, done.stderr
    assert "start worker, sink, repair and intake now" in done.stdout
    found = life.read(settings.kafka)
    assert found is not None
    assert found.phase == "filled"
    ids: list[bytes] = []
    for partition in range(settings.kafka.partitions):
        for record in records(settings.kafka, topics.BATCHES, partition):
            batch = decode_batch(record.value() or b"")
            assert batch.generation == found.number
            ids += [event.event_id for event in batch.events]
    assert len(ids) == len({*ids}) == 5_000
