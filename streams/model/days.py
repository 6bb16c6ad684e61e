"""With which day rows are let go of that the stages keep."""

from collections.abc import Callable

from streams.model.horizon import Leaves
from streams.model.ids import day_of_ids
from streams.model.learner_row import latest_day
from streams.model.presence import day_of_presence
from streams.model.stage import ROW_BYTES
from streams.model.tally import day_of_cell
from streams.model.voids import day_of_void
from streams.model.walks import day_of_walk


def day_of(key: bytes, encoded: bytes) -> int | None:
    """The day with which a row is let go of; None: it stays."""
    kind = key[:1]
    if kind == b"C":
        return day_of_cell(key)
    if kind == b"V":
        return day_of_presence(key)
    if kind == b"J":
        return day_of_walk(encoded)
    if kind == b"I":
        return day_of_ids(key)
    if kind == b"X":
        return day_of_void(key)
    return None


def rows_leave(day_of: Callable[[bytes, bytes], int | None]) -> Leaves:
    """Where rows are let go of whole: `day_of` says with which day, if ever."""

    def leaves(key: bytes, encoded: bytes) -> tuple[int, int] | None:
        day = day_of(key, encoded)
        return None if day is None else (day, len(key) + len(encoded) + ROW_BYTES)

    return leaves


_rows_leave = rows_leave(day_of)


def leaves(key: bytes, encoded: bytes) -> tuple[int, int] | None:
    """In the learners stage: a learner's row stays, and only the latest day in it goes."""
    return latest_day(encoded) if key[:1] == b"L" else _rows_leave(key, encoded)
