"""Offsets of a source topic that hold no event: the markers and the aborted records of other
writers' transactions, and what compaction took away. Nothing stops at them, and the store's
account adds up."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from schemas.topics import EVENTS
from tests.chaos.asking import Store
from tests.chaos.pipeline import Pipeline
from tests.fixtures import logs
from tests.fixtures.brokers import require
from tests.fixtures.committed import offsets
from tests.fixtures.victims import pause
from tests.fixtures.waiting import wait_for
from tests.integration.intake_world import statement
from uptake.local.settle import settle

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

_CRM, _TICKETING, _ = EVENTS
_LIMIT = 90.0
_NUMBERS = count()
"""Of the events: each is another one."""


@pytest.fixture
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pipeline]:
    """The whole pipeline on Apache Kafka, without an intake."""
    logs.require_logs()
    require("kafka", request.config)
    made = Pipeline(tmp_path, "kafka")
    try:
        made.start(logs.TEAMS)
        made.hold("intake")
        yield made
    finally:
        made.abandon()


def test_gaps_in_the_offsets_of_a_source_are_no_events(pipeline: Pipeline) -> None:
    bootstrap = pipeline.settings.kafka.bootstrap
    _compact(bootstrap)
    _write_keyed(bootstrap, rounds=6)
    wait_for(lambda: len(offsets(bootstrap, _CRM, 3)) < 60, _LIMIT, "compaction")
    # What intake has read is to be there still when it is counted.
    _alter(bootstrap, ResourceType.TOPIC, _CRM, {"cleanup.policy": "delete"})
    other = _transactional(bootstrap)
    _transaction(other, 20, commit=True)
    _transaction(other, 30, commit=False)
    pipeline.release("intake")
    other.begin_transaction()
    _produce(other, 5)
    other.flush(20)
    wait_for(lambda: _account(pipeline, "ticketing")["stored"] == 20, _LIMIT, "what is committed")
    # The end of the log lies behind a transaction that has not ended.
    wait_for(lambda: _account(pipeline, "ticketing")["pending"] > 0, _LIMIT, "what is pending")
    pipeline.kill("intake")
    other.abort_transaction(20)
    _transaction(other, 7, commit=True)
    _write_keyed(bootstrap, rounds=1)
    settle(pipeline.settings, _LIMIT, lambda _: pipeline.tick())
    for source, topic in (("crm", _CRM), ("ticketing", _TICKETING)):
        there = len(offsets(bootstrap, topic, 3))
        account = _account(pipeline, source)
        assert account == {"received": there, "stored": there, "pending": 0, "difference": 0}
    assert _account(pipeline, "ticketing")["stored"] == 27
    assert 20 <= _account(pipeline, "crm")["stored"] < 70


def _account(pipeline: Pipeline, source: str) -> dict[str, int]:
    pipeline.tick()
    store = Store(pipeline.settings.clickhouse)
    columns = ("received", "stored", "pending", "difference")
    named = ", ".join(f"toString({column})" for column in columns)
    (row,) = store.rows(f"SELECT {named} FROM conservation WHERE source = '{source}'")
    return dict(zip(columns, (int(str(each)) for each in row), strict=True))


def _compact(bootstrap: str) -> None:
    """Let the log of the CRM be compacted at once."""
    _alter(bootstrap, ResourceType.BROKER, "1", {"log.cleaner.backoff.ms": "100"})
    quickly = {"min.cleanable.dirty.ratio": "0.0", "segment.ms": "50"}
    _alter(bootstrap, ResourceType.TOPIC, _CRM, {"cleanup.policy": "compact", **quickly})


def _alter(bootstrap: str, kind: ResourceType, name: str, config: dict[str, str]) -> None:
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        for key, value in config.items()
    ]
    resource = ConfigResource(kind, name, incremental_configs=entries)
    client = AdminClient({"bootstrap.servers": bootstrap})
    for altered in client.incremental_alter_configs([resource]).values():
        altered.result(15)


def _write_keyed(bootstrap: str, rounds: int) -> None:
    """The same ten keys again and again, each time with another event."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for _ in range(rounds):
        for key in range(10):
            producer.produce(_CRM, statement(next(_NUMBERS)), key=str(key), partition=0)
        assert producer.flush(20) == 0
        # A segment that is old enough ends with the next record.
        pause(0.1)


def _transactional(bootstrap: str) -> Producer:
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": "a-tool"})
    producer.init_transactions(30)
    return producer


def _transaction(producer: Producer, events: int, commit: bool) -> None:
    producer.begin_transaction()
    _produce(producer, events)
    producer.flush(20)
    if commit:
        producer.commit_transaction(20)
    else:
        producer.abort_transaction(20)


def _produce(producer: Producer, events: int) -> None:
    for number in range(events):
        producer.produce(_TICKETING, statement(next(_NUMBERS)), partition=number % 3)
