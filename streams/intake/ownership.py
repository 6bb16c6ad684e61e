"""Opens the books of source partitions that became ours."""

import logging
from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.settings import KafkaSettings
from streams.intake.books import DIRECTORY_SOURCE, Book, reopened
from streams.intake.flight import Source
from streams.intake.reader import SOURCE_NUMBERS
from streams.kafka_clients import client_config, watermarks
from streams.kafka_records import records

_TRUST_SECONDS = 5.0
_WAIT_SECONDS = 30.0
"""Long enough for another leader where brokers have died."""
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
    places = _Places(consumer, settings)
    try:
        for one in committed:
            if one.error is not None:
                raise KafkaException(one.error)
            low, high = places.watermarks(one)
            source = (one.topic, one.partition)
            books[source] = _open(one, low, high, settings, closed.get(source))
    finally:
        places.close()
    return books


class _Places:
    """Where partitions begin and end, also when a node that had just started has told the consumer
    that there is no such partition: it believes that for minutes, and a new client asks anew."""

    def __init__(self, consumer: Consumer, settings: KafkaSettings) -> None:
        self._consumer = consumer
        self._settings = settings
        self._fresh: Consumer | None = None

    def watermarks(self, place: TopicPartition) -> tuple[int, int]:
        """As `kafka_clients.watermarks`."""
        if self._fresh is None:
            try:
                return watermarks(self._consumer, place, _TRUST_SECONDS)
            except KafkaException as error:
                at = place.topic, place.partition
                _log.info("%s partition %d is asked for anew: %s", *at, error)
            config = client_config(self._settings, "uptake-intake-places")
            self._fresh = Consumer({**config, "group.id": "uptake"})
        return watermarks(self._fresh, place, _WAIT_SECONDS)

    def close(self) -> None:
        """End the client that was made, if one was."""
        if self._fresh is not None:
            self._fresh.close()


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
    found = records(settings, committed.topic, committed.partition, committed.offset, start)
    present = sum(1 for _ in found)
    return Book(
        SOURCE_NUMBERS[committed.topic],
        committed.partition,
        start,
        committed.offset,
        committed.offset - start - present,
    )
