"""The sink process: records of five topics -> rows in ClickHouse.

A cycle collects records until there are enough rows or the first of them has waited long enough,
inserts them, and only then commits. Rows are functions of the records, and tables collapse equal
ones, so that a cycle that is done twice changes nothing.
"""

import gc
import logging
from collections.abc import Sequence
from threading import Event
from time import monotonic, time_ns
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas import health, metrics, records
from schemas.records import DeadLetter
from schemas.settings import Settings
from schemas.stopping import Exit, on_stop
from schemas.topics import DEAD_LETTERS, ENRICHED, EXPERIMENTS, INDICATORS, PANES
from sinks.clickhouse.client import Store
from sinks.clickhouse.cycle import Cycle, Write, outcomes, received_by_source
from sinks.clickhouse.errors import NeverValid, OurBug
from sinks.clickhouse.freshness import observe_many
from sinks.clickhouse.refused import MOST_BYTES, Times, dead_letter, set_aside_row, undecodable
from sinks.clickhouse.source_ends import SourceEnds
from sinks.clickhouse.unchecked import look_up
from sinks.clickhouse.writer import Writer
from streams.membership import MAX_POLL_MS, Membership

log = logging.getLogger(__name__)

READ: Final = (ENRICHED, PANES, INDICATORS, DEAD_LETTERS, EXPERIMENTS)

_POLL_RECORDS: Final = 64
_POLL_SECONDS: Final = 0.05
_FLUSH_SECONDS: Final = 30.0
_LAG_SECONDS: Final = 1.0
_FULL_SECONDS: Final = 0.1
_PRODUCER: Final = {
    "enable.idempotence": True,
    "acks": "all",
    "message.max.bytes": MOST_BYTES,
    "queue.buffering.max.kbytes": 32_768,
}
_PASSING: Final = frozenset(
    {
        KafkaError._PARTITION_EOF,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        # An insert took long: the next poll joins again, and what was not committed is read again.
        KafkaError._MAX_POLL_EXCEEDED,
    }
)
_NO_LONGER_OURS: Final = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError._ASSIGNMENT_LOST,
        KafkaError._NO_OFFSET,
    }
)
_BROKER_AWAY: Final = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._WAIT_COORD,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_COORDINATOR,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
    }
)
"""A commit that failed so is made again with the next cycle's."""


class Stopped(Exception):
    """The process is to end, and ClickHouse is away: nothing more can be done."""


def run(settings: Settings) -> int:
    """Sink until SIGTERM or SIGINT; what was collected is stored before it ends.

    Raises OurBug when the database does not have the shape this code expects, and KafkaException
    when the broker refuses us.
    """
    stop = Event()
    on_stop(stop.set)
    sink = Sink(settings, stop)
    port = health.serve(settings.metrics, "sink", sink.ready)
    log.info("sink: metrics on port %d", port)
    _calm_collector()
    try:
        return sink.loop()
    finally:
        sink.close()


def _calm_collector() -> None:
    """Look for cycles seldom: records make none, and looking costs more than decoding them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)


class Sink:
    """The loop and what it holds."""

    def __init__(self, settings: Settings, stop: Event) -> None:
        self._settings = settings
        self._stop = stop
        kafka = settings.kafka
        common: dict[str, Any] = {"bootstrap.servers": kafka.bootstrap, **kafka.security}
        self._consumer = Consumer({**common, **_consumer_properties(settings)})
        self._membership = Membership(self._consumer)
        self._producer = Producer({**common, **_PRODUCER})
        self._store = Store(settings.clickhouse)
        self._writer = Writer(self._store, self._refuse, self._wait)
        self._ends = SourceEnds(
            AdminClient(dict(common)), kafka.generation, kafka.partitions, monotonic
        )
        self._offsets: dict[tuple[str, int], int] = {}
        self._early: list[Message] = []
        self._lag_at = 0.0
        self._joined = False

    def ready(self) -> bool:
        """A member of the group, and ClickHouse takes rows."""
        return self._joined and not self._writer.away

    def loop(self) -> Exit:
        """Cycle after cycle, until `stop` is set. TIMEOUT: the last one is not stored or not
        committed, and is read again."""
        self._consumer.subscribe(
            list(READ), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )
        while not self._stop.is_set():
            try:
                self._insert(self._collect())
            except Stopped:
                log.warning("sink: stopped while ClickHouse is away; records stay in Kafka")
                return Exit.TIMEOUT
            self._commit()
        return Exit.TIMEOUT if self._offsets else Exit.DONE

    def close(self) -> None:
        """Leave the group and give connections back."""
        self._consumer.close()
        self._store.close()

    def _collect(self) -> Cycle:
        """Records until the cycle is full or old enough; an empty one after a while without."""
        cycle = Cycle()
        sink = self._settings.sink
        deadline = monotonic() + sink.flush_seconds
        while cycle.rows < sink.batch_rows and not self._stop.is_set():
            found = self._early or self._consumer.consume(_POLL_RECORDS, _POLL_SECONDS)
            self._early = []
            if found and not self._offsets:
                deadline = monotonic() + sink.flush_seconds
            for message in found:
                self._take(cycle, message)
            if monotonic() >= deadline:
                break
        return cycle

    def _take(self, cycle: Cycle, message: Message) -> None:
        error = message.error()
        if error is not None:
            if error.code() in _PASSING or error.retriable():
                return
            raise KafkaException(error)
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        value = message.value()
        if topic is None or partition is None or offset is None:
            raise OurBug("a record without a place")
        _, written_at = message.timestamp()
        try:
            cycle.add(topic, value or b"")
        except msgspec.DecodeError:
            times = Times(written_at, _now_ms())
            generation = self._settings.kafka.generation
            self._send(undecodable(topic, partition, offset, generation, value, times))
            log.error("sink: %s/%d/%d is no record of ours", topic, partition, offset)
        self._offsets[topic, partition] = offset + 1
        age = (_now_ms() - written_at) / 1000
        metrics.LAG_SECONDS.labels("sink", topic, str(partition)).set(max(0.0, age))

    def _insert(self, cycle: Cycle) -> None:
        wanted = cycle.unchecked()
        if wanted:
            cycle.decide(self._writer.patiently(lambda: look_up(self._store.query, wanted)))
        for write in cycle.writes(_now_ms()):
            if write.table == "marks":
                # What is behind a mark may never be read again: its letters have to be written.
                self._finish_letters()
            self._writer.write(write)
            _count(write)
        self._writer.write(self._ends.changed(_now_ms()))
        self._resume()

    def _commit(self) -> None:
        """Everything collected is stored: say so to the broker, with the next cycle at the latest
        when it is away."""
        if not self._offsets:
            return
        self._finish_letters()
        done = [TopicPartition(t, p, offset) for (t, p), offset in self._offsets.items()]
        try:
            self._consumer.commit(offsets=done, asynchronous=False)
        except KafkaException as error:
            code = error.args[0].code()
            if code in _BROKER_AWAY:
                log.warning("sink: offsets are committed later: %s", error.args[0].str())
                return
            if code not in _NO_LONGER_OURS:
                raise
            log.info("sink: partitions moved on before the commit; they are read again")
        self._offsets = {}
        self._measure_lag(done)

    def _finish_letters(self) -> None:
        """Wait until Kafka has all dead letters. Raises KafkaException when that takes long."""
        if self._producer.flush(_FLUSH_SECONDS):
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "dead letters not written"))

    def _measure_lag(self, done: Sequence[TopicPartition]) -> None:
        if monotonic() - self._lag_at < _LAG_SECONDS:
            return
        self._lag_at = monotonic()
        for place in done:
            ends = self._consumer.get_watermark_offsets(place, cached=True)
            if ends is not None:
                lag = max(0, ends[1] - place.offset)
                labels = ("sink", place.topic, str(place.partition))
                metrics.LAG_RECORDS.labels(*labels).set(lag)

    def _assigned(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._membership.assigned()
        self._joined = True

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """These partitions are no longer ours to commit; another sink reads them again."""
        self._membership.revoked()
        for place in partitions:
            self._offsets.pop((place.topic, place.partition), None)

    def _wait(self, seconds: float) -> None:
        """Between two tries of an insert: stay in the group, but read nothing more."""
        if self._stop.is_set():
            raise Stopped
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0 and not self._stop.is_set():
            self._consumer.pause(self._consumer.assignment())
            message = self._consumer.poll(min(left, 0.2))
            if message is not None:
                self._early.append(message)

    def _resume(self) -> None:
        self._consumer.resume(self._consumer.assignment())

    def _refuse(self, table: str, row: tuple[Any, ...], why: NeverValid) -> None:
        """Write a dead letter for a row, and count its event as dead before a mark passes it."""
        if table == "dead_letters_log":
            log.error("sink: ClickHouse refuses a dead letter: error %d", why.code)
            return
        letter = dead_letter(table, row, why, _now_ms())
        self._send(letter)
        log.error("sink: ClickHouse refuses a row of %s: error %d", table, why.code)
        if table == "events_log":
            self._writer.write(Write("set_aside", [*set_aside_row(letter)]))

    def _send(self, letter: DeadLetter) -> None:
        """Written for good before offsets are committed; waits while many are on their way."""
        while True:
            try:
                self._producer.produce(DEAD_LETTERS, value=records.encode(letter))
                break
            except BufferError:
                self._wait(_FULL_SECONDS)
                self._producer.poll(0)
        metrics.DEAD_LETTERS.labels(letter.stage, letter.reason).inc()


def _consumer_properties(settings: Settings) -> dict[str, Any]:
    return {
        "group.id": settings.sink.group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": 10_000,
        "max.poll.interval.ms": MAX_POLL_MS,
        "fetch.wait.max.ms": 50,
        "fetch.queue.backoff.ms": 10,
        "queued.max.messages.kbytes": 16_384,
        "topic.metadata.refresh.interval.ms": 10_000,
    }


def _count(write: Write) -> None:
    """What the metrics say of rows that were just stored."""
    for (source, outcome), count in outcomes(write).items():
        metrics.EVENTS_IN.labels("sink", source).inc(count)
        metrics.EVENTS_OUT.labels("sink", source, outcome).inc(count)
    if write.table == "events_log":
        now = _now_ms()
        for source, times in received_by_source(write.columns).items():
            ages = [(now - received_at) / 1000 for received_at in times]
            observe_many(metrics.FRESHNESS.labels(source), ages)


def _now_ms() -> int:
    return time_ns() // 1_000_000
