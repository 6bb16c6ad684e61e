"""What is kept of a source partition survives a restart exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Mark
from streams.intake.books import DIRECTORY_SOURCE, Book, marks, reopened, stopped_note


@given(
    first=st.integers(0, 50),
    gaps=st.lists(st.integers(0, 5), max_size=50),
    cut=st.integers(0, 50),
    tail=st.integers(0, 5),
)
def test_counts_are_exact_over_a_restart(first: int, gaps: list[int], cut: int, tail: int) -> None:
    offsets: list[int] = []
    for gap in gaps:
        offsets.append((offsets[-1] + 1 if offsets else first) + gap)
    book = Book(1, 2, first, first)
    for position, offset in enumerate(offsets):
        if position == cut:
            again = reopened(1, 2, book.next_offset, book.note())
            assert again == book
            book = again
        assert book.take(offset)
    end = book.next_offset + tail
    assert book.ends_at(end) is (tail > 0)
    assert book.next_offset == end
    assert book.next_offset - book.first_offset - book.skipped == len(offsets)


def test_a_record_that_was_read_is_not_read_again() -> None:
    book = Book(0, 0, 10, 20, 3)
    assert not book.take(19)
    assert not book.ends_at(20)
    assert book == Book(0, 0, 10, 20, 3)


def test_where_the_breaker_stopped_is_known_until_the_next_note() -> None:
    book = Book(0, 0, 10, 20, 3)
    again = reopened(0, 0, 20, stopped_note(book.note(), 700, 300))
    assert again == Book(0, 0, 10, 20, 3, (700, 300))
    assert reopened(0, 0, 20, again.note()) == book


@pytest.mark.parametrize("note", [None, "", "x", "1 0", "2 0 0", "1 a 0", "1 0 b", "1 0 0 0"])
@pytest.mark.parametrize("impossible", ["1 30 0", "1 10 11", "1 -1 0", "1 0 -1"])
def test_a_note_that_is_not_ours_opens_nothing(note: str | None, impossible: str) -> None:
    assert reopened(0, 0, 20, note) is None
    assert reopened(0, 0, 20, impossible) is None


def test_marks_are_about_events_only() -> None:
    books = [Book(1, 0, 0, 5, 1), Book(DIRECTORY_SOURCE, 0, 0, 9), Book(0, 2, 3, 4)]
    assert marks(books, 7) == [Mark(0, 2, 7, 3, 4, 0), Mark(1, 0, 7, 0, 5, 1)]
