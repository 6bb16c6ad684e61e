"""What was read of each source partition: kept beside the committed offset, so that the counts
go on exactly after a restart. Pure."""

from collections.abc import Iterable

from msgspec import Struct

from schemas.records import Mark

DIRECTORY_SOURCE = -1
"""In the place of a source's number: the directory, which holds no events and gets no marks."""

_VERSION = "1"


class Book(Struct):
    """One source partition. All offsets from `first_offset` up to, not including, `next_offset`
    were read; `skipped` of them held no record."""

    source: int
    partition: int
    first_offset: int
    next_offset: int
    skipped: int = 0
    stopped: tuple[int, int] | None = None
    """The breaker stopped reading here before: records it looked at, and invalid ones."""

    def take(self, offset: int) -> bool:
        """A record came. False: it was read before. Offsets that were jumped over hold none."""
        gap = offset - self.next_offset
        if gap < 0:
            return False
        self.skipped += gap
        self.next_offset = offset + 1
        return True

    def ends_at(self, offset: int) -> bool:
        """Nothing lies below `offset` any more. False: that was known."""
        gap = offset - self.next_offset
        if gap <= 0:
            return False
        self.skipped += gap
        self.next_offset = offset
        return True

    def note(self) -> str:
        """What to commit as the metadata of `next_offset`."""
        return f"{_VERSION} {self.first_offset} {self.skipped}"

    def mark(self, generation: int) -> Mark:
        """What to tell downstream."""
        return Mark(
            self.source,
            self.partition,
            generation,
            self.first_offset,
            self.next_offset,
            self.skipped,
        )


def reopened(source: int, partition: int, committed: int, note: str | None) -> Book | None:
    """The book as it was when `committed` was committed; None when `note` does not say."""
    parts = (note or "").split(" ")
    if len(parts) not in (3, 5) or parts[0] != _VERSION:
        return None
    try:
        first, skipped, *window = map(int, parts[1:])
    except ValueError:
        return None
    if not 0 <= first <= committed or not 0 <= skipped <= committed - first:
        return None
    stopped = (window[0], window[1]) if window else None
    return Book(source, partition, first, committed, skipped, stopped)


def stopped_note(note: str, records: int, invalid: int) -> str:
    """The note of a partition at which the breaker stopped reading, with what it had seen."""
    return f"{note} {records} {invalid}"


def marks(books: Iterable[Book], generation: int) -> list[Mark]:
    """The marks of those books that are about events, in a stable order."""
    of_events = [book for book in books if book.source != DIRECTORY_SOURCE]
    of_events.sort(key=lambda book: (book.source, book.partition))
    return [book.mark(generation) for book in of_events]
