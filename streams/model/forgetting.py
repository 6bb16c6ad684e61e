"""What stays of a row when the horizon of memory has risen.

The same rules are applied when the state is recovered: a log may still hold what was forgotten.
"""

import struct
from collections.abc import Callable
from typing import Final

import msgspec

from streams.model.coverage import DAY_MINUTES, GRAIN_MINUTES
from streams.model.learner_row import forgotten_learner
from streams.model.presence import Activity, day_of_presence
from streams.model.stage import NEVER, Rule
from streams.model.tally import CellRow, decode_cell, forgotten_cell

cell_key: Final = struct.Struct(">cBIHq")
"""Key of a cell in the rolling stage: `C`, grain, series, source, slot."""

_decode_activity = msgspec.msgpack.Decoder(Activity).decode


def forgetting(
    day_of: Callable[[bytes, bytes], int | None],
    before: int,
    walk_goes: Callable[[bytes], None] | None = None,
) -> Rule:
    """The rule of the learners and the objects stage, for a horizon of `before`. `day_of` says
    with which day a row goes, if it does. `walk_goes` is told the key of each walk that goes."""

    def left(key: bytes, encoded: bytes) -> bytes | None:
        if key[:1] == b"L":
            return forgotten_learner(encoded, before)
        day = day_of(key, encoded)
        if day is None or day >= before:
            return encoded
        kind = key[:1]
        if kind == b"C":
            return forgotten_cell(encoded)
        if kind == b"J" and walk_goes is not None:
            walk_goes(key[1:])
        return None

    return left


class Forgetting:
    """The rule of the rolling stage: lets go of what each source (by code) said of days before
    those of `days`. `own`: the code of what the stage itself works out from members, if it did.
    """

    def __init__(self, days: dict[int, int], own: int | None) -> None:
        self._days = days
        self._people = NEVER if own is None else days.get(own, NEVER)
        self.cells: dict[tuple[int, int], list[tuple[int, CellRow]]] = {}
        """(series, grain) -> the cells that went, as (slot, values)."""

    def left(self, key: bytes, encoded: bytes) -> bytes | None:
        """What stays of a row."""
        kind = key[:1]
        if kind == b"C":
            return self._left_of_cell(key, encoded)
        if kind == b"V":
            return encoded if day_of_presence(key) >= self._people else None
        if kind == b"D":
            latest = _decode_activity(encoded).latest
            return encoded if latest is not None and latest >= self._people else None
        return encoded

    def _left_of_cell(self, key: bytes, encoded: bytes) -> bytes | None:
        _, grain, series, source, slot = cell_key.unpack(key)
        horizon = self._days.get(source, NEVER)
        if slot * GRAIN_MINUTES[grain] >= horizon * DAY_MINUTES:
            return encoded
        self.cells.setdefault((series, grain), []).append((slot, decode_cell(encoded)))
        return forgotten_cell(encoded)
