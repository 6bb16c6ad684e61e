"""Both kinds of broker start, carry records, and come back after kill -9."""

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.fixtures.brokers import Broker


def _produce(broker: Broker, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True})
    producer.produce(topic, value)
    assert producer.flush(15) == 0


def _read(broker: Broker, topic: str) -> bytes | None:
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap,
            "group.id": f"read-{topic}",
            "auto.offset.reset": "earliest",
            # The embedded broker holds a group's first join for half of this.
            "session.timeout.ms": 6000,
        }
    )
    consumer.subscribe([topic])
    try:
        record = consumer.poll(20)
        value = record.value() if record is not None and record.error() is None else None
        return bytes(value) if value is not None else None
    finally:
        consumer.close()


def _create(broker: Broker, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for created in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        created.result(15)


def test_a_record_goes_in_and_out(broker: Broker) -> None:
    _create(broker, "in-and-out")
    _produce(broker, "in-and-out", b"hello")
    assert _read(broker, "in-and-out") == b"hello"


def test_only_the_embedded_broker_forgets_at_kill(own_broker: Broker) -> None:
    _create(own_broker, "kept")
    _produce(own_broker, "kept", b"hello")
    own_broker.kill()
    own_broker.start()
    topics = AdminClient({"bootstrap.servers": own_broker.bootstrap}).list_topics(timeout=15).topics
    assert ("kept" in topics) is not own_broker.node.memory_only
