"""Feeding by Kafka: records on `events.*`, as a tool would write them itself.

Statements of a learning tool go as JSON, compact events as Avro with Confluent framing.
"""

from collections.abc import Sequence
from threading import Event
from time import monotonic

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from schemas.codec import Codec, RegistryUnavailable
from schemas.compact import CompactEvent
from schemas.event import JsonEvent
from uptake.feed.errors import Stopped, Unavailable
from uptake.feed.item import Item, Refusal
from uptake.feed.target import Target

BATCH = 2_000
DELIVERY_SECONDS = 60.0


class RecordWriter:
    """Writes records without a key, and returns when all were acknowledged."""

    def __init__(self, target: Target, stop: Event) -> None:
        self._bootstrap = target.kafka
        self._stop = stop
        self._errors: list[KafkaError] = []
        self._producer = Producer(
            {
                "bootstrap.servers": target.kafka,
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": "lz4",
                "delivery.timeout.ms": int(DELIVERY_SECONDS * 1000),
                # A broker that is away is told by the exception, not on the terminal.
                "log_level": 0,
            }
        )

    def write(self, topic: str, values: Sequence[bytes]) -> None:
        """Raises Unavailable when Kafka does not take all in time, Stopped when asked to stop."""
        self._errors.clear()
        for value in values:
            self._producer.produce(topic, value, on_delivery=self._delivered)
        limit = monotonic() + DELIVERY_SECONDS + 5.0
        while self._producer.flush(0.2):
            if self._stop.is_set():
                raise Stopped("stopped")
            if monotonic() > limit:
                raise Unavailable(f"Kafka at {self._bootstrap} does not answer")
        if self._errors:
            why = self._errors[0].str()
            raise Unavailable(f"Kafka at {self._bootstrap} did not take events: {why}")

    def close(self) -> None:
        """Drop what was not sent."""
        self._producer.purge()
        self._producer.flush(1.0)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._errors.append(error)


class KafkaSender:
    """A Sender to the topic of one source. Tools key their records as they like; ours have none."""

    batch = BATCH

    def __init__(self, target: Target, source: str, stop: Event) -> None:
        self._source = source
        self._codec = Codec(target.registry or "")
        self._writer = RecordWriter(target, stop)

    def send(self, items: Sequence[Item]) -> list[Refusal]:
        """See Sender.send. An event that does not fit the schema is refused."""
        refusals: list[Refusal] = []
        values: list[bytes] = []
        for item in items:
            try:
                values.append(self._value(item))
            except ValueError as error:
                refusals.append(Refusal(item, str(error)))
        self._writer.write(f"events.{self._source}", values)
        return refusals

    def close(self) -> None:
        """See Sender.close."""
        self._writer.close()

    def _value(self, item: Item) -> bytes:
        """Raises ValueError for a compact event with fields that the schema has not."""
        if isinstance(item.event, bytes):
            return item.event
        try:
            return self._codec.encode(flat(item))
        except RegistryUnavailable as error:
            raise Unavailable(f"the schema registry {error}") from error


def flat(item: Item) -> CompactEvent:
    """A compact event in the flat form of the Avro schema.

    Raises ValueError when its fields are not those of a compact event.
    """
    event = msgspec.convert(item.event, JsonEvent)
    return CompactEvent(
        occurred_at=item.at,
        learner=event.learner,
        verb=event.verb,
        object_id=event.object.id,
        object_type=event.object.type,
        id=event.id or "",
        issuer=event.issuer or "",
        parent=event.parent or "",
        success=event.success,
        completion=event.completion,
        score=event.score,
        duration_ms=event.duration_ms,
        attributes=event.attributes or {},
    )
