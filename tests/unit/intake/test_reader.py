"""Reading in polls, with crashes at any point: what downstream is promised holds."""

from collections import defaultdict
from collections.abc import Callable
from typing import cast

import pytest
from confluent_kafka import KafkaError, Message
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import RegistryUnavailable
from schemas.partition import coordinates_partition, learner_partition
from schemas.records import (
    Batch,
    Event,
    LearnerEntry,
    Mark,
    decode_batch,
    decode_dead_letter,
)
from schemas.settings import IntakeSettings, KafkaSettings, Settings
from schemas.topics import BATCHES, DEAD_LETTERS, DIRECTORY, EVENTS
from streams.intake import directory
from streams.intake.books import DIRECTORY_SOURCE, Book, reopened
from streams.intake.breaker import Breaker
from streams.intake.dead_letters import REPLAYED_AT_HEADER
from streams.intake.flight import Flight, Position, Source
from streams.intake.reader import OUR_FAULT, Reader
from tests.unit.intake.records import BAD, ToyRecord, toy_decode, toy_record

PARTITIONS = 3
SETTINGS = Settings(
    kafka=KafkaSettings(partitions=PARTITIONS), intake=IntakeSettings(pack_events=4)
)
Delivered = Callable[[KafkaError | None, Message], None]
_ANY = cast(Message, None)


def _never(_: Exception) -> None:
    raise AssertionError("nothing to wait for")


class _World:
    """Source partitions, the log of batches, committed offsets; and the process that may die."""

    def __init__(self, sources: dict[Source, list[ToyRecord]]) -> None:
        self.sources = sources
        self.log: dict[int, list[Batch]] = defaultdict(list)
        self.dead_letters = 0
        self.committed: dict[Source, Position] = {}
        self.start()

    def start(self) -> None:
        self.books: dict[Source, Book] = {}
        for source in self.sources:
            number = EVENTS.index(source[0])
            position = self.committed.get(source)
            book = position and reopened(number, source[1], position.offset, position.note)
            self.books[source] = book or Book(number, source[1], 0, 0)
        self.reader = Reader(SETTINGS, toy_decode, self.books, Breaker(SETTINGS.intake), _never, 0)
        self.flight = Flight()
        self.sending: dict[tuple[str, int], list[tuple[bytes, Delivered]]] = defaultdict(list)

    def poll(self, sizes: list[int]) -> None:
        """Read the next records of each partition and put what comes of it on its way."""
        records = []
        for (source, book), size in zip(self.books.items(), sizes, strict=False):
            rest = [r for r in self.sources[source] if r.offset() >= book.next_offset]
            records.extend(rest[:size])
        reading = self.reader.read(records, 2_000, moved=False)
        made = list(reading.records(self.books, 0, 2_000))
        delivered = self.flight.launch(len(made), reading.positions(self.books))
        for topic, partition, value in made:
            self.sending[topic, partition].append((value, delivered))

    def deliver(self, share: float) -> None:
        """Of each partition a share of what is on its way arrives, in order."""
        for (topic, partition), queue in self.sending.items():
            for _ in range(round(len(queue) * share)):
                value, delivered = queue.pop(0)
                if topic == BATCHES:
                    self.log[partition].append(decode_batch(value))
                else:
                    self.dead_letters += 1
                delivered(None, _ANY)

    def commit(self) -> None:
        self.committed.update(self.flight.landed())


Taken = dict[tuple[Source, bool], list[int]]
"""(source partition, dead) -> offsets: events and dead outcomes each keep their order."""


def _check_log(world: _World) -> None:
    for partition in range(PARTITIONS):
        expected: Taken = {
            (source, dead): [
                record.offset()
                for record in records
                if (record.value() == BAD) is dead and _goes_to(record, partition)
            ]
            for source, records in world.sources.items()
            for dead in (False, True)
        }
        taken: Taken = {key: [] for key in expected}
        for batch in world.log[partition]:
            for dead, source, offset in _coordinates(batch):
                seen = taken[source, dead]
                if not seen or offset > seen[-1]:
                    seen.append(offset)
            for mark in batch.marks:
                _check_mark(mark, world, expected, taken)
        for key, offsets in taken.items():
            assert offsets == expected[key][: len(offsets)], "an event was left out"


def _coordinates(batch: Batch) -> list[tuple[bool, Source, int]]:
    return [
        *((False, (EVENTS[e.source], e.partition), e.offset) for e in batch.events),
        *((True, (EVENTS[o.source], o.partition), o.offset) for o in batch.dead),
    ]


def _goes_to(record: ToyRecord, partition: int) -> bool:
    value = record.value()
    if value == BAD:
        number = EVENTS.index(record.topic())
        return (
            coordinates_partition(number, record.partition(), record.offset(), PARTITIONS)
            == partition
        )
    return learner_partition(int(value or b"").to_bytes(16, "big"), PARTITIONS) == partition


def _check_mark(mark: Mark, world: _World, expected: Taken, taken: Taken) -> None:
    source = (EVENTS[mark.source], mark.partition)
    for dead in (False, True):
        promised = [offset for offset in expected[source, dead] if offset < mark.next_offset]
        assert taken[source, dead][: len(promised)] == promised
    present = [r for r in world.sources[source] if r.offset() < mark.next_offset]
    assert mark.next_offset - mark.first_offset - mark.skipped == len(present)


@st.composite
def _sources(draw: st.DrawFn) -> dict[Source, list[ToyRecord]]:
    found = {}
    for number, partition in ((0, 0), (0, 1), (2, 0)):
        offset = 0
        records = []
        for gap, learner in draw(
            st.lists(
                st.tuples(st.sampled_from([0, 0, 0, 1, 3]), st.none() | st.integers(0, 9)),
                max_size=25,
            )
        ):
            offset += gap
            records.append(toy_record(number, partition, offset, learner))
            offset += 1
        found[EVENTS[number], partition] = records
    return found


_ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("poll"), st.lists(st.integers(0, 9), min_size=3, max_size=3)),
        st.tuples(st.just("deliver"), st.sampled_from([0.3, 0.7, 1.0])),
        st.tuples(st.just("commit"), st.none()),
        st.tuples(st.just("crash"), st.sampled_from([0.0, 0.5, 1.0])),
    ),
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(sources=_sources(), actions=_ACTIONS)
def test_any_polls_and_any_crash(
    sources: dict[Source, list[ToyRecord]], actions: list[tuple[str, object]]
) -> None:
    world = _World(sources)
    for action, argument in actions:
        if action == "poll":
            world.poll(cast(list[int], argument))
        elif action == "deliver":
            world.deliver(cast(float, argument))
        elif action == "commit":
            world.commit()
        else:
            # What had reached the broker stays; nothing is committed after.
            world.deliver(cast(float, argument))
            world.start()
    world.poll([1_000] * 3)
    world.deliver(1.0)
    world.commit()
    _check_log(world)
    for partition in range(PARTITIONS):
        arrived = {
            (*source, offset)
            for batch in world.log[partition]
            for _, source, offset in _coordinates(batch)
        }
        assert arrived == {
            (*source, record.offset())
            for source, records in sources.items()
            for record in records
            if _goes_to(record, partition)
        }
    dead = sum(record.value() == BAD for records in sources.values() for record in records)
    assert world.dead_letters >= dead
    for source, records in sources.items():
        position = world.committed.get(source)
        assert (position.offset if position else 0) == (records[-1].offset() + 1 if records else 0)


def _reader(books: dict[Source, Book], decode: object = toy_decode) -> Reader:
    breaker = Breaker(SETTINGS.intake)
    return Reader(SETTINGS, decode, books, breaker, _never, 0)  # type: ignore[arg-type]


def test_a_dead_letter_keeps_everything_of_the_record() -> None:
    books = {("events.lms", 1): Book(2, 1, 0, 7)}
    record = ToyRecord("events.lms", 1, 7, b"\x00\xff", b"key", 1_234, [("h", b"1"), ("n", None)])
    reading = _reader(books).read([record], 2_000, moved=False)
    made = list(reading.records(books, 0, 2_000))
    [letter] = [decode_dead_letter(value) for topic, _, value in made if topic == DEAD_LETTERS]
    assert (letter.topic, letter.partition, letter.offset) == ("events.lms", 1, 7)
    assert (letter.key, letter.value) == (b"key", b"\x00\xff")
    assert letter.headers == [("h", b"1"), ("n", None)]
    assert (letter.received_at, letter.dead_at) == (1_234, 2_000)
    assert (letter.source, letter.stage, letter.reason) == ("lms", "intake", "not-json")
    outcomes = [o for topic, _, v in made if topic == BATCHES for o in decode_batch(v).dead]
    assert [(o.source, o.partition, o.offset, o.reason) for o in outcomes] == [
        (2, 1, 7, "not-json")
    ]


def test_our_own_fault_costs_one_record_and_shows_no_text() -> None:
    def decode(*_: object) -> Event:
        raise RuntimeError("someone@example.org")

    books = {("events.crm", 0): Book(0, 0, 0, 0)}
    reading = _reader(books, decode).read([toy_record(0, 0, 0, 1)], 2_000, moved=False)
    [letter] = reading.letters
    assert letter.reason == OUR_FAULT
    assert letter.detail.startswith("RuntimeError at test_reader.py:")
    assert "example.org" not in letter.detail


DAY = 86_400_000


@pytest.mark.parametrize("ahead", [-DAY, 0, DAY, DAY + 1, 400 * DAY])
@pytest.mark.parametrize("replayed_after", [None, 0, 400 * DAY])
def test_far_future_is_set_aside_until_it_has_come(ahead: int, replayed_after: int | None) -> None:
    came = 20_000 * DAY

    def decode(*at: object) -> Event:
        event = toy_decode(*at)  # type: ignore[arg-type]
        event.occurred_at = came + ahead
        return event

    headers: list[tuple[str, bytes | None]] = []
    if replayed_after is not None:
        headers = [(REPLAYED_AT_HEADER, b"%d" % (came + replayed_after))]
    record = ToyRecord("events.crm", 0, 0, b"1", None, came, headers)
    books = {("events.crm", 0): Book(0, 0, 0, 0)}
    # Whatever our clock says.
    for now in (0, came, came + 900 * DAY):
        reading = _reader(dict(books), decode).read([record], now, moved=False)
        books["events.crm", 0] = Book(0, 0, 0, 0)
        reasons = [letter.reason for letter in reading.letters]
        too_early = ahead > DAY and not (replayed_after and ahead <= replayed_after + DAY)
        assert reasons == (["future-time"] if too_early else [])


def test_a_header_that_is_not_ours_changes_nothing() -> None:
    def decode(*at: object) -> Event:
        event = toy_decode(*at)  # type: ignore[arg-type]
        event.occurred_at = 3 * DAY
        return event

    for text in (b"", b"-1", b"1e20", b"9" * 5_000, b"\xff", None):
        record = ToyRecord("events.crm", 0, 0, b"1", None, DAY, [(REPLAYED_AT_HEADER, text)])
        books = {("events.crm", 0): Book(0, 0, 0, 0)}
        [letter] = _reader(books, decode).read([record], DAY, moved=False).letters
        assert (letter.reason, letter.detail) == (
            "future-time",
            "occurred_at: no more than 86400 s after the record's own time",
        )


def test_without_the_registry_a_record_is_tried_again() -> None:
    tries = []

    def decode(*at: object) -> Event:
        tries.append(at)
        if len(tries) < 3:
            raise RegistryUnavailable("answered 500")
        return toy_decode(*at)  # type: ignore[arg-type]

    books = {("events.crm", 0): Book(0, 0, 0, 0)}
    waited: list[Exception] = []
    reader = Reader(SETTINGS, decode, books, Breaker(SETTINGS.intake), waited.append, 0)
    reading = reader.read([toy_record(0, 0, 0, 1)], 2_000, moved=False)
    assert (len(waited), reading.letters, reading.taken[0]) == (2, [], 1)


def test_records_of_an_earlier_ownership_are_left() -> None:
    books = {("events.crm", 0): Book(0, 0, 0, 50), ("events.crm", 1): Book(0, 1, 0, 10)}
    stale = [toy_record(0, 0, offset, 1) for offset in (100, 101)]
    fine = [toy_record(0, 1, offset, 1) for offset in (9, 10, 11)]
    not_ours = [toy_record(1, 0, 5, 1)]
    reading = _reader(books).read([*stale, *fine, *not_ours], 2_000, moved=True)
    assert reading.early == {("events.crm", 0)}
    assert reading.taken == [2, 0, 0]
    assert books["events.crm", 0] == Book(0, 0, 0, 50)
    assert books["events.crm", 1] == Book(0, 1, 0, 12)


def test_directory_records_go_into_batches_and_get_no_mark() -> None:
    books = {(DIRECTORY, 0): Book(DIRECTORY_SOURCE, 0, 0, 0)}
    entry = LearnerEntry(b"x" * 16, "team", changed_at=9)
    key, value = directory.record(entry)
    records = [ToyRecord(DIRECTORY, 0, 0, value, key), ToyRecord(DIRECTORY, 0, 5, b"?", key)]
    reading = _reader(books).read(records, 2_000, moved=False)
    made = list(reading.records(books, 0, 2_000))
    batches = [decode_batch(value) for topic, _, value in made if topic == BATCHES]
    assert [batch.learners for batch in batches] == [[entry]]
    assert all(not batch.marks and not batch.dead for batch in batches)
    [letter] = [decode_dead_letter(value) for topic, _, value in made if topic == DEAD_LETTERS]
    assert (letter.source, letter.offset) == ("directory", 5)
    assert reading.positions(books) == {(DIRECTORY, 0): Position(6, "1 0 4")}
