"""Opens the books of source partitions that became ours."""

import logging
import time
from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.settings import KafkaSettings
from streams.intake.books import DIRECTORY_SOURCE, Book, reopened
from streams.intake.flight import Source
from streams.intake.reader import SOURCE_NUMBERS
from streams.kafka_clients import consumer_config, watermarks

_WAIT_SECONDS = 30.0
"""Long enough for another leader where brokers have died."""
_COUNT_SECONDS = 30.0
_COUNT_RECORDS = 10_000
_log = logging.getLogger(__name__)


class OtherLog(Exception):
    """Never valid: the topic is not the one that was read before."""


def open_books(
    consumer: Consumer,
    partitions: Sequence[TopicPartition],
    settings: KafkaSettings,
    closed: Mapping[Source, Book],
) -> dict[Source, Book]:
    """The books of these partitions, as they were when their offsets were committed.

    `closed`: the last books that this process kept of partitions it had. Raises KafkaException
    when the cluster does not answer and OtherLog when a topic was made anew.
    """
    committed = consumer.committed(list(partitions), timeout=_WAIT_SECONDS)
    books = {}
    for one in committed:
        if one.error is not None:
            raise KafkaException(one.error)
        low, high = watermarks(consumer, one, _WAIT_SECONDS)
        source = (one.topic, one.partition)
        books[source] = _open(one, low, high, settings, closed.get(source))
    return books


def _open(
    committed: TopicPartition, low: int, high: int, settings: KafkaSettings, closed: Book | None
) -> Book:
    number = SOURCE_NUMBERS[committed.topic]
    partition, offset = committed.partition, committed.offset
    if offset < 0:
        return Book(number, partition, low, low)
    # The end that the embedded broker names is too low, and its log is as old as its offsets.
    if not settings.memory_only and high < offset:
        raise OtherLog(
            f"{committed.topic} partition {partition} ends at offset {high}, but {offset} was read"
            " before: the topic was made anew. Delete the offsets of the group of intake"
            " (kafka-consumer-groups --delete-offsets) and set kafka.generation one higher."
        )
    book = reopened(number, partition, offset, committed.metadata)
    if book is None and closed is not None and closed.next_offset == offset:
        book = closed
    if book is None and number == DIRECTORY_SOURCE:
        book = Book(number, partition, low, offset)
    if book is None:
        book = _recount(committed, low, settings)
    if low > book.next_offset and number != DIRECTORY_SOURCE:
        _log.error(
            "%s partition %d: %d records were deleted before they were read; the difference in"
            " the view conservation shows them",
            committed.topic,
            partition,
            low - book.next_offset,
        )
    book.next_offset = max(low, book.next_offset)
    return book


def _recount(committed: TopicPartition, low: int, settings: KafkaSettings) -> Book:
    """The offset was committed without our note (the embedded broker drops it; or somebody set
    the offset): read what lies before, to know how many offsets hold a record."""
    start = min(low, committed.offset)
    _log.info("Counting the records of %s partition %d", committed.topic, committed.partition)
    present = _count(committed, start, settings)
    return Book(
        SOURCE_NUMBERS[committed.topic],
        committed.partition,
        start,
        committed.offset,
        committed.offset - start - present,
    )


def _count(end: TopicPartition, start: int, settings: KafkaSettings) -> int:
    """Records of a partition at or above `start` and below `end`."""
    config = consumer_config(settings, "uptake-intake-count", "uptake-intake-count")
    consumer = Consumer({**config, "enable.partition.eof": True, "auto.offset.reset": "earliest"})
    try:
        consumer.assign([TopicPartition(end.topic, end.partition, start)])
        counted, reached = 0, start
        deadline = time.monotonic() + _COUNT_SECONDS
        while reached < end.offset:
            if time.monotonic() > deadline:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            for message in consumer.consume(_COUNT_RECORDS, 0.2):
                error = message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                offset = message.offset() or 0
                counted += error is None and offset < end.offset
                reached = max(reached, end.offset if error is not None else offset + 1)
                deadline = time.monotonic() + _COUNT_SECONDS
        return counted
    finally:
        consumer.close()
