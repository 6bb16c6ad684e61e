"""What the sink does when a commit fails."""

from threading import Event
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from schemas.settings import KafkaSettings, Settings
from sinks.clickhouse.service import Sink


class FakeConsumer:
    """Fails each commit with the next of `errors`; None: it succeeds."""

    def __init__(self, *errors: int | None) -> None:
        self.errors = list(errors)
        self.committed: list[dict[int, int]] = []

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous
        error = self.errors.pop(0)
        if error is not None:
            raise KafkaException(KafkaError(error))
        self.committed.append({each.partition: each.offset for each in offsets})

    def get_watermark_offsets(self, place: TopicPartition, cached: bool) -> Any:
        return None


def made(consumer: FakeConsumer) -> Sink:
    """A sink that has stored something and reaches no broker."""
    sink = Sink(Settings(kafka=KafkaSettings("127.0.0.1:1", security={"log_level": "0"})), Event())
    sink._consumer.close()
    sink._consumer = consumer  # type: ignore[assignment]
    sink._offsets = {("uptake.enriched", 0): 5}
    return sink


@pytest.mark.parametrize("error", [KafkaError._WAIT_COORD, KafkaError._TRANSPORT])
def test_what_could_not_be_committed_while_the_broker_was_away_is_committed_later(
    error: int,
) -> None:
    consumer = FakeConsumer(error, None)
    sink = made(consumer)
    sink._commit()
    sink._offsets["uptake.enriched", 1] = 7
    sink._commit()
    assert consumer.committed == [{0: 5, 1: 7}]
    assert sink._offsets == {}


def test_what_others_read_now_is_not_committed_any_more() -> None:
    consumer = FakeConsumer(KafkaError.ILLEGAL_GENERATION)
    sink = made(consumer)
    sink._commit()
    assert sink._offsets == {}


def test_a_refusal_ends_the_sink() -> None:
    sink = made(FakeConsumer(KafkaError.GROUP_AUTHORIZATION_FAILED))
    with pytest.raises(KafkaException):
        sink._commit()
