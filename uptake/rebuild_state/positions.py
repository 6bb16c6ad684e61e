"""Where the groups go on after their topics were made anew."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.records import Mark
from schemas.settings import KafkaSettings, Settings
from schemas.topics import EVENTS, REMADE, SOURCES
from sinks.clickhouse.client import Store
from streams import admin
from streams.intake.books import Book
from streams.kafka_clients import consumer_config, once_coordinated, watermarks

_WAIT_SECONDS: Final = 30.0

_MARKS: Final = """
SELECT source, partition, min(m.first_offset), min(m.next_offset),
    argMin(m.skipped, m.next_offset), count()
FROM marks AS m FINAL
WHERE generation = {generation:UInt32}
GROUP BY source, partition
ORDER BY source, partition
"""
_EVERYWHERE: Final = """
SELECT greatest((SELECT max(batch_partitions) FROM source_ends), uniqExact(batch_partition))
FROM marks
"""


def of_store(store: Store, settings: Settings) -> list[Mark]:
    """How far the store has each source partition: all events below are in it, as rows, as dead
    or as duplicates. Raises StoreError."""
    generation = settings.kafka.generation
    [(everywhere,)] = store.query(_EVERYWHERE)
    found = []
    for source, partition, first, reached, skipped, parts in store.query(
        _MARKS, {"generation": generation}
    ):
        if parts < everywhere:
            # Of some partitions of the batches nothing is there yet.
            reached, skipped = first, 0
        found.append(Mark(SOURCES.index(source), partition, generation, first, reached, skipped))
    return found


def fit(store: Store, partitions: int) -> None:
    """Let the store's account ask for marks of so many partitions of the batches, and forget
    those of partitions that there will not be any more. Raises StoreError."""
    store.command(
        f"ALTER TABLE marks DELETE WHERE batch_partition >= {partitions}"
        " SETTINGS mutations_sync = 2"
    )
    store.command(
        f"ALTER TABLE source_ends UPDATE batch_partitions = {partitions}"
        f" WHERE batch_partitions != {partitions} SETTINGS mutations_sync = 2"
    )


def set_back(settings: Settings, marks: Iterable[Mark]) -> None:
    """Let intake go on at these marks, and at the beginning of source partitions without one.

    What lies above is read again: what the store has of it is known by its coordinates. The
    group must have no members. Raises KafkaException.
    """
    kafka = settings.kafka
    present = admin.present(kafka)
    reached = {(mark.source, mark.partition): mark for mark in marks}
    consumer = _consumer(kafka, settings.intake.group)
    try:
        places = [(topic, n) for topic in EVENTS for n in range(present.get(topic, 0))]
        offsets = []
        for place in _committed(consumer, places):
            source = EVENTS.index(place.topic)
            mark = reached.get((source, place.partition))
            if mark is None and place.offset < 0:
                continue  # it was never read
            if mark is None:
                low, _ = watermarks(consumer, place, _WAIT_SECONDS)
                mark = Mark(source, place.partition, kafka.generation, low, low)
            first, reached_to = mark.first_offset, mark.next_offset
            note = Book(source, place.partition, first, reached_to, mark.skipped).note()
            offsets.append(TopicPartition(place.topic, place.partition, reached_to, metadata=note))
        _commit(consumer, offsets)
    finally:
        consumer.close()


def forget_progress(settings: Settings) -> None:
    """Let nobody skip records of the new topics by what was committed of the old ones. Brokers
    forget it with the topics; this is for one that did not. Raises KafkaException."""
    present = admin.present(settings.kafka)
    places = [(topic, n) for topic in REMADE for n in range(present.get(topic, 0))]
    for group in (settings.worker.group, settings.sink.group):
        consumer = _consumer(settings.kafka, group)
        try:
            stale = [place for place in _committed(consumer, places) if place.offset > 0]
            for place in stale:
                place.offset = 0
            _commit(consumer, stale)
        finally:
            consumer.close()


def _consumer(settings: KafkaSettings, group: str) -> Consumer:
    return Consumer(consumer_config(settings, group, "uptake-rebuild"))


def _committed(consumer: Consumer, places: list[tuple[str, int]]) -> list[TopicPartition]:
    """Each with the offset that its group has committed; below 0: none."""
    if not places:
        return []
    asked = [TopicPartition(*place) for place in places]
    told = once_coordinated(
        partial(consumer.committed, asked, timeout=_WAIT_SECONDS), _WAIT_SECONDS
    )
    for one in told:
        if one.error is not None:
            raise KafkaException(one.error)
    return told


def _commit(consumer: Consumer, offsets: list[TopicPartition]) -> None:
    if not offsets:
        return

    def commit() -> list[TopicPartition]:
        return consumer.commit(offsets=offsets, asynchronous=False)

    for one in once_coordinated(commit, _WAIT_SECONDS):
        if one.error is not None:
            raise KafkaException(one.error)
