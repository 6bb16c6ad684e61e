"""The collector on real brokers: what was answered 2xx is in Kafka, whatever happens."""

import asyncio
import gzip
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from benchmarks.http_load import Load, measure
from schemas.settings import KafkaSettings
from streams.collector.producer import KafkaLog, NotAcknowledged, QueueFull
from tests.fixtures.brokers import Broker
from tests.integration.collector_process import (
    RunningCollector,
    running_collector,
    status_of,
    until,
)

STATEMENT = {
    "actor": {"mbox": "mailto:ann@example.com"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
    "object": {"id": "https://lms.example.com/module/3"},
    "timestamp": "2026-01-05T09:30:00Z",
}


@pytest.fixture
def collector(own_broker: Broker, tmp_path: Path) -> Iterator[RunningCollector]:
    with running_collector(own_broker, tmp_path, acknowledge_seconds=2.0) as running:
        yield running


def records_of(broker: Broker, topic: str, at_least: int) -> list[Message]:
    """The records of a topic, once there are `at_least` so many."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap,
            "group.id": uuid4().hex,
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 100,
        }
    )
    try:
        partitions = consumer.list_topics(timeout=15).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        found: list[Message] = []
        limit = time.monotonic() + 20
        while len(found) < at_least and time.monotonic() < limit:
            found += consumer.consume(10_000, 0.2)
        found += consumer.consume(10_000, 0.5)
        assert all(message.error() is None for message in found)
        return found
    finally:
        consumer.close()


def test_what_was_taken_is_in_kafka(collector: RunningCollector, own_broker: Broker) -> None:
    before = time.time() * 1000
    ids = [str(uuid4()) for _ in range(50)]
    packed = gzip.compress(json.dumps([{**STATEMENT, "id": each} for each in ids]).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    with collector.client("lms") as client:
        reply = client.post("/xapi/statements", content=packed, headers=headers)
        single = client.post("/xapi/statements", json=STATEMENT)
        nothing = client.post("/xapi/statements", json=[])
        put = client.put("/xapi/statements", params={"statementId": ids[0]}, json=STATEMENT)
    assert reply.json() == ids
    assert (nothing.status_code, nothing.json()) == (200, [])
    assert (single.status_code, put.status_code) == (200, 204)
    found = records_of(own_broker, "events.lms", 52)
    stored = [json.loads(message.value() or b"")["id"] for message in found]
    assert sorted(stored) == sorted([*ids, *single.json(), ids[0]])
    assert all(message.headers() == [("uptake-key", b"lms")] for message in found)
    assert all(before - 1 <= message.timestamp()[1] <= time.time() * 1000 for message in found)


def test_without_kafka_it_says_so_and_takes_nothing(
    collector: RunningCollector, own_broker: Broker
) -> None:
    own_broker.kill()
    with collector.client("lms") as client:
        started = time.monotonic()
        reply = client.post("/xapi/statements", json=STATEMENT)
    assert reply.status_code == 503
    assert int(reply.headers["retry-after"]) >= 1
    assert time.monotonic() - started < 8
    assert reply.json()["error"]["rule"] == "not-acknowledged"
    until(lambda: status_of(f"{collector.url}/readyz") == 503, 30)
    assert status_of(f"{collector.url}/healthz") == 200


@pytest.mark.kafka
def test_it_goes_on_when_kafka_is_back(kafka_broker: Broker, tmp_path: Path) -> None:
    with (
        running_collector(kafka_broker, tmp_path, acknowledge_seconds=2.0) as collector,
        collector.client("lms") as client,
    ):
        first = client.post("/xapi/statements", json={**STATEMENT, "id": str(uuid4())})
        assert first.status_code == 200
        kafka_broker.kill()
        away = client.post("/xapi/statements", json=STATEMENT)
        assert away.status_code == 503
        assert int(away.headers["retry-after"]) >= 1
        kafka_broker.start()
        until(lambda: client.post("/xapi/statements", json=STATEMENT).status_code == 200, 40)
        until(lambda: status_of(f"{collector.url}/readyz") == 200, 30)
        # What was answered 200 before Kafka was killed is there, and so is what came after.
        found = records_of(kafka_broker, "events.lms", 2)
        assert first.json()[0] in {json.loads(each.value() or b"")["id"] for each in found}
        assert len(found) >= 2


def test_sigterm_under_load_loses_nothing(collector: RunningCollector, own_broker: Broker) -> None:
    load = Load(collector.url, "lms", "lms-secret", connections=20, batch=5, seconds=30.0)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: asyncio.run(measure(load)))
        until(lambda: b'status="200"' in httpx.get(f"{collector.url}/metrics").content)
        assert collector.stop() == 0
        result = running.result(30)
    assert result.statuses[200] > 0
    assert set(result.statuses) == {200}
    found = records_of(own_broker, "events.lms", result.statements)
    assert len({json.loads(message.value() or b"")["id"] for message in found}) == len(found)
    assert len(found) >= result.statements


def test_a_client_that_sends_too_much_gets_to_read_why(
    embedded_broker: Broker, tmp_path: Path
) -> None:
    with (
        running_collector(embedded_broker, tmp_path, max_body_bytes=10_000) as collector,
        collector.client("lms") as client,
    ):
        reply = client.post("/xapi/statements", content=b" " * 8_000_000)
        assert (reply.status_code, reply.json()["error"]["rule"]) == (413, "too-large")
        assert client.post("/xapi/statements", json=STATEMENT).status_code == 200


def test_more_than_may_wait_is_refused_at_once() -> None:
    async def overfill() -> None:
        log = KafkaLog(KafkaSettings(bootstrap="127.0.0.1:1"), 0.5, 1_000)
        with pytest.raises(QueueFull):
            await log.append("events.lms", [(None, b"")] * 200_001, "lms")
        with pytest.raises(NotAcknowledged):
            await log.append("events.lms", [(None, b"{}")], "lms")
        assert await log.close(2.0) == 0

    asyncio.run(overfill())
