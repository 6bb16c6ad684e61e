"""Writes a finite number of records and waits until all are acknowledged."""

import time
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, Message, Producer

from schemas.settings import KafkaSettings
from streams.kafka_clients import producer_config

_POLL_SECONDS = 0.1
Headers = Sequence[tuple[str, bytes | None]]


class NotWritten(Exception):
    """Try again: Kafka did not acknowledge every record. Some may have been written."""


class Writer:
    """An idempotent producer for a command that ends."""

    def __init__(self, settings: KafkaSettings, client: str) -> None:
        self._producer = Producer(producer_config(settings, client))
        self._failed: KafkaError | None = None
        self.sent = 0
        self.acknowledged = 0

    def write(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        partition: int = -1,
        timestamp: int = 0,
        headers: Headers = (),
        acknowledged: Callable[[Message], None] = lambda _: None,
    ) -> None:
        """Put a record on its way; waits while too many are. `partition` -1: by the key;
        `timestamp` in ms, 0: now; `acknowledged` is called when Kafka has it. Raises NotWritten
        when one before it failed."""

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                self.acknowledged += 1
                acknowledged(message)
            else:
                self._failed = error

        while True:
            self._check()
            try:
                self._producer.produce(
                    topic,
                    value,
                    key,
                    partition=partition,
                    timestamp=timestamp,
                    headers=list(headers),
                    on_delivery=delivered,
                )
                break
            except BufferError:
                self._producer.poll(_POLL_SECONDS)
        self.sent += 1
        self._producer.poll(0)

    def finish(self, seconds: float) -> None:
        """Wait until all are acknowledged. Raises NotWritten when one failed, or when nothing
        was acknowledged for so many seconds."""
        limit, seen = time.monotonic() + seconds, self.acknowledged
        while self.acknowledged < self.sent:
            self._check()
            if self.acknowledged > seen:
                limit, seen = time.monotonic() + seconds, self.acknowledged
            if time.monotonic() > limit:
                raise NotWritten(
                    f"Kafka acknowledged {self.acknowledged} of {self.sent} records in time"
                )
            self._producer.poll(_POLL_SECONDS)

    def _check(self) -> None:
        if self._failed is not None:
            raise NotWritten(f"Kafka did not take a record: {self._failed.str()}")
