"""What a million learners take, and how soon the worker is back after kill -9.

Packs are written to `uptake.batches` as intake writes them: for each learner a directory line, a
module that is begun and completed, and a ticket that is resolved. The state comes about in the
worker and goes through its real log.
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
from schemas.topics import AGENTS, BATCHES, ENRICHED, PANES, STEPS, state_topic
from streams.kafka_clients import client_config, producer_config
from uptake.local.folder import BrokerKind

_PACK = 500
_GENERATION = 1
_SECONDS = 900.0
_BACK_SECONDS = 120.0
_MODULE = ("https://lms.example.org/module/%d", "http://adlnet.gov/expapi/activities/module")
_TICKET = ("https://tickets.example.org/ticket/%d", "http://activitystrea.ms/issue")
_EVENTS = (
    ("http://adlnet.gov/expapi/verbs/initialized", *_MODULE),
    ("http://adlnet.gov/expapi/verbs/completed", *_MODULE),
    ("http://activitystrea.ms/resolve", *_TICKET),
)
"""What each learner does: verb, object, type of object."""

_MODULES = 400


class Recovery(Struct):
    """Seconds from kill -9; memory in MiB."""

    broker: str
    learners: int
    named: bool
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


def measure(kind: BrokerKind, learners: int, say: Say) -> list[Recovery]:
    """One state, two ends: of a worker as `uptake up` starts it, and of one with a name
    (group.instance.id), whose partitions do not wait for the dead one's session to end."""
    with running(kind) as rig:
        rig.launch("worker")
        say(f"building the state of {learners:,} learners")
        began = time.time()
        counts = _write(rig, packs(learners, rig.settings.kafka.partitions))
        for topic in (BATCHES, STEPS, PANES):
            rig.passed(rig.settings.worker.group, [topic], _SECONDS)
        build_rate = learners / (time.time() - began)
        return [_kill(rig, learners, build_rate, counts, named, say) for named in (False, True)]


def _kill(
    rig: Rig, learners: int, build_rate: float, counts: list[int], named: bool, say: Say
) -> Recovery:
    if named:
        rig.stop("worker")
        rig.configure(static_member(rig.settings))
        rig.launch("worker")
    load = load_average()
    say(f"kill -9 of a worker {'with' if named else 'without'} a name")
    rss, peak = memory_mib(rig.pids()["worker"])
    ready_seconds, back_seconds = _kill_and_wait(rig, learners, counts)
    rss_after, peak_after = memory_mib(rig.pids()["worker"])
    return Recovery(
        rig.plan.state.broker,
        learners,
        named,
        build_rate,
        ready_seconds,
        back_seconds,
        rss,
        peak,
        rss_after,
        peak_after,
        _records(rig),
        load,
    )


def packs(learners: int, partitions: int) -> Iterator[tuple[int, bytes]]:
    """(partition, record of `uptake.batches`): everybody's directory line, then the events."""
    now = int(time.time() * 1000)
    places: list[list[int]] = [[] for _ in range(partitions)]
    for number in range(learners):
        places[learner_partition(_pseudonym(number), partitions)].append(number)
    for partition, numbers in enumerate(places):
        for begin in range(0, len(numbers), _PACK):
            lines = [_line(number) for number in numbers[begin : begin + _PACK]]
            yield partition, encode(Batch(_GENERATION, now, learners=lines))
    longest = max(map(len, places))
    total = longest * len(_EVENTS)
    for what in range(len(_EVENTS)):
        for begin in range(0, longest, _PACK):
            place = what * longest + begin
            occurred_at = now - 6 * HOUR + 6 * HOUR * place // total
            for partition, numbers in enumerate(places):
                events = [
                    _event(number, what, partition, what * len(numbers) + index, occurred_at)
                    for index, number in enumerate(numbers[begin : begin + _PACK], begin)
                ]
                yield partition, encode(Batch(_GENERATION, now, events))


def _line(number: int) -> LearnerEntry:
    return LearnerEntry(
        _pseudonym(number),
        team(number),
        f"manager-{number % TEAMS:02d}",
        f"region-{number % 4}",
    )


def _event(number: int, what: int, partition: int, offset: int, occurred_at: int) -> Event:
    verb, thing, kind = _EVENTS[what]
    learner = _pseudonym(number)
    return Event(
        2,
        partition,
        offset,
        _GENERATION,
        occurred_at,
        blake2b(learner + b"%d" % offset, digest_size=16).digest(),
        learner,
        occurred_at,
        verb,
        thing % (number if what == len(_EVENTS) - 1 else number % _MODULES),
        kind,
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
    now = int(time.time() * 1000)
    # At an offset that was never used.
    batch = Batch(
        _GENERATION, now, [_event(0, 0, partition, 3 * learners + counts[partition], now)]
    )
    _write(rig, iter([(partition, encode(batch))]))
    expected, counts[partition] = counts[partition], counts[partition] + 1

    def back() -> bool:
        message = consumer.poll(0.05)
        value = message.value() if message is not None and message.error() is None else None
        return value is not None and decode_enriched(value).batch_offset == expected

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
