"""What the store keeps comes back as batches on a new broker; dead letters go out again."""

import time
from collections.abc import Iterator

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.partition import learner_partition
from schemas.records import (
    AssetEntry,
    Batch,
    Cohort,
    DeadLetter,
    Enriched,
    EnrichedEvent,
    Event,
    LearnerEntry,
    Life,
    Mark,
    decode_batch,
    encode,
    version_of,
)
from schemas.settings import KafkaSettings, Settings
from schemas.topics import BATCHES, DEAD_LETTERS, SOURCES
from sinks.clickhouse import migrate, rows
from sinks.clickhouse.client import Store
from sinks.clickhouse.errors import NeverValid
from sinks.clickhouse.refused import dead_letter
from streams import admin
from streams.intake import restore
from streams.state import fingerprint
from tests.fixtures.brokers import Broker
from tests.fixtures.store import StoreProcess, running_store
from uptake.dead_letters import letters
from uptake.dead_letters.letters import Place, Wanted
from uptake.dead_letters.replay import replay
from uptake.local.settle import Unsettled
from uptake.repair import lists

EVENTS = 3_000
LEARNERS = [
    LearnerEntry(n.to_bytes(16, "big"), "team", "m", "r", True, 5, False, 9) for n in range(9)
]
ASSETS = [AssetEntry("a", "video", "module", "A film", False, 9)]


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
    return settings


def _event(number: int) -> Event:
    every = number % 7 == 0
    return Event(
        source=number % 3,
        partition=number % 2,
        offset=number,
        generation=1,
        received_at=1_700_000_000_000 + number // 4,
        event_id=(number + 1).to_bytes(16, "big"),
        learner=(number % 31).to_bytes(16, "big"),
        occurred_at=1_690_000_000_123 + number,
        verb="http://adlnet.gov/expapi/verbs/completed",
        object_id=f"https://lms.example.org/é/{number % 11}",
        object_type="http://adlnet.gov/expapi/activities/module",
        parent="parent" if every else "",
        success=True if every else None,
        completion=False if every else None,
        score=-0.25 if every else None,
        duration_ms=12 if every else None,
        attributes={"a": 1, "b": 1.0, "c": True, "d": "é"} if every else {},
    )


def _store(settings: Settings, events: list[Event]) -> None:
    stored = [EnrichedEvent(event, "content.completed", "t", "m", "r", True) for event in events]
    record = Enriched(1, 0, 0, 5, stored, learners=LEARNERS, assets=ASSETS)
    with Store(settings.clickhouse) as store:
        store.command("TRUNCATE TABLE events_log")
        store.insert("events_log", rows.events([record]))
        store.insert("learners", rows.learners([record]))
        store.insert("assets", rows.assets([record]))


def _batches(settings: Settings) -> dict[int, list[Batch]]:
    """All of `uptake.batches`, up to the marks that come last."""
    config = {"bootstrap.servers": settings.kafka.bootstrap, "group.id": "t"}
    consumer = Consumer(config)
    consumer.assign([TopicPartition(BATCHES, n, 0) for n in range(settings.kafka.partitions)])
    found: dict[int, list[Batch]] = {n: [] for n in range(settings.kafka.partitions)}
    try:
        while not all(batches and batches[-1].marks for batches in found.values()):
            message = consumer.poll(20)
            assert message is not None
            assert message.error() is None
            found[message.partition() or 0].append(decode_batch(message.value() or b""))
    finally:
        consumer.close()
    return found


def test_events_and_directories_come_back_as_they_were(
    settings: Settings, store: StoreProcess
) -> None:
    events = [_event(number) for number in range(EVENTS)]
    _store(settings, events)
    told: list[tuple[int, int]] = []
    mark = Mark(1, 0, 2, 3, 9, 1)
    life = Life(7, "begun", fingerprint.of(settings), [mark])
    assert restore.fill(settings, life, lambda done, total: told.append((done, total))) == EVENTS
    assert told[-1] == (EVENTS, EVENTS)
    found = _batches(settings)
    cohort = Cohort("t", "m", "r", True)
    for partition, batches in found.items():
        *restored, ended, last = batches
        assert ended == Batch(7, ended.written_at, restore_ended=True)
        assert last == Batch(7, last.written_at, marks=[mark])
        assert all(batch.restored and not batch.marks for batch in restored)
        assert {batch.generation for batch in restored} == {7}
        assert [entry for batch in restored for entry in batch.assets] == ASSETS
        assert restored[0].assets
        assert [entry for batch in restored for entry in batch.learners] == [
            entry
            for entry in LEARNERS
            if learner_partition(entry.learner, settings.kafka.partitions) == partition
        ]
        assert [event for batch in restored for event in batch.events] == [
            msgspec.structs.replace(event, cohort=cohort, module="")
            for event in sorted(
                events, key=lambda e: (e.received_at, SOURCES[e.source], e.partition, e.offset)
            )
            if learner_partition(event.learner, settings.kafka.partitions) == partition
        ]
        types = [type(v) for batch in restored for e in batch.events for v in e.attributes.values()]
        assert set(types) <= {int, float, bool, str}


def test_events_whose_rows_were_refused_come_back_too(settings: Settings) -> None:
    """Those of letters in the store, and of letters that the sink has not read yet; not those
    that were dropped."""
    _store(settings, [])
    of_store, dropped, on_the_way = (_refused(_event(EVENTS + number)) for number in range(3))
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap})
    producer.produce(DEAD_LETTERS, encode(on_the_way), partition=0)
    assert producer.flush(20) == 0
    with Store(settings.clickhouse) as store:
        store.command("TRUNCATE TABLE dead_letters_log")
        store.insert("dead_letters_log", rows.dead_letters([of_store, dropped]))
        replay(settings, store, [dropped], "drop", 0.0, lambda _: None)
    life = Life(7, "begun", fingerprint.of(settings), [Mark(1, 0, 2, 3, 9, 1)])
    restore.fill(settings, life, lambda _done, _total: None)
    found = [event for each in _batches(settings).values() for b in each for event in b.events]
    cohort = Cohort("t", "m", "r", True)
    assert sorted(found, key=lambda event: event.offset) == [
        msgspec.structs.replace(_event(EVENTS + number), cohort=cohort, module="")
        for number in (0, 2)
    ]


def _refused(event: Event) -> DeadLetter:
    stored = EnrichedEvent(event, "content.completed", "t", "m", "r", True)
    row = tuple(column[0] for column in rows.events([Enriched(1, 0, 0, 5, [stored])]))
    return dead_letter("events_log", row, NeverValid("no", 469), int(time.time() * 1000))


def test_a_refused_row_of_an_indicator_is_computed_again(settings: Settings) -> None:
    """What came meanwhile in its place, or instead of it, may be newer or be gone."""
    row = ("wins", "all", "all", "1h", 60_000, 1, 1, 1, 1, 1, False, 5, version_of(3, 8))
    letter = dead_letter("rolling", row, NeverValid("no", 469), int(time.time() * 1000))
    with Store(settings.clickhouse) as store:
        assert replay(settings, store, [letter], "stop", 0.0, lambda _: None).stored == 1
        [ask] = [ask for ask in lists.open_repairs(store) if ask.indicator == "wins"]
    assert (ask.first_end, ask.last_end, ask.asked) == (60_000, 60_000, version_of(3, 8))


def test_a_dead_letter_goes_out_again_as_it_came(settings: Settings) -> None:
    # The store deletes old ones.
    now = int(time.time() * 1000)
    letter = DeadLetter(
        now, now + 1, "lms", "intake", "not-json", "a number",
        "events.lms", 1, 7 if settings.kafka.memory_only else 8, 1, "0.1.0",
        b"\xff\x00", b"\x00\xffbytes", [("h", b"\xfe"), ("none", None)],
    )  # fmt: skip
    with Store(settings.clickhouse) as store:
        store.insert("dead_letters_log", rows.dead_letters([letter]))
        at = letter.offset
        found = letters.find(store, Wanted("not-json", "lms", place=Place("events.lms", 1, at)), 9)
        assert found == [(letter, None)]
        assert letters.find(store, Wanted("other"), 9) == []
        with pytest.raises(Unsettled, match="1 of 1 records"):
            replay(settings, store, [letter], "stop", 0.0, lambda _: None)
        assert letters.find(store, Wanted("not-json", place=Place("events.lms", 1, at)), 9) == []
        [(_, fate)] = letters.find(store, Wanted(place=Place("events.lms", 1, at), every=True), 9)
        assert fate is not None
        assert (fate.kind, fate.generation) == ("replayed", settings.kafka.generation)
        assert fate.partition >= 0
    consumer = Consumer({"bootstrap.servers": settings.kafka.bootstrap, "group.id": "t"})
    consumer.assign([TopicPartition("events.lms", n, 0) for n in range(settings.kafka.partitions)])
    message = consumer.poll(20)
    consumer.close()
    assert message is not None
    assert (message.key(), message.value()) == (letter.key, letter.value)
    assert message.timestamp()[1] == letter.received_at
    origin = f"1/events.lms/1/{letter.offset}".encode()
    headers = message.headers()
    assert isinstance(headers, list)
    assert headers[:-1] == [*letter.headers, ("uptake-replay", origin)]
    name, replayed_at = headers[-1]
    assert name == "uptake-replayed-at"
    assert now <= int(replayed_at or 0) <= int(time.time() * 1000)


def test_wrong_partitions_are_named(settings: Settings) -> None:
    other = KafkaSettings(bootstrap=settings.kafka.bootstrap, partitions=5)
    with pytest.raises(admin.TopicError, match=r"uptake\.batches has 3 partitions, expected 5"):
        admin.ensure(msgspec.structs.replace(settings, kafka=other))
    assert admin.ensure(settings) == []
    described = admin.describe(settings)
    assert all(each.partitions == each.expected_partitions for each in described)
