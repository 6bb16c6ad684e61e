"""The learners stage in Faust against the same work one event a message, and the bare loop.

The stage is the real one with the real catalog: it reads packs from `uptake.batches`, and what it
knows is durable in its epoch log. Its clock ends with the last record of that log.
"""

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from msgspec import Struct

from benchmarks.machine import cpu_seconds, load_average
from benchmarks.rig import Rig, preload, running
from benchmarks.whole import (
    TOPIC,
    Say,
    ready_with_directory,
    run_bare,
    run_module,
    workload,
)
from benchmarks.workload import statements
from schemas.settings import KafkaSettings
from schemas.topics import BATCHES, EVENTS, state_topic
from streams.kafka_clients import client_config
from uptake.local.folder import BrokerKind

_NAIVE_TOPIC = "bench.naive"
_SECONDS = 300.0
_LOG_SECONDS = 60.0


class Stage(Struct):
    """Rates in events a second."""

    broker: str
    shape: str
    events: int
    intake: float
    learners: float
    learners_cpu_us: float
    naive_events: int
    naive: float
    naive_cpu_us: float
    bare: float
    """With inserts."""
    bare_without_store: float
    load: str

    @property
    def to_naive(self) -> float:
        """The stage in multiples of the naive app."""
        return self.learners / self.naive

    @property
    def to_bare(self) -> float:
        """The stage as a share of the bare loop, which inserts too."""
        return self.learners / self.bare


def measure(
    kind: BrokerKind, shape: str, events: int, naive_events: int, learners: int, say: Say
) -> Stage:
    """One run."""
    load = load_average()
    made = list(statements(workload(shape, events, learners)))
    with running(kind) as rig:
        ready_with_directory(rig, learners, say)
        preload(rig.settings.kafka.bootstrap, TOPIC, made)
        say("the bare loop, with and without inserts")
        bare = run_bare(rig, events, learners).rate
        without = run_bare(rig, events, learners, "--no-insert").rate
        say("intake alone")
        packed = pack(rig, events)
        say("the learners stage alone")
        rate, cpu = _learners(rig, events)
        say(f"naive Faust over {naive_events:,} events")
        _make_topic(rig.settings.kafka, _NAIVE_TOPIC)
        preload(rig.settings.kafka.bootstrap, _NAIVE_TOPIC, made[:naive_events])
        naive = run_module(
            "benchmarks.naive",
            f"--bootstrap={rig.settings.kafka.bootstrap}",
            f"--topic={_NAIVE_TOPIC}",
            f"--events={naive_events}",
            f"--learners={learners}",
        )
    return Stage(
        kind,
        shape,
        events,
        packed,
        rate,
        cpu,
        naive_events,
        naive.events / naive.seconds,
        1e6 * naive.cpu_seconds / naive.events,
        bare,
        without,
        load,
    )


def pack(rig: Rig, events: int) -> float:
    """Let intake pack everything; events a second, until the last pack was written."""
    rig.launch("intake")
    began = time.time()
    rig.passed(rig.settings.intake.group, EVENTS, _SECONDS)
    rig.stop("intake")
    return events / (last_written(rig.settings.kafka, BATCHES) - began)


def _learners(rig: Rig, events: int) -> tuple[float, float]:
    """Events a second until the last epoch was written, and CPU us an event."""
    rig.launch("worker", module="benchmarks.learners_only")
    began = time.time()
    pid = rig.pids()["worker"]
    cpu = cpu_seconds(pid)
    rig.passed(rig.settings.worker.group, [BATCHES], _SECONDS)
    used = cpu_seconds(pid) - cpu
    rig.stop("worker")
    ended = last_written(rig.settings.kafka, state_topic("learners"))
    return events / (ended - began), 1e6 * used / events


def _make_topic(settings: KafkaSettings, name: str) -> None:
    admin = AdminClient(client_config(settings, "uptake-bench"))
    for made in admin.create_topics([NewTopic(name, settings.partitions, 1)]).values():
        made.result()


def last_written(settings: KafkaSettings, topic: str) -> float:
    """When the newest record of a topic was written, in seconds since 1970."""
    config = {
        **client_config(settings, "uptake-bench"),
        "group.id": "bench-times",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    consumer = Consumer(config)
    partitions = set(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    newest = 0
    limit = time.monotonic() + _LOG_SECONDS
    while partitions and time.monotonic() < limit:
        for message in consumer.consume(500, 0.2):
            error = message.error()
            if error is None:
                newest = max(newest, message.timestamp()[1])
            elif error.code() == KafkaError._PARTITION_EOF:
                partitions.discard(message.partition() or 0)
    consumer.close()
    return newest / 1000
