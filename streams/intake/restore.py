"""Gives the log of an embedded broker, which begins empty, what the store has from before.

Every event that was stored is written once more to its partition of `uptake.batches`, with its
old coordinates and the cohort it had, so that the worker can rebuild its state; the directories
come first. Nothing of it is stored a second time.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.records import AssetEntry, Attribute, Batch, Cohort, Event, LearnerEntry, encode
from schemas.settings import KafkaSettings, Settings
from schemas.topics import BATCHES, SOURCES
from streams.intake import store
from streams.intake.packer import Packer, encoded
from streams.intake.writer import Writer
from streams.kafka_clients import consumer_config

_GROUP = "uptake-restore"
_DONE = TopicPartition(BATCHES, 0, 1)
"""Committed in our group once all is restored: a broker that forgot everything forgot this too."""
_WAIT_SECONDS = 60.0

_EVENTS = """
SELECT source, partition, offset, generation, toUnixTimestamp64Milli(received_at),
    event_id, learner, toUnixTimestamp64Milli(occurred_at),
    verb, object_id, object_type, parent, success, completion, score, duration_ms, attributes,
    team, manager, region, eligible
FROM events_log
ORDER BY received_at, generation, source, partition, offset
"""
_LEARNERS = """
SELECT learner, team, manager, region, eligible, toUnixTimestamp64Milli(since), removed,
    toUnixTimestamp64Milli(changed_at)
FROM learners FINAL ORDER BY learner
"""
_ASSETS = """
SELECT asset_id, kind, module, title, removed, toUnixTimestamp64Milli(changed_at)
FROM assets FINAL ORDER BY asset_id
"""
_SOURCE_NUMBERS = {source: number for number, source in enumerate(SOURCES)}
_NO_ATTRIBUTES: dict[str, Attribute] = {}
_decode_attributes = msgspec.json.Decoder(dict[str, Attribute]).decode


def run(settings: Settings, progress: Callable[[int, int], None]) -> int:
    """Restore, unless this broker keeps its log or was restored before; return how many events.

    `progress` is told (events acknowledged or on their way, all). Raises StoreUnavailable,
    NotWritten and KafkaException; then begin again with a new broker, or call it again: events
    that come twice are known by their coordinates.
    """
    if not settings.kafka.memory_only or _restored(settings.kafka):
        return 0
    [(total,)] = store.rows(settings.clickhouse, "SELECT count() FROM events_log")
    writer = Writer(settings.kafka, "uptake-restore")
    directory = _directory(settings)
    _write(settings, writer, directory)
    done = 0
    for block in store.columns(settings.clickhouse, _EVENTS):
        packer = _packer(settings)
        for event in _events(block):
            packer.event(event)
        _write(settings, writer, packer)
        done += len(block[0])
        progress(done, total)
    if writer.sent:
        _end(settings, writer)
    writer.finish(_WAIT_SECONDS)
    _note_restored(settings.kafka)
    return done


def _packer(settings: Settings) -> Packer:
    kafka = settings.kafka
    return Packer(kafka.partitions, kafka.generation, settings.intake.pack_events)


def _directory(settings: Settings) -> Packer:
    packer = _packer(settings)
    for row in store.rows(settings.clickhouse, _LEARNERS):
        packer.learner(LearnerEntry(*row))
    for row in store.rows(settings.clickhouse, _ASSETS):
        packer.asset(AssetEntry(*row))
    return packer


def _write(settings: Settings, writer: Writer, packer: Packer) -> None:
    for partition, batch in packer.batches([], _now(), restored=True):
        for value in encoded(batch):
            writer.write(BATCHES, value, partition=partition)


def _end(settings: Settings, writer: Writer) -> None:
    ended = Batch(settings.kafka.generation, _now(), restore_ended=True)
    for partition in range(settings.kafka.partitions):
        writer.write(BATCHES, encode(ended), partition=partition)


def _events(block: Sequence[Sequence[Any]]) -> Iterator[Event]:
    *facts, attributes, teams, managers, regions, eligible = block
    sources, rest = facts[0], facts[1:]
    kept = map(_attributes, attributes)
    cohorts = map(_cohort, teams, managers, regions, eligible)
    numbers = (_SOURCE_NUMBERS[source] for source in sources)
    return map(Event, numbers, *rest, kept, cohorts)


def _attributes(text: str) -> dict[str, Attribute]:
    return _decode_attributes(text) if text else _NO_ATTRIBUTES


@lru_cache(maxsize=10_000)
def _cohort(team: str, manager: str, region: str, eligible: bool) -> Cohort:
    return Cohort(team, manager, region, eligible)


def _now() -> int:
    return int(time.time() * 1000)


def _restored(settings: KafkaSettings) -> bool:
    consumer = Consumer(consumer_config(settings, _GROUP, _GROUP))
    try:
        [found] = consumer.committed([_DONE], timeout=_WAIT_SECONDS)
        return bool(found.offset >= 0)
    finally:
        consumer.close()


def _note_restored(settings: KafkaSettings) -> None:
    consumer = Consumer(consumer_config(settings, _GROUP, _GROUP))
    try:
        for one in consumer.commit(offsets=[_DONE], asynchronous=False):
            if one.error is not None:
                raise KafkaException(one.error)
    finally:
        consumer.close()
