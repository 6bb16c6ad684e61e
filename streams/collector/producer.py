"""Writes to Kafka and says when every record of a request was acknowledged.

librdkafka reports each delivery to a callback while it is polled. The event loop polls it itself,
once a millisecond while anything is on its way: that needs no second thread, which would contend
with the loop for the interpreter, and wakes a request once however many records it has.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.settings import KafkaSettings
from streams.kafka_clients import client_config, log_error

_POLL_SECONDS = 0.001
_IDLE_POLL_SECONDS = 0.1
_LINGER_MS = 3
_MAX_RECORDS = 200_000
_MAX_BYTES = 256 * 1024 * 1024
_RECORD_OVERHEAD = 100
KEY_HEADER = "uptake-key"
"""Record header with the name of the write key. Not personal: it names a tool."""

_log = logging.getLogger(__name__)


class QueueFull(Exception):
    """Slow down: as much is on its way to Kafka as may be. Nothing of the request was sent."""


class NotAcknowledged(Exception):
    """Try again: Kafka did not acknowledge every record in time. Some may have been written."""


class RecordLog(Protocol):
    """What the routes need of Kafka."""

    async def append(
        self, topic: str, records: Sequence[tuple[bytes | None, bytes]], key_name: str
    ) -> None:
        """Write `records` (key, value) to `topic` and return when all are acknowledged.
        Raises QueueFull or NotAcknowledged."""


class _Pending:
    """The records of one request that are on their way."""

    __slots__ = ("bytes", "deadline", "delivered", "failed", "future", "left")

    def __init__(self, future: asyncio.Future[None], left: int, size: int, deadline: float):
        self.future = future
        self.left = left
        self.bytes = size
        self.deadline = deadline
        self.failed: KafkaError | None = None


class KafkaLog:
    """A RecordLog over an idempotent producer. Lives on one event loop."""

    def __init__(
        self, settings: KafkaSettings, acknowledge_seconds: float, max_record_bytes: int
    ) -> None:
        self._client = Producer(
            {
                "linger.ms": _LINGER_MS,
                "compression.type": "lz4",
                "message.timeout.ms": int(acknowledge_seconds * 1000),
                "message.max.bytes": max(1_048_576, max_record_bytes + 10_000),
                # Ours are smaller, so that a request is refused before any of it is queued.
                "queue.buffering.max.messages": 2 * _MAX_RECORDS,
                "queue.buffering.max.kbytes": 2 * _MAX_BYTES // 1024,
                **client_config(settings, "uptake-collector"),
                "enable.idempotence": True,
                "acks": "all",
                "error_cb": self._on_error,
            }
        )
        self._acknowledge_seconds = acknowledge_seconds
        self._waiting: deque[_Pending] = deque()
        self._records = 0
        self._bytes = 0
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._next_poll = self._loop.call_later(_IDLE_POLL_SECONDS, self._poll)
        self._busy = False
        self.fatal: asyncio.Future[str] = self._loop.create_future()
        """Done when the producer can write no more: the process has to end."""

    async def append(
        self, topic: str, records: Sequence[tuple[bytes | None, bytes]], key_name: str
    ) -> None:
        """See RecordLog. The records' timestamp is the time of this call. No records: done."""
        if not records:
            return
        size = sum(len(value) for _, value in records) + _RECORD_OVERHEAD * len(records)
        if self._records + len(records) > _MAX_RECORDS or self._bytes + size > _MAX_BYTES:
            raise QueueFull
        deadline = self._loop.time() + self._acknowledge_seconds
        pending = _Pending(self._loop.create_future(), len(records), size, deadline)
        self._produce(topic, records, key_name, pending)
        self._waiting.append(pending)
        await pending.future
        if pending.failed is not None:
            _log.warning("Kafka did not take records of %s: %s", topic, pending.failed.name())
            raise NotAcknowledged

    def missing_topics(self, topics: Sequence[str], timeout: float) -> list[str]:
        """Those of `topics` that the cluster lacks. Blocks up to `timeout` seconds; raises
        KafkaException when the cluster does not answer."""
        known = self._client.list_topics(timeout=timeout).topics
        return [topic for topic in topics if topic not in known]

    async def close(self, timeout: float) -> int:
        """Wait up to `timeout` seconds for what is on its way. Returns how many records are not
        acknowledged."""
        limit = self._loop.time() + timeout
        while self._records and self._loop.time() < limit:
            await asyncio.sleep(_POLL_SECONDS)
        self._closed = True
        self._next_poll.cancel()
        return self._records

    def _produce(
        self,
        topic: str,
        records: Sequence[tuple[bytes | None, bytes]],
        key_name: str,
        pending: _Pending,
    ) -> None:
        received_at = int(time.time() * 1000)
        headers: dict[str, str | bytes | None] = {KEY_HEADER: key_name.encode()}
        done = self._delivery(pending)
        produce = self._client.produce
        self._bytes += pending.bytes
        try:
            for key, value in records:
                produce(topic, value, key, on_delivery=done, timestamp=received_at, headers=headers)
                self._records += 1
        except (BufferError, KafkaException) as error:
            # Below our own bounds only a fatally broken producer does this. The record that was
            # not taken is never delivered, so `done` does not give the bytes back a second time.
            _log.error("The Kafka producer takes no record: %s", error)
            self._bytes -= pending.bytes
            raise NotAcknowledged from error
        finally:
            self._poll_soon()

    def _delivery(self, pending: _Pending) -> Callable[[KafkaError | None, Message], None]:
        def delivered(error: KafkaError | None, _: Message) -> None:
            self._records -= 1
            pending.left -= 1
            if error is not None:
                pending.failed = error
            if pending.left == 0:
                self._bytes -= pending.bytes
                if not pending.future.done():
                    pending.future.set_result(None)

        return delivered

    def _poll_soon(self) -> None:
        if not self._busy:
            self._busy = True
            self._next_poll.cancel()
            self._next_poll = self._loop.call_later(_POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        try:
            self._client.poll(0)
            self._give_up(self._loop.time())
        finally:
            self._busy = self._records > 0
            if not self._closed:
                delay = _POLL_SECONDS if self._busy else _IDLE_POLL_SECONDS
                self._next_poll = self._loop.call_later(delay, self._poll)

    def _give_up(self, now: float) -> None:
        """End the wait of the requests whose time is over."""
        waiting = self._waiting
        while waiting and (waiting[0].future.done() or waiting[0].deadline < now):
            pending = waiting.popleft()
            if not pending.future.done():
                pending.future.set_exception(NotAcknowledged())

    def _on_error(self, error: KafkaError) -> None:
        log_error(error)
        if error.fatal() and not self.fatal.done():
            self.fatal.set_result(error.str())
