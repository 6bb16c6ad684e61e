"""Records as intake reads them, and a decoder of a toy format, for tests without a broker."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.records import Event
from schemas.topics import EVENTS
from schemas.xapi.errors import Invalid

BAD = b"broken"


@dataclass(frozen=True)
class ToyRecord:
    """A streams.intake.reader.Record."""

    topic_: str
    partition_: int
    offset_: int
    value_: bytes | None
    key_: bytes | None = None
    timestamp_: int = 1_000
    headers_: Sequence[tuple[str, bytes | None]] | None = None

    def topic(self) -> str:
        return self.topic_

    def partition(self) -> int:
        return self.partition_

    def offset(self) -> int:
        return self.offset_

    def value(self) -> bytes | None:
        return self.value_

    def key(self) -> bytes | None:
        return self.key_

    def headers(self) -> Sequence[tuple[str, bytes | None]] | None:
        return self.headers_

    def timestamp(self) -> tuple[int, int]:
        return 1, self.timestamp_


def toy_event(source: int, partition: int, offset: int, learner: int = 0) -> Event:
    """An event that a learner's number tells apart."""
    return Event(
        source,
        partition,
        offset,
        0,
        1_000,
        b"%08d%08d" % (partition, offset),
        learner.to_bytes(16, "big"),
        1_000,
        "verb",
        "object",
        "type",
    )


def toy_record(source: int, partition: int, offset: int, learner: int | None) -> ToyRecord:
    """A record about a learner; None: one that can never be valid."""
    value = BAD if learner is None else b"%d" % learner
    return ToyRecord(EVENTS[source], partition, offset, value)


def toy_decode(
    source: int,
    partition: int,
    offset: int,
    generation: int,
    received_at: int,
    value: bytes | None,
) -> Event:
    """The learner's number -> event. Raises Invalid for everything else."""
    if value is None or not value.isdigit():
        raise Invalid("not-json", "", "a number")
    return toy_event(source, partition, offset, int(value))
