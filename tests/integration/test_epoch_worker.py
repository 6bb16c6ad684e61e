"""Workers are killed at random moments; state and outputs equal a recount of the input."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import monotonic

import msgspec
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from schemas import topics
from schemas.settings import Settings, WorkerSettings
from streams import admin
from streams.state.rows import EpochRows
from tests.fixtures.brokers import Broker
from tests.integration import epoch_toy as toy

_LIMIT_SECONDS = 90.0
_SESSION_SECONDS = 6.0
_CHUNK = 240
_ROOT = Path(__file__).parents[2]


class Bench:
    """Topics, input, workers, and what they wrote."""

    def __init__(self, broker: Broker, folder: Path, seed: int) -> None:
        worker = WorkerSettings(session_seconds=_SESSION_SECONDS, epoch_seconds=0.2)
        self.settings = broker.apply(Settings(worker=worker))
        admin.ensure(self.settings)
        self.random = random.Random(seed)
        self.keys: list[int] = []
        self.enriched: dict[tuple[int, int], bytes] = {}
        self.restarts = 0
        self._folder = folder
        self.sent = 0
        self._sent_to = Counter[int]()
        self._producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 1})
        self._consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "bench"})
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._sums: dict[int, tuple[int, int]] = {}
        self._consumer.assign(
            [
                TopicPartition(topic, partition, 0)
                for topic in (topics.ENRICHED, topics.INDICATORS)
                for partition in range(toy.PARTITIONS)
            ]
        )

    def send(self, records: int) -> None:
        """More input."""
        for _ in range(records):
            partition = self.random.randrange(toy.PARTITIONS)
            keys = [self.random.randrange(2_000) for _ in range(self.random.randrange(60))]
            self._producer.produce(topics.BATCHES, toy.encode(keys), partition=partition)
            self._sent_to[partition] += 1
            self.keys.extend(keys)
        self.sent += records
        assert self._producer.flush(30) == 0

    def start(self, number: int = 0) -> subprocess.Popen[bytes]:
        """Start a worker; the same number is the same member of the group."""
        worker = msgspec.structs.replace(self.settings.worker, instance=f"w{number}")
        settings = msgspec.structs.replace(self.settings, worker=worker)
        with open(self._folder / f"worker-{number}.log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.epoch_toy", _json(settings)],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=_ROOT,
            )
        self._workers[number] = process
        return process

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Read outputs until it is true; workers that ended by themselves are started again."""
        deadline = monotonic() + _LIMIT_SECONDS
        while not true():
            assert monotonic() < deadline, f"{what}: {self.seen()}; {self.logs()}"
            for message in self._consumer.consume(500, 0.05):
                self._note(message)
            for number, worker in [*self._workers.items()]:
                if worker.poll() is not None:
                    assert worker.returncode > 0, self.logs()
                    self.restarts += 1
                    self.start(number)

    def _note(self, message: Message) -> None:
        assert message.error() is None, message.error()
        value = message.value()
        assert value is not None
        part = toy.decode_part(value)
        if message.topic() == topics.ENRICHED:
            # A repeat says the same.
            assert self.enriched.setdefault((part.partition, part.position), value) == value
            return
        for key, count in part.counts.items():
            self._sums[key] = max(self._sums.get(key, (-1, 0)), (part.position, count))

    def has(self, records: int) -> bool:
        """Whether so many records were enriched."""
        return len(self.enriched) >= records

    def kill(self, number: int) -> None:
        """SIGKILL."""
        worker = self._workers.pop(number)
        worker.kill()
        worker.wait(10)

    def expected(self) -> dict[int, int]:
        """Once by learners, twice by objects."""
        return {key: 3 * count for key, count in Counter(self.keys).items()}

    def sums(self) -> dict[int, int]:
        """The newest sums that rolling said."""
        return {key: count for key, (_, count) in self._sums.items()}

    def finish(self) -> None:
        """Wait for the right answer, end the workers cleanly."""
        self.until(lambda: len(self.enriched) == self.sent, "every record enriched")
        self.until(lambda: self.sums() == self.expected(), "every sum right")
        for worker in self._workers.values():
            worker.terminate()
        assert [worker.wait(30) for worker in self._workers.values()] == [0] * len(self._workers)
        self._workers.clear()

    def check_logs(self) -> None:
        """The logs, folded, hold the counts."""
        counts = Counter(self.keys)
        for agent, factor in (("learners", 1), ("objects", 2), ("rolling", 3)):
            found = Counter[int]()
            for partition in range(toy.PARTITIONS):
                found.update(_counts(self._fold(agent, partition)))
            assert found == {key: factor * count for key, count in counts.items()}, agent

    def _fold(self, agent: str, partition: int) -> EpochRows:
        place = TopicPartition(topics.state_topic(agent), partition)
        first, end = self._consumer.get_watermark_offsets(place, timeout=10)
        place.offset = first
        self._consumer.assign([place])
        rows = EpochRows()
        read = first
        # The embedded broker names an end too low: read on until nothing comes.
        while message := self._consumer.poll(10.0 if read < end else 0.5):
            value = message.value()
            assert value is not None
            rows.fold(value, message.offset() or 0)
            read = (message.offset() or 0) + 1
        rows.check()
        return rows

    def logs(self) -> str:
        """The ends of the workers' logs."""
        return "\n".join(
            f"{path.name}: {path.read_text()[-3000:]}" for path in self._folder.glob("worker-*.log")
        )

    def seen(self) -> str:
        """How far each partition has come, by what was sent, enriched and written to the logs."""
        enriched = Counter(partition for partition, _ in self.enriched)
        reached = {
            f"{agent}/{partition}": self._fold(agent, partition).position
            for agent in ("learners", "objects", "rolling")
            for partition in range(toy.PARTITIONS)
        }
        return f"{self.sent} sent {dict(self._sent_to)}, enriched {dict(enriched)}, {reached}"

    def close(self) -> None:
        """Leave no process behind."""
        for number in [*self._workers]:
            self.kill(number)
        self._consumer.close()


def _json(settings: Settings) -> str:
    return msgspec.json.encode(settings).decode()


def _counts(rows: EpochRows) -> dict[int, int]:
    return {int(key[1:]): toy.decode_count(value) for key, value in rows.items(b"k")}


@pytest.fixture
def bench(own_broker: Broker, tmp_path: Path) -> Iterator[Bench]:
    """A bench on a broker of its own."""
    bench = Bench(own_broker, tmp_path, seed=7)
    yield bench
    bench.close()


def _lives(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Let it work for a while."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


@pytest.mark.timeout(600)
def test_one_worker_is_killed_again_and_again(bench: Bench) -> None:
    for _ in range(6):
        bench.send(_CHUNK)
        worker = bench.start()
        if bench.random.random() < 0.3:
            _lives(worker, bench.random.uniform(0.5, 3.0))
        else:
            goal = len(bench.enriched) + bench.random.randrange(1, _CHUNK)
            bench.until(partial(bench.has, goal), "some are enriched")
            _lives(worker, bench.random.uniform(0, 0.4))
        bench.kill(0)
    bench.send(_CHUNK)
    bench.start()
    bench.finish()
    assert bench.restarts == 0
    bench.check_logs()


@pytest.mark.timeout(600)
def test_of_two_workers_one_is_killed_again_and_again(bench: Bench) -> None:
    bench.start(0)
    bench.start(1)
    for _ in range(4):
        bench.send(_CHUNK)
        goal = len(bench.enriched) + bench.random.randrange(1, _CHUNK)
        bench.until(partial(bench.has, goal), "some are enriched")
        victim = bench.random.randrange(2)
        bench.kill(victim)
        if bench.random.random() < 0.5:
            # Long enough for the other one to take over.
            bench.send(_CHUNK)
            bench.until(lambda: len(bench.enriched) == bench.sent, "the other one does it")
        bench.start(victim)
    bench.finish()
    bench.check_logs()
