"""When the breaker trips: by the last records of each source, however polls cut them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.settings import IntakeSettings, Settings
from streams.intake.books import Book
from streams.intake.breaker import Breaker
from streams.intake.flight import Source
from streams.intake.reader import Reader
from tests.unit.intake.records import toy_decode, toy_record

RUNS = st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=20)


def _poll(breaker: Breaker, source: int, records: list[bool]) -> None:
    for number, good in enumerate(records, 1):
        if not good:
            breaker.invalid(source, number, "bad-value")
    taken = [0, 0, 0]
    taken[source] = len(records)
    breaker.polled(taken)


def _cut(records: list[bool], sizes: list[int]) -> list[list[bool]]:
    found, start = [], 0
    for size in [*sizes, len(records)]:
        found.append(records[start : start + size])
        start += size
    return found


def _trips(records: list[bool], ends: set[int], wide: int, share: float) -> bool:
    """Whether more than the share is invalid in any `wide` records in a row that end with an
    invalid one or with a poll."""
    return any(
        records[end - wide : end].count(False) > share * wide
        for end in range(wide, len(records) + 1)
        if end in ends or not records[end - 1]
    )


@given(
    runs=RUNS,
    sizes=st.lists(st.integers(0, 40), max_size=20),
    wide=st.integers(1, 40),
    share=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
)
def test_it_trips_when_too_many_in_a_row_are_invalid(
    runs: list[tuple[bool, int]], sizes: list[int], wide: int, share: float
) -> None:
    records = [good for good, count in runs for _ in range(count)]
    breaker = Breaker(IntakeSettings(breaker_share=share, breaker_records=wide))
    done = 0
    ends: set[int] = set()
    for poll in _cut(records, sizes):
        seen = records[:done]
        wanted = (min(done, wide), seen[-wide:].count(False))
        assert breaker.before(1) == wanted
        _poll(breaker, 1, poll)
        done += len(poll)
        ends.add(done)
        assert (breaker.tripped is not None) == _trips(records[:done], ends, wide, share)
        if breaker.tripped is not None:
            assert breaker.tripped.source == 1
            assert breaker.before(1) == wanted
            return


def test_the_message_says_how_many_and_why() -> None:
    breaker = Breaker(IntakeSettings(breaker_records=10))
    for number in range(1, 8):
        breaker.invalid(2, number, "bad-time" if number < 3 else "not-json")
    breaker.polled([0, 0, 10])
    text = str(breaker.tripped)
    assert text.startswith("7 of the last 10 records of lms can never be valid (not-json 5, bad-t")
    assert "intake.breaker_share" in text


def test_sources_are_looked_at_apart() -> None:
    breaker = Breaker(IntakeSettings(breaker_records=10))
    for source in range(3):
        _poll(breaker, source, [False] * 9)
    assert breaker.tripped is None
    assert breaker.share(0) == 1.0


def test_after_a_restart_it_trips_again_but_not_once_that_is_mended() -> None:
    settings = IntakeSettings(breaker_records=10)
    breaker = Breaker(settings)
    breaker.restore(0, 8, 5)
    _poll(breaker, 0, [False] * 3)
    assert breaker.tripped is not None
    assert breaker.before(0) == (8, 5)
    mended = Breaker(settings)
    mended.restore(0, 8, 5)
    mended.restore(0, 8, 5)
    _poll(mended, 0, [True] * 20)
    assert mended.tripped is None
    assert mended.share(0) == 0.0


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_the_reader_tells_it_of_each_record_once(share: float) -> None:
    settings = Settings(intake=IntakeSettings(breaker_records=4, breaker_share=share))
    books: dict[Source, Book] = {("events.crm", 0): Book(0, 0, 0, 0)}
    breaker = Breaker(settings.intake)
    reader = Reader(settings, toy_decode, books, breaker, lambda _: None, 0)
    records = [toy_record(0, 0, offset, 1 if offset < 2 else None) for offset in range(5)]
    reader.read(records[:4], 2_000, moved=False)
    assert breaker.tripped is None
    assert breaker.share(0) == 0.5
    reader.read(records, 2_000, moved=False)
    assert (breaker.tripped is None) == (share == 1.0)
