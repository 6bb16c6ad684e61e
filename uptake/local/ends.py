"""Where topics end, and how far a consumer group has come, on both kinds of broker."""

import socket
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from schemas.settings import KafkaSettings
from streams.kafka_clients import client_config

Place = tuple[str, int]
"""Topic and partition."""

_WAIT_SECONDS = 10.0
_READ_SECONDS = 5.0


def reachable(bootstrap: str, seconds: float = 3.0) -> bool:
    """Whether one of the brokers accepts connections. Asked first, since a client of a broker
    that is away tries and logs for many seconds."""
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds):
                return True
        except (OSError, ValueError):
            continue
    return False


class Ends:
    """Reads positions; it joins no group. Raises KafkaException where the broker is away."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._reader = self._consumer("uptake-settle")

    def close(self) -> None:
        """Free the connection."""
        self._reader.close()

    def places(self, topics: Iterable[str]) -> list[Place]:
        """Every partition of those of the topics that exist."""
        known = self._reader.list_topics(timeout=_WAIT_SECONDS).topics
        return [
            (topic, partition)
            for topic in topics
            if topic in known
            for partition in sorted(known[topic].partitions)
        ]

    def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """The offset after the last record of each partition that has records."""
        low_high = {
            place: self._reader.get_watermark_offsets(TopicPartition(*place), _WAIT_SECONDS)
            for place in places
        }
        # An end at or below the beginning: nothing is there, or nothing any more.
        known = {place: high for place, (low, high) in low_high.items() if high > low}
        if self._settings.memory_only:
            return self._read_on({place: known.get(place, 0) for place in low_high})
        return known

    def committed(self, group: str, places: Iterable[Place]) -> dict[Place, int]:
        """What the group has committed; 0 where nothing."""
        asked = [TopicPartition(*place) for place in places]
        consumer = self._consumer(group)
        try:
            told = consumer.committed(asked, timeout=_WAIT_SECONDS)
        finally:
            consumer.close()
        for each in told:
            if each.error:
                raise KafkaException(each.error)
        return {(each.topic, each.partition): max(0, each.offset) for each in told}

    def _read_on(self, known: Mapping[Place, int]) -> dict[Place, int]:
        """The embedded broker names the first record of the last batch as the end: read on to
        where nothing more comes."""
        reached = dict(known)
        open_places = set(known)
        self._reader.assign(
            [TopicPartition(*place, offset or OFFSET_BEGINNING) for place, offset in known.items()]
        )
        limit = monotonic() + _READ_SECONDS
        while open_places and monotonic() < limit:
            for message in self._reader.consume(1_000, timeout=0.1):
                _note(message, reached, open_places)
        self._reader.unassign()
        return {place: end for place, end in reached.items() if end}

    def _consumer(self, group: str) -> Consumer:
        config: dict[str, Any] = {
            **client_config(self._settings, "uptake-settle"),
            # What goes wrong is raised or met again; the terminal is the user's.
            "log_level": 0,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "allow.auto.create.topics": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50,
        }
        return Consumer(config)


def _note(message: Message, reached: dict[Place, int], open_places: set[Place]) -> None:
    error = message.error()
    place = (message.topic() or "", message.partition() or 0)
    if error is None:
        reached[place] = max(reached[place], (message.offset() or 0) + 1)
    elif error.code() == KafkaError._PARTITION_EOF:
        open_places.discard(place)
    elif not error.retriable():
        raise KafkaException(error)
