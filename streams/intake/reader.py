"""What one poll read -> batches, dead letters and positions. No I/O: records in, records out."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from traceback import extract_tb
from typing import Protocol

from schemas.codec import RegistryUnavailable
from schemas.decode import BY_RECORD, ID_BASIS
from schemas.records import DeadLetter, DeadOutcome, Event, encode
from schemas.settings import Settings
from schemas.topics import BATCHES, DEAD_LETTERS, DIRECTORY, EVENTS, SOURCES
from schemas.xapi.errors import Invalid
from streams.intake import dead_letters, directory
from streams.intake.books import DIRECTORY_SOURCE, Book, marks
from streams.intake.breaker import Breaker
from streams.intake.flight import Position, Source
from streams.intake.packer import Packer, encoded

SOURCE_NUMBERS: Mapping[str, int] = {
    DIRECTORY: DIRECTORY_SOURCE,
    **{topic: number for number, topic in enumerate(EVENTS)},
}
"""Topic -> the number in its books."""

OUR_FAULT = "internal-error"
"""The reason of a dead letter that our own mistake made: replay it once that is mended."""

_log = logging.getLogger(__name__)


class Record(Protocol):
    """A record that was read; confluent_kafka.Message is one."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> Sequence[tuple[str, bytes | None]] | None: ...
    def timestamp(self) -> tuple[int, int]: ...


Decode = Callable[[int, int, int, int, int, bytes | None], Event]
"""(source, partition, offset, generation, received_at, value) -> event. Raises Invalid: never
valid; RegistryUnavailable: try again."""


class Reading:
    """What came of one poll."""

    def __init__(self, packer: Packer) -> None:
        self.packer = packer
        self.letters: list[DeadLetter] = []
        self.last: dict[Source, int] = {}
        """Time of the record read last of each source partition that was read."""
        self.taken = [0] * len(SOURCES)
        """Events of each source, also the dead ones."""
        self.early: set[Source] = set()
        """Partitions whose records were left: they have to be sought back to their book."""

    def records(
        self, books: Mapping[Source, Book], generation: int, written_at: int
    ) -> Iterator[tuple[str, int, bytes]]:
        """What to write, in this order: (topic, partition, value)."""
        for letter in self.letters:
            yield DEAD_LETTERS, 0, encode(letter)
        read = marks((books[source] for source in self.last), generation)
        for partition, batch in self.packer.batches(read, written_at):
            for value in encoded(batch):
                yield BATCHES, partition, value

    def positions(self, books: Mapping[Source, Book]) -> dict[Source, Position]:
        """What may be committed once all of it is written."""
        return {
            source: Position(books[source].next_offset, books[source].note())
            for source in self.last
        }


class Reader:
    """Reads polls. `books`: the partitions that are ours, changed by the owner of this reader.
    `breaker` is told of invalid records; when it has tripped, the poll must not be written. `wait`
    is called between two tries to decode a record; what it raises ends the poll. `life`: of the
    topics between the stages."""

    def __init__(
        self,
        settings: Settings,
        decode: Decode,
        books: dict[Source, Book],
        breaker: Breaker,
        wait: Callable[[Exception], None],
        life: int,
    ) -> None:
        self._settings = settings
        self._decode = decode
        self._books = books
        self._breaker = breaker
        self._wait = wait
        self._generation = settings.kafka.generation
        self._life = life
        self._future_ms = int(settings.intake.future_seconds * 1000)

    def read(self, records: Sequence[Record], now: int, moved: bool) -> Reading:
        """Take the records of one poll, in their order. `now` in ms.

        `moved`: partitions changed hands during the poll. Then a record beyond the book may be
        left from an earlier ownership, so nothing is taken of its partition.
        """
        kafka = self._settings.kafka
        packer = Packer(kafka.partitions, self._life, self._settings.intake.pack_events)
        reading = Reading(packer)
        books = self._books
        for record in records:
            source = (record.topic(), record.partition())
            book = books.get(source)
            if book is None or source in reading.early:
                continue
            offset = record.offset()
            if moved and offset > book.next_offset and source not in reading.last:
                reading.early.add(source)
                continue
            if not book.take(offset):
                continue
            received_at = record.timestamp()[1]
            if received_at < 0:
                received_at = now
            reading.last[source] = received_at
            if book.source == DIRECTORY_SOURCE:
                self._directory_entry(record, received_at, now, reading)
            else:
                self._event(record, book, received_at, now, reading)
        self._breaker.polled(reading.taken)
        return reading

    def _event(
        self, record: Record, book: Book, received_at: int, now: int, reading: Reading
    ) -> None:
        reading.taken[book.source] += 1
        at = (book.source, book.partition, record.offset(), self._generation, received_at)
        value = record.value()
        while True:
            try:
                event = self._decode(*at, value)
                if event.occurred_at > received_at + self._future_ms:
                    self._check_future(event.occurred_at, record)
                if event.attributes.get(ID_BASIS) == BY_RECORD:
                    event = self._with_first_id(event, record)
                reading.packer.event(event)
                return
            except Invalid as error:
                reason: str = error.reason
                detail = error.detail
                break
            except RegistryUnavailable as error:
                self._wait(error)
            except Exception as error:  # noqa: BLE001 - one record must not stop all others
                reason, detail = OUR_FAULT, _place(error)
                _log.error("Our fault: offset %d of %s: %s", at[2], record.topic(), detail)
                break
        # Somebody replays dead letters: that says nothing about what the tools send now.
        if not dead_letters.replayed_at(record):
            self._breaker.invalid(book.source, reading.taken[book.source], reason)
        source = SOURCES[book.source]
        reading.letters.append(
            dead_letters.letter(record, source, reason, detail, received_at, now, self._generation)
        )
        reading.packer.dead(DeadOutcome(*at, reason))

    def _with_first_id(self, event: Event, record: Record) -> Event:
        """An event that is named by its place in the log keeps its name when it is sent again, so
        that it counts once however often that happens."""
        origin = dead_letters.origin_of(record)
        if origin is None or SOURCE_NUMBERS.get(origin.topic) != event.source:
            return event
        first = self._decode(
            event.source, origin.partition, origin.offset, origin.generation, event.received_at,
            record.value(),
        )  # fmt: skip
        event.event_id = first.event_id
        return event

    def _check_future(self, occurred_at: int, record: Record) -> None:
        """By times that lie in the record, never by our clock: a record that is read twice must
        end the same. Raises Invalid."""
        if occurred_at > dead_letters.replayed_at(record) + self._future_ms:
            seconds = self._settings.intake.future_seconds
            rule = f"no more than {seconds:g} s after the record's own time"
            raise Invalid("future-time", "occurred_at", rule)

    def _directory_entry(
        self, record: Record, received_at: int, now: int, reading: Reading
    ) -> None:
        try:
            entry = directory.entry_of(record.key(), record.value(), received_at)
        except ValueError:
            rule = "no entry of the directory; load it with `uptake directory load`"
            reading.letters.append(
                dead_letters.letter(
                    record, "directory", "bad-value", rule, received_at, now, self._generation
                )
            )
            return
        reading.packer.entry(entry)


def _place(error: Exception) -> str:
    """Kind of an error and where it was raised. Its text may quote the event, so it stays out."""
    frames = extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + where
