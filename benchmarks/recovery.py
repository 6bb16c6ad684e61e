"""What a million learners take, and how soon the worker is back after kill -9.

Packs are written to `uptake.batches` as intake writes them, one directory line and one event for
each learner; the state comes about in the worker and goes through its real log.
"""

import time
from collections.abc import Iterator
from hashlib import blake2b

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition
from msgspec import Struct

from benchmarks.machine import load_average, memory_mib
from benchmarks.rig import Rig, running, static_member, wait_for
from benchmarks.whole import Say
from benchmarks.workload import HOUR, TEAMS, team
from schemas.partition import learner_partition
from schemas.records import Batch, Event, LearnerEntry, decode_enriched, encode
from schemas.settings import Settings
from schemas.topics import AGENTS, BATCHES, ENRICHED, PANES, STEPS, state_topic
from streams.kafka_clients import client_config, producer_config
from uptake.local.folder import BrokerKind

_PACK = 500
_SECONDS = 300.0
_BACK_SECONDS = 120.0
_VERBS = (
    ("https://w3id.org/xapi/video/verbs/played", "video/activity-type/video"),
    ("http://adlnet.gov/expapi/verbs/initialized", "video/activity-type/video"),
)


class Recovery(Struct):
    """Seconds from kill -9; memory in MiB."""

    broker: str
    learners: int
    static: bool
    build_rate: float
    """Learners a second when the state came about."""
    ready_seconds: float
    """Until the worker says that it is ready."""
    back_seconds: float
    """Until what a new pack says is on the way to the store."""
    rss_before: int
    peak_before: int
    rss_after: int
    peak_after: int
    log_records: int
    load: str


def measure(kind: BrokerKind, learners: int, static: bool, say: Say) -> Recovery:
    """One run. `static`: with group.instance.id, so that nobody waits for the dead one's session."""
    load = load_average()
    base = static_member(Settings()) if static else Settings()
    with running(kind, base) as rig:
        rig.launch("worker")
        say(f"building the state of {learners:,} learners")
        began = time.time()
        counts = _write(rig, packs(learners, rig.settings.kafka.partitions))
        for topic in (BATCHES, STEPS, PANES):
            rig.passed(rig.settings.worker.group, [topic], _SECONDS)
        build_rate = learners / (time.time() - began)
        rss, peak = memory_mib(rig.pids()["worker"])
        say("kill -9")
        ready_seconds, back_seconds = _kill_and_wait(rig, learners, counts)
        rss_after, peak_after = memory_mib(rig.pids()["worker"])
        records = _records(rig)
    return Recovery(
        kind,
        learners,
        static,
        build_rate,
        ready_seconds,
        back_seconds,
        rss,
        peak,
        rss_after,
        peak_after,
        records,
        load,
    )


def packs(learners: int, partitions: int) -> Iterator[tuple[int, bytes]]:
    """(partition, record of `uptake.batches`): everybody's directory line and one event."""
    generation, now = 1, int(time.time() * 1000)
    offsets = [0] * partitions
    open_packs = [Batch(generation, now) for _ in range(partitions)]
    for number in range(learners):
        learner = _pseudonym(number)
        partition = learner_partition(learner, partitions)
        batch = open_packs[partition]
        batch.learners.append(
            LearnerEntry(
                learner,
                team(number),
                f"manager-{number % TEAMS:02d}",
                f"region-{number % 4}",
            )
        )
        occurred_at = now - 6 * HOUR + 6 * HOUR * number // learners
        batch.events.append(_event(learner, partition, offsets[partition], occurred_at))
        offsets[partition] += 1
        if len(batch.events) == _PACK:
            yield partition, encode(batch)
            open_packs[partition] = Batch(generation, now)
    yield from ((number, encode(batch)) for number, batch in enumerate(open_packs))


def _event(learner: bytes, partition: int, offset: int, occurred_at: int) -> Event:
    verb, kind = _VERBS[offset % len(_VERBS)]
    return Event(
        2,
        partition,
        offset,
        1,
        occurred_at,
        blake2b(learner + b"%d" % offset, digest_size=16).digest(),
        learner,
        occurred_at,
        verb,
        f"https://lms.example.org/video/{offset % 400}",
        f"https://w3id.org/xapi/{kind}",
    )


def _pseudonym(number: int) -> bytes:
    return blake2b(b"%d" % number, digest_size=16).digest()


def _write(rig: Rig, records: Iterator[tuple[int, bytes]]) -> list[int]:
    """Write the records; return how many each partition got."""
    producer = Producer(producer_config(rig.settings.kafka, "uptake-bench"))
    counts = [0] * rig.settings.kafka.partitions
    for partition, value in records:
        while True:
            try:
                producer.produce(BATCHES, value, partition=partition)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
        counts[partition] += 1
    producer.flush()
    return counts


def _kill_and_wait(rig: Rig, learners: int, counts: list[int]) -> tuple[float, float]:
    partition = 0
    consumer = Consumer({**client_config(rig.settings.kafka, "uptake-bench"), "group.id": "bench"})
    consumer.assign([TopicPartition(ENRICHED, partition, OFFSET_END)])
    consumer.poll(2.0)
    rig.kill("worker")
    killed = time.monotonic()
    rig.begin("worker")
    batch = Batch(1, int(time.time() * 1000))
    batch.events.append(
        _event(_pseudonym(0), partition, learners, batch.written_at)  # an offset never used
    )
    _write(rig, iter([(partition, encode(batch))]))

    def back() -> bool:
        message = consumer.poll(0.05)
        value = message.value() if message is not None and message.error() is None else None
        return value is not None and decode_enriched(value).batch_offset == counts[partition]

    wait_for(back, _BACK_SECONDS, "the new pack", 0.0)
    back_seconds = time.monotonic() - killed
    rig.wait_ready("worker")
    ready_seconds = time.monotonic() - killed
    consumer.close()
    return min(ready_seconds, back_seconds), back_seconds


def _records(rig: Rig) -> int:
    """How many records the three state logs hold."""
    consumer = Consumer({**client_config(rig.settings.kafka, "uptake-bench"), "group.id": "bench"})
    total = 0
    for agent in AGENTS:
        for number in range(rig.settings.kafka.partitions):
            low, high = consumer.get_watermark_offsets(
                TopicPartition(state_topic(agent), number), 10
            )
            total += max(0, high - low)
    consumer.close()
    return total
