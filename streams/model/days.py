"""With which day rows are let go of that the stages keep."""

from streams.model.ids import day_of_ids
from streams.model.presence import day_of_presence
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
