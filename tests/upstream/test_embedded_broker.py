"""Defects and limits of the embedded broker (Tansu) that the product works around.

A test that fails after an update of it says that the defect is mended: then the place that its
docstring names may go. docs/upstream.md lists them all.
"""

import asyncio
from collections.abc import Iterator
from time import monotonic
from uuid import uuid4

import aiokafka
import pytest
from aiokafka.errors import KafkaError as AioKafkaError
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.settings import KafkaSettings
from streams.kafka_clients import client_config
from tests.fixtures.brokers import Broker, make_broker

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def tansu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One for all of these tests."""
    broker = make_broker("embedded", tmp_path_factory.mktemp("tansu"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def topic(tansu: Broker) -> str:
    """A topic of this test."""
    name = f"t-{uuid4().hex[:8]}"
    admin = _admin(tansu)
    for made in admin.create_topics([NewTopic(name, 1, 1)]).values():
        made.result(10)
    return name


def _admin(tansu: Broker) -> AdminClient:
    return AdminClient(client_config(_settings(tansu), "test"))


def _settings(tansu: Broker) -> KafkaSettings:
    return KafkaSettings(bootstrap=tansu.bootstrap)


def _produce(tansu: Broker, topic: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": tansu.bootstrap, "linger.ms": 100})
    for number in range(count):
        producer.produce(topic, b"%d" % number)
    assert producer.flush(10) == 0


def _consumer(tansu: Broker, **more: object) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": tansu.bootstrap,
            "group.id": f"g-{uuid4().hex[:8]}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            **more,
        }
    )


def test_the_end_is_the_first_record_of_the_last_batch(tansu: Broker, topic: str) -> None:
    """Places: `Ends._read_on`, what `_open` of `streams/intake/ownership.py` and
    `EpochTable._place` do not check there, `alone` of `EpochRows.written`."""
    _produce(tansu, topic, 5)
    consumer = _consumer(tansu)
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    assert len(consumer.consume(5, timeout=5)) == 5
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=5)
    assert end < 5
    consumer.close()


def test_records_cannot_be_deleted(tansu: Broker, topic: str) -> None:
    """Place: the first lines of `Trimmer.cut`."""
    _produce(tansu, topic, 1)
    place = TopicPartition(topic, 0, 1)
    admin = _admin(tansu)
    deleted = admin.delete_records([place], request_timeout=2)[place]
    with pytest.raises(KafkaException):
        deleted.result(5)


def test_the_note_of_a_commit_is_dropped(tansu: Broker, topic: str) -> None:
    """Place: `_recount` of `streams/intake/ownership.py`, as far as it is for this broker."""
    consumer = _consumer(tansu)
    note = TopicPartition(topic, 0, 3, "a note")
    consumer.commit(offsets=[note], asynchronous=False)
    (found,) = consumer.committed([TopicPartition(topic, 0)], timeout=5)
    assert (found.offset, found.metadata) == (3, None)
    consumer.close()


def test_what_was_aborted_is_delivered(tansu: Broker, topic: str) -> None:
    """Place: the exception for this broker in `tests/integration/test_intake.py`."""
    producer = Producer({"bootstrap.servers": tansu.bootstrap, "transactional.id": topic})
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(topic, b"aborted")
    producer.flush(10)
    producer.abort_transaction(10)
    consumer = _consumer(tansu, **{"isolation.level": "read_committed"})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    found = consumer.poll(5)
    assert found is not None
    assert found.value() == b"aborted"
    consumer.close()


def test_the_old_request_for_a_producer_id_is_refused(
    tansu: Broker, loop: asyncio.AbstractEventLoop
) -> None:
    """Place: the transport without IdempotentProducer of `patches.install`."""

    async def begin() -> None:
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=tansu.bootstrap, enable_idempotence=True
        )
        try:
            await asyncio.wait_for(producer.start(), 30)
        finally:
            await producer.stop()

    with pytest.raises(AioKafkaError):
        loop.run_until_complete(begin())


def test_a_topic_that_is_asked_for_is_made(tansu: Broker) -> None:
    """Place: `admin._partitions`, which asks for all topics at once."""
    name = f"t-{uuid4().hex[:8]}"
    admin = _admin(tansu)
    admin.list_topics(name, timeout=5)
    assert name in admin.list_topics(timeout=5).topics


def test_the_first_join_of_a_group_is_held_for_half_of_its_session(
    tansu: Broker, topic: str
) -> None:
    """Place: `_EMBEDDED_SESSION_MS` of `streams/kafka_clients.py`, the session in
    `uptake/local/plan.py`."""
    _produce(tansu, topic, 1)
    consumer = _consumer(tansu, **{"session.timeout.ms": 6_000})
    consumer.subscribe([topic])
    begun = monotonic()
    assert consumer.poll(30) is not None
    assert monotonic() - begun > 2.5
    consumer.close()


def test_a_fetch_that_waits_is_not_answered_when_a_record_comes(tansu: Broker, topic: str) -> None:
    """Place: the `fetch.wait.max.ms` of `consumer_config`."""
    consumer = _consumer(tansu, **{"fetch.wait.max.ms": 8_000})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    assert consumer.poll(0.5) is None
    _produce(tansu, topic, 1)
    begun = monotonic()
    assert consumer.poll(30) is not None
    assert monotonic() - begun > 0.5
    consumer.close()
