"""The bare loop: what the whole way is measured against.

Reads statements, adds the learner's team, counts by (team, verb) in windows of five minutes in a
dict, and inserts enriched rows and, at the end, window rows. It checks nothing, keeps no durable
state, knows no duplicates and no journeys: the least that could be called the same job.

Prints one line of JSON; see `Answer`.
"""

import argparse
import sys
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import clickhouse_connect
import msgspec
import orjson
from confluent_kafka import Consumer, TopicPartition
from msgspec import Struct

from benchmarks.machine import memory_mib
from benchmarks.workload import team
from schemas.settings_load import load
from sinks.clickhouse.client import Store

_ROWS = 50_000
"""Rows of an insert, as many as the sink's."""
_WINDOW_MS = 300_000
_TABLES = (
    "CREATE TABLE IF NOT EXISTS bare_events (event_id UUID, occurred_at DateTime64(3, 'UTC'), "
    "learner String, team LowCardinality(String), verb LowCardinality(String), object_id String, "
    "parent String) ENGINE = MergeTree ORDER BY (occurred_at, event_id)",
    "CREATE TABLE IF NOT EXISTS bare_windows (team LowCardinality(String), "
    "verb LowCardinality(String), window_start DateTime64(3, 'UTC'), n UInt64) "
    "ENGINE = MergeTree ORDER BY (window_start, team, verb)",
)
_COLUMNS = ("event_id", "occurred_at", "learner", "team", "verb", "object_id", "parent")


class Answer(Struct):
    """What a run took. Seconds from the first fetch to the last row in the store."""

    events: int
    seconds: float
    cpu_seconds: float
    peak_mib: int


def run(config: Path, topic: str, events: int, learners: int, insert: bool) -> Answer:
    """Read `events` statements from the beginning of `topic`."""
    settings = load(config).settings
    teams = {f"learner-{number:06d}": team(number) for number in range(learners)}
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka.bootstrap,
            "group.id": "bench-bare",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 10,
            "queued.min.messages": 100_000,
        }
    )
    client = _client(settings) if insert else None
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    began, cpu = time.perf_counter(), time.process_time()
    counts = _loop(consumer, client, teams, events)
    if client is not None:
        rows = [(*key, n) for key, n in counts.items()]
        client.insert("bare_windows", rows, column_names=("team", "verb", "window_start", "n"))
    answer = Answer(
        events,
        time.perf_counter() - began,
        time.process_time() - cpu,
        memory_mib("self")[1],
    )
    consumer.close()
    if sum(counts.values()) != events:
        raise RuntimeError("the bare loop has lost events")
    return answer


def _loop(
    consumer: Consumer, client: Any, teams: dict[str, str], events: int
) -> dict[tuple[str, str, int], int]:
    counts: dict[tuple[str, str, int], int] = defaultdict(int)
    columns: list[list[Any]] = [[] for _ in _COLUMNS]
    left = events
    while left > 0:
        for message in consumer.consume(5_000, 0.1):
            if message.error() is not None:
                continue
            statement = orjson.loads(message.value() or b"")
            occurred_at = int(datetime.fromisoformat(statement["timestamp"]).timestamp() * 1000)
            learner = statement["actor"]["account"]["name"]
            verb = statement["verb"]["id"]
            cohort = teams[learner]
            counts[cohort, verb, occurred_at // _WINDOW_MS * _WINDOW_MS] += 1
            left -= 1
            if client is not None:
                parent = statement["context"]["contextActivities"]["parent"][0]["id"]
                columns[0].append(UUID(statement["id"]))
                columns[1].append(occurred_at)
                columns[2].append(learner)
                columns[3].append(cohort)
                columns[4].append(verb)
                columns[5].append(statement["object"]["id"])
                columns[6].append(parent)
        if columns[0] and (len(columns[0]) >= _ROWS or left == 0):
            client.insert("bare_events", columns, column_names=_COLUMNS, column_oriented=True)
            columns = [[] for _ in _COLUMNS]
    return counts


def _client(settings: Any) -> Any:
    with Store(settings.clickhouse) as store:
        for sql in _TABLES:
            store.command(sql)
    host, _, port = settings.clickhouse.url.removeprefix("http://").partition(":")
    return clickhouse_connect.get_client(
        host=host,
        port=int(port),
        username=settings.clickhouse.user,
        password=settings.clickhouse.password,
        database=settings.clickhouse.database,
        compress="lz4",
        autogenerate_session_id=False,
    )


def main() -> int:
    """Run once."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--learners", type=int, required=True)
    parser.add_argument("--no-insert", action="store_true")
    given = parser.parse_args()
    answer = run(given.config, given.topic, given.events, given.learners, not given.no_insert)
    print(msgspec.json.encode(answer).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
