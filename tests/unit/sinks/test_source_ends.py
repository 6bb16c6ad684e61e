"""Asking the broker for ends without waiting."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

from confluent_kafka import KafkaException, TopicPartition

from sinks.clickhouse import tables
from sinks.clickhouse.source_ends import EVERY_SECONDS, SourceEnds


class FakeAdmin:
    """A broker with one partition of `events.lms`."""

    def __init__(self) -> None:
        self.first = 5
        self.end = 10
        self.silent = False
        self.asked = 0

    def list_topics(self, timeout: float) -> Any:
        topic = SimpleNamespace(error=None, partitions={0: None})
        return SimpleNamespace(topics={"events.lms": topic, "other": topic})

    def list_offsets(self, asked: dict[TopicPartition, Any], request_timeout: float) -> Any:
        self.asked += 1
        return {place: self._answer(spec) for place, spec in asked.items()}

    def _answer(self, spec: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.silent:
            future.set_exception(KafkaException("away"))
        else:
            latest = spec._value == -1
            future.set_result(SimpleNamespace(offset=self.end if latest else self.first))
        return future


def rows(ends: SourceEnds) -> list[dict[str, Any]]:
    columns = ends.changed(99).columns
    return [
        dict(zip(tables.names("source_ends"), row, strict=True))
        for row in zip(*columns, strict=True)
    ]


def test_an_end_is_told_once_and_again_when_it_moves() -> None:
    admin, now = FakeAdmin(), [0.0]
    ends = SourceEnds(admin, 4, 3, lambda: now[0])  # type: ignore[arg-type]
    assert rows(ends) == []
    assert rows(ends) == [
        {
            "source": "lms", "generation": 4, "partition": 0, "first_offset": 5, "end_offset": 10,
            "batch_partitions": 3, "seen_at": 99,
        }
    ]  # fmt: skip
    now[0] += EVERY_SECONDS
    assert rows(ends) == rows(ends) == []
    admin.end = 11
    now[0] += EVERY_SECONDS
    rows(ends)
    assert [row["end_offset"] for row in rows(ends)] == [11]


def test_it_asks_again_after_an_error_but_not_more_than_once_a_second() -> None:
    admin, now = FakeAdmin(), [0.0]
    admin.silent = True
    ends = SourceEnds(admin, 0, 3, lambda: now[0])  # type: ignore[arg-type]
    for _ in range(5):
        assert rows(ends) == []
    assert admin.asked == 2
    admin.silent = False
    now[0] += EVERY_SECONDS
    rows(ends)
    assert len(rows(ends)) == 1
