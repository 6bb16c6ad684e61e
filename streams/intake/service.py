"""The intake process: reads what the tools wrote and packs it by learner.

A turn of the loop reads one poll, writes what came of it and goes on while the records are on
their way. Source offsets are committed up to the last poll of which, and of all before it, every
record was acknowledged; so a crash repeats events, and the coordinates they carry tell.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Event as Flag
from typing import cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from schemas import health, vocabulary
from schemas.codec import Codec
from schemas.decode import Decoder
from schemas.metrics import (
    BATCH_SIZE,
    BREAKER_OPEN,
    DEAD_LETTERS,
    EVENTS_IN,
    EVENTS_OUT,
    INVALID_SHARE,
    LAG_RECORDS,
    LAG_SECONDS,
)
from schemas.settings import Settings
from schemas.stopping import STOP_SECONDS, Exit, on_stop
from schemas.topics import SOURCES
from streams import admin, life
from streams.intake.books import DIRECTORY_SOURCE, Book, stopped_note
from streams.intake.breaker import Breaker, Tripped
from streams.intake.flight import Flight, Position, Source
from streams.intake.ownership import OtherLog, open_books
from streams.intake.pseudonym import pseudonymiser
from streams.intake.reader import SOURCE_NUMBERS, Decode, Reader, Reading, Record
from streams.kafka_clients import consumer_config, log_error, producer_config
from streams.membership import Membership

_PROCESS = "intake"
_POLL_SECONDS = 0.1
"""How long a poll gathers records when there are few: then each makes a batch a partition."""
_COMMIT_SECONDS = 1.0
_MAX_POLLS = 16
"""Polls on their way to Kafka at once."""
_RETRY_SECONDS = 1.0
_SETTLE_SECONDS = 5.0
_STOP_SECONDS = STOP_SECONDS - 4
_log = logging.getLogger(__name__)


class Broken(Exception):
    """This process can not go on: it ends, and the next begins where offsets were committed."""


class _Interrupted(Exception):
    """This process was told to end while it waited; what the poll read was not written."""


class Intake:
    """The loop. `life`: of the topics between the stages. `stopping` ends it from another thread
    or a signal handler."""

    def __init__(self, settings: Settings, decode: Decode, life: int) -> None:
        self._settings = settings
        self.stopping = Flag()
        self.ready = False
        self._books: dict[Source, Book] = {}
        self._closed: dict[Source, Book] = {}
        self._moved = False
        self._breaker = Breaker(settings.intake)
        self._reader = Reader(settings, decode, self._books, self._breaker, self._wait, life)
        self._flight = Flight()
        self._committable: dict[Source, Position] = {}
        self._written: dict[Source, Position] = {}
        """How far each of our partitions was read and given to Kafka."""
        self._last_commit = time.monotonic()
        self._producer = Producer(producer_config(settings.kafka, "uptake-intake"))
        config = consumer_config(settings.kafka, settings.intake.group, "uptake-intake")
        self._consumer = Consumer(
            {**config, "enable.partition.eof": True, "on_commit": self._on_commit}
        )
        self._membership = Membership(self._consumer)

    def run(self) -> int:
        """Work until `stopping`. 0: all that was read is written and committed; 4: it is not; 1:
        the loop could not go on."""
        try:
            self._consumer.subscribe(
                list(SOURCE_NUMBERS),
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )
            with suppress(_Interrupted):
                while not self.stopping.is_set():
                    self._turn()
            return Exit.DONE if self._settle(_STOP_SECONDS) else Exit.TIMEOUT
        except Tripped as trip:
            self._stop_at(trip)
            _log.critical("Intake stops: %s", trip)
            return Exit.FAILED
        except (Broken, OtherLog, KafkaException) as error:
            _log.critical("Intake stops: %s", error)
            return Exit.FAILED
        finally:
            self.ready = False
            self._consumer.close()

    def _turn(self) -> None:
        self._producer.poll(0)
        while len(self._flight) >= _MAX_POLLS and not self.stopping.is_set():
            self._producer.poll(_POLL_SECONDS)
            self._check()
        self._moved = False
        messages = self._consumer.consume(self._settings.intake.poll_records, _POLL_SECONDS)
        self._check()
        self._membership.check()
        if messages:
            self._take(messages)
        now = time.monotonic()
        if now - self._last_commit >= _COMMIT_SECONDS:
            self._last_commit = now
            self._commit(wait=False)
            self._measure_lag()

    def _take(self, messages: list[Message]) -> None:
        now = int(time.time() * 1000)
        records = cast(
            Sequence[Record], [message for message in messages if message.error() is None]
        )
        reading = self._reader.read(records, now, self._moved)
        if self._breaker.tripped is not None:
            raise self._breaker.tripped
        if len(records) < len(messages):
            self._take_events(messages, reading, now)
        for topic, partition in reading.early:
            position = self._books[topic, partition].next_offset
            self._consumer.seek(TopicPartition(topic, partition, position))
        if reading.last:
            self._write(reading, now)
            self._measure(reading, now)

    def _take_events(self, messages: Sequence[Message], reading: Reading, now: int) -> None:
        """Of librdkafka: ends of partitions, and errors. An end may lie beyond offsets that hold
        no record (the markers of transactions), which no record tells of."""
        for message in messages:
            error = message.error()
            if error is None:
                continue
            source = (message.topic() or "", message.partition() or 0)
            if error.code() != KafkaError._PARTITION_EOF:
                if error.code() != KafkaError._MAX_POLL_EXCEEDED:
                    raise Broken(f"{source}: {error.str()}")
                log_error(error)
                continue
            book = self._books.get(source)
            if book is None or book.source == DIRECTORY_SOURCE:
                continue
            if self._moved:
                self._ask_again(source, book)
                continue
            if book.ends_at(message.offset() or 0):
                reading.last.setdefault(source, now)

    def _ask_again(self, source: tuple[str, int], book: Book) -> None:
        """An end that was told while partitions came and went may be of the time before. It is
        told only once, and again after a seek."""
        try:
            self._consumer.seek(TopicPartition(*source, book.next_offset))
        except KafkaException as error:
            if error.args[0].code() != KafkaError._STATE:
                raise
            # It is not being read yet, so its end is still to be told.

    def _write(self, reading: Reading, now: int) -> None:
        generation = self._settings.kafka.generation
        records = list(reading.records(self._books, generation, now))
        positions = reading.positions(self._books)
        self._written.update(positions)
        delivered = self._flight.launch(len(records), positions)
        produce = self._producer.produce
        for topic, partition, value in records:
            while True:
                try:
                    produce(topic, value, partition=partition, on_delivery=delivered)
                    break
                except BufferError:
                    self._producer.poll(_POLL_SECONDS)
                    self._check()

    def _stop_at(self, trip: Tripped) -> None:
        """Commit what was written, and beside it what the breaker had seen until then: started
        again, this process stops at the same poll and writes no more of it."""
        BREAKER_OPEN.labels(SOURCES[trip.source]).set(1)
        try:
            settled = self._settle(_STOP_SECONDS)
        except (Broken, KafkaException) as error:
            _log.error("Not all was written and committed: %s", error)
            return
        if not settled:
            return
        seen = self._breaker.before(trip.source)
        for source, position in self._written.items():
            if SOURCE_NUMBERS[source[0]] == trip.source:
                note = stopped_note(position.note, *seen)
                self._committable[source] = Position(position.offset, note)
        self._commit(wait=True)

    def _wait(self, error: Exception) -> None:
        """Before a record is decoded again."""
        _log.warning("An event can not be decoded now: %s; again in a second", error)
        self._producer.poll(_RETRY_SECONDS)
        if self.stopping.is_set():
            raise _Interrupted

    def _check(self) -> None:
        """Raises Broken when a record can not be written any more."""
        if self._flight.failed is not None:
            raise Broken(f"Kafka did not take a record: {self._flight.failed.str()}")

    def _settle(self, seconds: float) -> bool:
        """Wait for what is on its way, then commit. False: not all of it was acknowledged."""
        limit = time.monotonic() + seconds
        while len(self._flight) and self._flight.failed is None and time.monotonic() < limit:
            self._producer.poll(_POLL_SECONDS)
        self._check()
        return self._commit(wait=True) and not len(self._flight)

    def _commit(self, wait: bool) -> bool:
        """False: the broker refused, so these events will be read again."""
        self._committable.update(self._flight.landed())
        offsets = [
            TopicPartition(topic, partition, position.offset, metadata=position.note)
            for (topic, partition), position in self._committable.items()
        ]
        if not offsets:
            return True
        try:
            if wait:
                for done in self._consumer.commit(offsets=offsets, asynchronous=False):
                    if done.error is not None:
                        raise KafkaException(done.error)
                self._committable.clear()
            else:
                self._consumer.commit(offsets=offsets)
        except KafkaException as refused:
            _log.warning("Offsets were not committed: %s", refused)
            return False
        return True

    def _on_commit(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        if error is not None:
            _log.warning("Offsets were not committed, again in a second: %s", error.str())
            return
        for one in offsets:
            source = (one.topic, one.partition)
            position = self._committable.get(source)
            if one.error is None and position is not None and position.offset == one.offset:
                del self._committable[source]

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._moved = True
        books = open_books(consumer, partitions, self._settings.kafka, self._closed)
        self._books.update(books)
        for source, book in books.items():
            self._written[source] = Position(book.next_offset, book.note())
            if book.stopped is not None:
                self._breaker.restore(book.source, *book.stopped)
                BREAKER_OPEN.labels(SOURCES[book.source]).set(1)
        consumer.assign(
            [
                TopicPartition(topic, partition, book.next_offset)
                for (topic, partition), book in books.items()
            ]
        )
        self._membership.assigned()
        self.ready = True
        _log.info("Reading %d partitions", len(books))

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Somebody else will read them: leave as little as possible to be read twice."""
        if self._flight.failed is None and not self._settle(_SETTLE_SECONDS):
            _log.warning("Not all was written and committed before partitions moved")
        self._on_lost(consumer, partitions)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Somebody else reads them already."""
        self._membership.revoked()
        self._moved = True
        sources = [(one.topic, one.partition) for one in partitions]
        self._flight.forget(sources)
        for source in sources:
            self._committable.pop(source, None)
            self._written.pop(source, None)
            book = self._books.pop(source, None)
            if book is not None:
                book.stopped = None
                self._closed[source] = book

    def _measure(self, reading: Reading, now: int) -> None:
        dead = [0] * len(SOURCES)
        for letter in reading.letters:
            DEAD_LETTERS.labels(letter.stage, letter.reason).inc()
            if letter.source in SOURCES:
                dead[SOURCES.index(letter.source)] += 1
        for source, taken, refused in zip(SOURCES, reading.taken, dead, strict=True):
            if taken:
                EVENTS_IN.labels(_PROCESS, source).inc(taken)
                EVENTS_OUT.labels(_PROCESS, source, "packed").inc(taken - refused)
                EVENTS_OUT.labels(_PROCESS, source, "dead").inc(refused)
                INVALID_SHARE.labels(source).set(self._breaker.share(SOURCES.index(source)))
                BREAKER_OPEN.labels(source).set(0)
        BATCH_SIZE.labels(_PROCESS, "poll").observe(sum(reading.taken))
        for (topic, partition), received_at in reading.last.items():
            age = max(0, now - received_at) / 1000
            LAG_SECONDS.labels(_PROCESS, topic, str(partition)).set(age)

    def _measure_lag(self) -> None:
        """By the ends that came with the records, so without asking the broker."""
        for (topic, partition), book in self._books.items():
            _, end = self._consumer.get_watermark_offsets(
                TopicPartition(topic, partition), cached=True
            )
            lag = max(0, end - book.next_offset)
            LAG_RECORDS.labels(_PROCESS, topic, str(partition)).set(lag)


def run(settings: Settings) -> int:
    """Work until SIGTERM or SIGINT; return the exit code (see Intake.run).

    Raises NoKey without a pseudonym key, TopicError when the topics are not as they have to be,
    RebuildUnfinished while state is being rebuilt, KafkaException when the cluster can not be
    reached, OSError when the metrics port is taken.
    """
    decoder = Decoder(
        vocabulary.load(settings.worker.vocabulary or None),
        pseudonymiser(settings.privacy),
        Codec(settings.kafka.registry),
        settings.intake.max_event_bytes,
        settings.privacy.tags,
        settings.privacy.notes == "consenting",
    )
    admin.ensure(settings)
    intake = Intake(settings, decoder.decode, life.number(settings.kafka))
    on_stop(intake.stopping.set)
    port = health.serve(settings.metrics, _PROCESS, lambda: intake.ready)
    _log.info("Intake: metrics on port %d", port)
    return intake.run()
