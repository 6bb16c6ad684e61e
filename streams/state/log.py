"""Writing the epoch log of one agent: append a record, cut off what is no longer needed."""

import asyncio
import logging
from typing import Any, Protocol

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.metrics import EPOCH_BYTES
from schemas.settings import KafkaSettings
from streams.kafka_clients import client_config
from streams.model.stage import Output

_log = logging.getLogger(__name__)
_TRIM_SECONDS = 10.0


class Acknowledged(Protocol):
    """Where the broker put a record."""

    @property
    def offset(self) -> int: ...


class Sender(Protocol):
    """Hands a record to the producer."""

    async def send(self, output: Output) -> "asyncio.Future[Acknowledged]":
        """Waits for room in the producer; the future is done when the broker has acknowledged.

        Raises, as the future does, what can not be cured by trying again.
        """


class Trimmer:
    """Cuts off the beginnings of logs. A failure costs space and nothing else."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._client: Any = None

    async def cut(self, topic: str, partition: int, before: int) -> None:
        """Delete the records below `before`."""
        # The embedded broker knows no DeleteRecords and closes the connection.
        if self._settings.memory_only:
            return
        if self._client is None:
            self._client = AdminClient(client_config(self._settings, "uptake-trim"))
        place = TopicPartition(topic, partition, before)
        deleted = self._client.delete_records([place], request_timeout=_TRIM_SECONDS)
        try:
            await asyncio.wrap_future(deleted[place])
        except KafkaException as error:
            _log.warning("%s/%d could not be cut off at %d: %s", topic, partition, before, error)


class EpochLog:
    """The log of one partition."""

    def __init__(self, topic: str, partition: int, sender: Sender, trimmer: Trimmer) -> None:
        self._topic = topic
        self._partition = partition
        self._sender = sender
        self._trimmer = trimmer

    async def append(self, record: bytes, agent: str) -> int:
        """Write one record; return its offset when the broker has acknowledged it."""
        future = await self._sender.send(Output(self._topic, self._partition, record))
        EPOCH_BYTES.labels(agent).inc(len(record))
        return (await future).offset

    async def cut(self, before: int) -> None:
        """Delete the records below `before`."""
        await self._trimmer.cut(self._topic, self._partition, before)
