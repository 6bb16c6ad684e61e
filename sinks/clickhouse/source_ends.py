"""How far the logs of the sources reach, as the broker tells it, without ever waiting for it."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.topics import EVENTS, SOURCES
from sinks.clickhouse.cycle import Write

EVERY_SECONDS: Final = 1.0
TOPICS_EVERY_SECONDS: Final = 30.0
_ANSWER_SECONDS: Final = 5.0


class Place(NamedTuple):
    """A partition of a source."""

    source: int
    partition: int


class SourceEnds:
    """Asks once a second; `changed` gives rows of `source_ends` when an end has moved.

    An end may be told too low (the embedded broker names the first offset of the last batch), so
    it is only ever used together with what was seen otherwise, the larger wins.
    """

    def __init__(
        self,
        admin: AdminClient,
        generation: int,
        batch_partitions: int,
        clock: Callable[[], float],
    ) -> None:
        self._admin = admin
        self._generation = generation
        self._batch_partitions = batch_partitions
        self._clock = clock
        self._places: list[Place] = []
        self._asked_topics_at = float("-inf")
        self._asked_at = float("-inf")
        self._first: dict[Place, int] = {}
        self._told: dict[Place, int] = {}
        self._waiting: dict[tuple[Place, bool], Future[Any]] = {}

    def changed(self, now_ms: int) -> Write:
        """Ends that moved since the last call that gave some; no rows when there is nothing."""
        found = self._collect()
        self._ask()
        moved = {
            place: end
            for place, end in found.items()
            if place in self._first and end > self._told.get(place, -1)
        }
        self._told.update(moved)
        rows = [
            (
                SOURCES[place.source], self._generation, place.partition, self._first[place],
                max(end, self._first[place]), self._batch_partitions, now_ms,
            )
            for place, end in moved.items()
        ]  # fmt: skip
        return Write("source_ends", list(zip(*rows, strict=True)))

    def _collect(self) -> dict[Place, int]:
        ends: dict[Place, int] = {}
        for (place, is_end), future in list(self._waiting.items()):
            if not future.done():
                continue
            del self._waiting[place, is_end]
            if future.exception() is not None:
                continue  # asked again in a second
            offset = future.result().offset
            if is_end:
                ends[place] = offset
            else:
                self._first.setdefault(place, offset)
        return ends

    def _ask(self) -> None:
        now = self._clock()
        if self._waiting or now - self._asked_at < EVERY_SECONDS:
            return
        self._asked_at = now
        if now - self._asked_topics_at >= TOPICS_EVERY_SECONDS:
            self._places = self._partitions()
            self._asked_topics_at = now if self._places else float("-inf")
        self._request([place for place in self._places if place not in self._first], False)
        self._request(self._places, True)

    def _request(self, places: list[Place], ends: bool) -> None:
        if not places:
            return
        spec = OffsetSpec.latest if ends else OffsetSpec.earliest
        asked = {_at(place): spec() for place in places}  # type: ignore[no-untyped-call]
        answers = self._admin.list_offsets(asked, request_timeout=_ANSWER_SECONDS)
        for at, future in answers.items():
            self._waiting[Place(EVENTS.index(at.topic), at.partition), ends] = future

    def _partitions(self) -> list[Place]:
        try:
            known = self._admin.list_topics(timeout=_ANSWER_SECONDS).topics
        except KafkaException:
            return []
        return [
            Place(number, partition)
            for number, topic in enumerate(EVENTS)
            if topic in known and known[topic].error is None
            for partition in known[topic].partitions
        ]


def _at(place: Place) -> TopicPartition:
    return TopicPartition(EVENTS[place.source], place.partition)
