"""What the integration tests of intake share: a broker with topics, input, and what came out."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.records import Batch, DeadLetter, Mark, decode_batch, decode_dead_letter
from schemas.settings import IntakeSettings, PrivacySettings, Settings
from schemas.topics import BATCHES, DEAD_LETTERS, EVENTS
from streams import admin
from tests.fixtures.brokers import Broker

_LIMIT = 90.0
_ROOT = Path(__file__).parents[2]
Coordinates = tuple[int, int, int]


def statement(number: int) -> bytes:
    """A valid statement."""
    return json.dumps(
        {
            "id": str(uuid.UUID(int=number, version=4)),
            "actor": {
                "account": {"homePage": "https://tool.example.org", "name": f"p{number % 97}"}
            },
            "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
            "object": {"id": f"https://lms.example.org/module/{number % 11}"},
            "timestamp": "2026-11-02T10:00:00Z",
        }
    ).encode()


def coordinates(batch: Batch) -> list[Coordinates]:
    """Of the events and then of the dead outcomes of a batch."""
    return [
        *((event.source, event.partition, event.offset) for event in batch.events),
        *((outcome.source, outcome.partition, outcome.offset) for outcome in batch.dead),
    ]


class World:
    """A broker, the settings of an intake on it, and what was written to it so far."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.broker = broker
        self.folder = folder
        self.settings = broker.apply(
            Settings(
                privacy=PrivacySettings(pseudonym_key="a key for tests only"),
                intake=IntakeSettings(pack_events=50, poll_records=200),
            )
        )
        admin.ensure(self.settings)
        self.good: set[Coordinates] = set()
        self.bad: set[Coordinates] = set()
        self.batches: dict[int, list[Batch]] = {}
        self.letters: list[DeadLetter] = []

    def write(self, count: int, start: int = 0) -> None:
        """`count` records over all source partitions; every tenth can never be valid."""
        producer = Producer({"bootstrap.servers": self.broker.bootstrap, "linger.ms": 5})
        wide = self.settings.kafka.partitions

        def delivered(bad: bool) -> Callable[..., None]:
            def note(error: object, message: object) -> None:
                assert error is None
                at = (EVENTS.index(message.topic()), message.partition(), message.offset())  # type: ignore[attr-defined]
                (self.bad if bad else self.good).add(at)

            return note

        for number in range(start, start + count):
            bad = number % 10 == 3
            value = b'{"actor": [%d' % number if bad else statement(number)
            topic = EVENTS[number % len(EVENTS)]
            producer.produce(topic, value, partition=number // 3 % wide, on_delivery=delivered(bad))
            producer.poll(0)
        assert producer.flush(30) == 0

    @contextmanager
    def intake(self) -> Iterator[subprocess.Popen[bytes]]:
        """An intake process, killed at the end unless it has ended."""
        file = self.folder / "settings"
        file.write_bytes(msgspec.msgpack.encode(self.settings))
        with (self.folder / "intake.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.intake_process", str(file)],
                cwd=_ROOT,
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(20)

    @contextmanager
    def output(self) -> Iterator[Callable[[], None]]:
        """Reads what is written to `batches` and `letters`; call it to take what came."""
        consumer = Consumer(
            {"bootstrap.servers": self.broker.bootstrap, "group.id": "t", "fetch.wait.max.ms": 50}
        )
        consumer.assign(
            [TopicPartition(BATCHES, number, 0) for number in range(self.settings.kafka.partitions)]
            + [TopicPartition(DEAD_LETTERS, 0, 0)]
        )

        def take() -> None:
            for message in consumer.consume(1_000, 0.2):
                assert message.error() is None
                value = message.value() or b""
                if message.topic() == DEAD_LETTERS:
                    self.letters.append(decode_dead_letter(value))
                else:
                    self.batches.setdefault(message.partition() or 0, []).append(
                        decode_batch(value)
                    )

        try:
            yield take
        finally:
            consumer.close()

    def events(self) -> list[Coordinates]:
        """Coordinates of all events that were packed, with repetitions."""
        return [
            (event.source, event.partition, event.offset)
            for batches in self.batches.values()
            for batch in batches
            for event in batch.events
        ]

    def dead(self) -> list[Coordinates]:
        """Coordinates of all dead outcomes, with repetitions."""
        return [
            (outcome.source, outcome.partition, outcome.offset)
            for batches in self.batches.values()
            for batch in batches
            for outcome in batch.dead
        ]

    def log(self) -> str:
        """What the intake processes said."""
        return (self.folder / "intake.log").read_text()

    def letters_at(self) -> list[tuple[str, int, int]]:
        """Coordinates of all dead letters, with repetitions."""
        return [(letter.topic, letter.partition, letter.offset) for letter in self.letters]

    def marks(self, partition: int) -> dict[tuple[int, int], list[Mark]]:
        """Marks of one batches partition, in their order, by source partition."""
        found: dict[tuple[int, int], list[Mark]] = {}
        for batch in self.batches.get(partition, []):
            for mark in batch.marks:
                found.setdefault((mark.source, mark.partition), []).append(mark)
        return found

    def complete(self) -> bool:
        """All that was written came out, and marks say so on every partition."""
        ends: dict[tuple[int, int], int] = {}
        for source, partition, offset in self.good | self.bad:
            ends[source, partition] = max(ends.get((source, partition), 0), offset + 1)
        for number in range(self.settings.kafka.partitions):
            marks = self.marks(number)
            if any(at not in marks or marks[at][-1].next_offset < end for at, end in ends.items()):
                return False
        letters = {(EVENTS.index(topic), *rest) for topic, *rest in self.letters_at()}
        return set(self.events()) == self.good and set(self.dead()) == letters == self.bad

    def wait(self, take: Callable[[], None], condition: Callable[[], bool]) -> None:
        """Take until the condition holds."""
        limit = time.monotonic() + _LIMIT
        while not condition():
            assert time.monotonic() < limit, self.log()[-3_000:]
            take()
