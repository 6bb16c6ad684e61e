"""Fills the topics between the stages, which begin a new life empty, with what the store has.

Every event that was stored is written once more to its partition of `uptake.batches`, with its
old coordinates and the cohort it had, so that the worker can rebuild its state; the directories
come first, and marks last. Nothing of it is stored a second time.

Events whose rows the store refused had been counted too, and may be inserted at any time, so they
come back from their dead letters, unless these were dropped.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.consent import ConsentEntry
from schemas.records import (
    AssetEntry,
    Batch,
    DeadLetter,
    Event,
    LearnerEntry,
    Life,
    decode_dead_letter,
    encode,
)
from schemas.settings import Settings
from schemas.topics import BATCHES, DEAD_LETTERS, DIRECTORY
from streams.intake import directory, store, stored
from streams.intake.packer import Packer, encoded
from streams.intake.writer import Writer
from streams.kafka_clients import consumer_config, once_coordinated
from streams.kafka_records import records

_WAIT_SECONDS = 60.0

STORED = f"""
SELECT {stored.COLUMNS}, event_id IN (SELECT target FROM voids) AND signal != 'voided'
FROM events_log {stored.RATED}
ORDER BY received_at, generation, source, partition, offset
"""
_LEARNERS = """
SELECT learner, team, manager, region, eligible, toUnixTimestamp64Milli(since), removed,
    toUnixTimestamp64Milli(changed_at)
FROM learners FINAL ORDER BY learner
"""
_ASSETS = """
SELECT asset_id, kind, module, title, removed, toUnixTimestamp64Milli(changed_at), quality
FROM assets FINAL ORDER BY asset_id
"""
_CONSENTS = """
SELECT learner, opted_out, notes, removed, toUnixTimestamp64Milli(changed_at)
FROM consents FINAL ORDER BY learner
"""
_TABLE = "uptake-table"
_REFUSED = f"""
SELECT hex(value) FROM
    (SELECT * FROM dead_letters_log FINAL
    WHERE arrayExists(each -> each.1 = '{_TABLE}' AND each.2 = 'events_log', headers)) AS l
LEFT ANTI JOIN (SELECT * FROM dead_letter_fates FINAL) AS f
    USING (topic, generation, partition, offset, stage)
"""
"""Of which nobody has decided what becomes. The sink writes such letters."""


def fill(settings: Settings, life: Life, progress: Callable[[int, int], None]) -> int:
    """Write all that is stored to the batches of this life; return how many events.

    To be called once in a life. `progress` is told (events acknowledged or on their way, all).
    Raises StoreUnavailable, NotWritten and KafkaException; then begin a new life.
    """
    [(total,)] = store.rows(settings.clickhouse, "SELECT count() FROM events_log")
    writer = Writer(settings.kafka, "uptake-restore")
    _write(settings, writer, _directory(settings, life))
    done = 0
    for block in store.columns(settings.clickhouse, STORED):
        packer = _packer(settings, life)
        for event in stored.events(block):
            packer.event(event)
        _write(settings, writer, packer)
        done += len(block[0])
        progress(done, total)
    packer = _packer(settings, life)
    for event in _refused(settings):
        packer.event(event)
    _write(settings, writer, packer)
    _end(settings, writer, life)
    writer.finish(_WAIT_SECONDS)
    return done


def _packer(settings: Settings, life: Life) -> Packer:
    return Packer(settings.kafka.partitions, life.number, settings.intake.pack_events)


def _directory(settings: Settings, life: Life) -> Packer:
    """What the store has of the directories, and what intake has read since of their topic: the
    batches that carried that are gone."""
    entries: dict[bytes, directory.Entry] = {}
    kinds: list[tuple[str, Callable[..., directory.Entry]]] = [
        (_LEARNERS, LearnerEntry),
        (_ASSETS, AssetEntry),
        (_CONSENTS, ConsentEntry),
    ]
    for sql, kind in kinds:
        for row in store.rows(settings.clickhouse, sql):
            entry = kind(*row)
            entries[directory.key_of(entry)] = entry
    entries.update(_of_topic(settings))
    packer = _packer(settings, life)
    for entry in entries.values():
        packer.entry(entry)
    return packer


def _of_topic(settings: Settings) -> Iterator[tuple[bytes, directory.Entry]]:
    reached = _committed(settings, settings.intake.group, DIRECTORY)
    if not reached:
        return
    for record in records(settings.kafka, DIRECTORY, 0, reached):
        try:
            entry = directory.entry_of(record.key(), record.value(), record.timestamp()[1])
        except ValueError:
            continue  # intake has made a dead letter of it
        yield directory.key_of(entry), entry


def _committed(settings: Settings, group: str, topic: str) -> int:
    """How far the group has read a topic of one partition; 0: not at all."""
    consumer = Consumer(consumer_config(settings.kafka, group, "uptake-restore"))
    try:
        place = TopicPartition(topic, 0)
        committed = partial(consumer.committed, [place], timeout=_WAIT_SECONDS)
        [read] = once_coordinated(committed, _WAIT_SECONDS)
    finally:
        consumer.close()
    if read.error is not None:
        raise KafkaException(read.error)
    return max(0, read.offset)


def _refused(settings: Settings) -> Iterator[Event]:
    """Events whose rows were refused: by letters in the store, and by those that are still on
    their way to it."""
    for (value,) in store.rows(settings.clickhouse, _REFUSED):
        yield from stored.of_row(bytes.fromhex(value))
    reached = _committed(settings, settings.sink.group, DEAD_LETTERS)
    for record in records(settings.kafka, DEAD_LETTERS, 0):
        if (record.offset() or 0) >= reached and record.value():
            yield from _of_letter(record.value() or b"")


def _of_letter(value: bytes) -> Iterator[Event]:
    try:
        letter: DeadLetter = decode_dead_letter(value)
    except msgspec.DecodeError:
        return  # the sink puts it aside
    if (_TABLE, b"events_log") in letter.headers and letter.value:
        yield from stored.of_row(letter.value)


def _write(settings: Settings, writer: Writer, packer: Packer) -> None:
    for partition, batch in packer.batches([], _now(), restored=True):
        for value in encoded(batch):
            writer.write(BATCHES, value, partition=partition)


def _end(settings: Settings, writer: Writer, life: Life) -> None:
    """The last records of each partition. The marks are those that the store has: so also a
    partition that there was not in the life before says how far sources were passed."""
    ended = encode(Batch(life.number, _now(), restore_ended=True))
    marks = encode(Batch(life.number, _now(), marks=life.positions))
    for partition in range(settings.kafka.partitions):
        writer.write(BATCHES, ended, partition=partition)
        if life.positions:
            writer.write(BATCHES, marks, partition=partition)


def _now() -> int:
    return int(time.time() * 1000)
