"""The rolling stage: sums the partial panes of all partitions into the sliding windows.

Every record says whole values; a source's record that does not reach further than one before says
nothing new. What will leave a window is known when it enters, so those rows are written ahead.
"""

import struct
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from schemas.records import (
    IndicatorRow,
    Indicators,
    Member,
    Series,
    decode_panes,
    encode,
)
from schemas.topics import INDICATORS
from streams.model.codes import names, series_codes
from streams.model.coverage import GRAIN_MINUTES, MINUTE_MS, WINDOWS, People
from streams.model.presence import Presence
from streams.model.slots import Slots
from streams.model.stage import Output, Rows
from streams.model.tally import CellRow, decode_cell

_ROWS_A_RECORD = 4_000
_OWN = "people"
_NOTHING = [0, 0, 0, 0, 0, 0]


class Heard(Struct, array_like=True):
    """How far each source was heard, and the rebuilding of state: who began, who ended."""

    positions: dict[str, int] = {}
    restoring: int = -1
    ended: list[str] = []


_decode_heard = msgspec.msgpack.Decoder(Heard).decode
_decode_days = msgspec.msgpack.Decoder(dict[int, list[int]]).decode
_HEARD = b"M"
_cell = struct.Struct(">cBIHq")


class RollingStage:
    """See the module's head. `partitions`: of every internal topic."""

    def __init__(self, rows: Rows, partition: int, partitions: int) -> None:
        self._rows = rows
        self._partition = partition
        self._sources = 2 * partitions
        self._codes = names(rows, b"N")
        self._series = series_codes(rows, b"S")
        self._slots: dict[tuple[int, int], Slots] = {}
        self._in_record: set[tuple[int, int]] = set()
        self._touched: set[tuple[int, int]] = set()
        self._generation = 0
        self._written_at = 0
        self._holding = False

    def recovered(self) -> None:
        self._codes.recovered()
        self._series.recovered()
        for key, raw in self._rows.items(b"C"):
            _, grain, series, _, slot = _cell.unpack(key)
            self._at(series, grain).change(slot, _NOTHING, decode_cell(raw))
        for slots in self._slots.values():
            slots.record_ended()
            slots.settle()
        self._in_record.clear()
        heard = self._rows.peek(_HEARD, _decode_heard)
        self._holding = heard is not None and self._holds(heard)

    def apply(self, value: bytes, offset: int) -> list[Output]:
        panes = decode_panes(value)
        heard = self._rows.get(_HEARD, _decode_heard)
        if heard is None:
            heard = Heard()
            self._rows.put(_HEARD, heard)
        source = f"{panes.generation}/{panes.agent}/{panes.partition}"
        if panes.position <= heard.positions.get(source, -1):
            return []
        heard.positions[source] = panes.position
        self._generation = panes.generation
        self._written_at = max(self._written_at, panes.written_at)
        held = self._holding
        if panes.quiet or panes.restore_ended:
            heard.restoring = panes.generation
        if panes.restore_ended:
            heard.ended.append(source)
        code = self._codes.code(f"{panes.agent}/{panes.partition}")
        for part in panes.series:
            series = self._series.code(Series(part.indicator, part.cohort_kind, part.cohort))
            for grain, slot, *values in part.cells:
                self._set(series, grain, slot, code, values)
            people: People = ({}, {}, {}, {})
            for member in part.members:
                self._take_member(series, member, code, people)
            self._add_people(series, people)
        for key in self._in_record:
            self._slots[key].record_ended()
        self._touched |= self._in_record
        self._in_record.clear()
        self._holding = self._holds(heard)
        if held and not self._holding:
            self._say_all()
        return []

    def seal(self, position: int) -> list[Output]:
        rows = [] if self._holding else list(self._changed())
        for key in self._touched:
            slots = self._slots[key]
            slots.settle()
            if slots.empty:
                del self._slots[key]
        self._touched.clear()
        return [
            Output(INDICATORS, self._partition, encode(self._record(position, part)))
            for part in _parts(rows)
        ]

    def _record(self, position: int, rows: list[IndicatorRow]) -> Indicators:
        return Indicators(self._generation, self._partition, position, self._written_at, rows)

    def _holds(self, heard: Heard) -> bool:
        """While state is rebuilt, sums are not whole: nothing is said."""
        return heard.restoring >= 0 and len(heard.ended) < self._sources

    def _say_all(self) -> None:
        for key, slots in self._slots.items():
            slots.touch_all()
            self._touched.add(key)

    def _set(self, series: int, grain: int, slot: int, source: int, values: CellRow) -> None:
        """The whole values of a cell, from one source."""
        key = _cell.pack(b"C", grain, series, source, slot)
        old = self._rows.peek(key, decode_cell) or _NOTHING
        self._at(series, grain).change(slot, old, values)
        if any(values):
            self._rows.put(key, values)
        else:
            self._rows.drop(key)

    def _at(self, series: int, grain: int) -> Slots:
        key = (series, grain)
        slots = self._slots.get(key)
        if slots is None:
            windows = [window for window in WINDOWS if window.grain == grain]
            slots = self._slots[key] = Slots(windows)
        self._in_record.add(key)
        return slots

    def _take_member(self, series: int, member: Member, source: int, people: People) -> None:
        """Distinct people of contributions that come from several partitions of objects."""
        owner = member.learner + series.to_bytes(4, "big")
        days_key = b"D" + owner
        days = self._rows.get(days_key, _decode_days)
        if days is None:
            days = {}
            self._rows.put(days_key, days)
        presence = Presence(self._rows, owner, days)
        by = member.n - presence.count(0, member.minute, source)
        if by:
            presence.credit(0, member.minute, source, by, ((None, people),))
        if not days:
            self._rows.drop(days_key)

    def _add_people(self, series: int, people: People) -> None:
        own = self._codes.code(_OWN)
        for window, changes in zip(WINDOWS, people, strict=True):
            for slot, change in changes.items():
                key = _cell.pack(b"C", window.grain, series, own, slot)
                values = list(self._rows.peek(key, decode_cell) or _NOTHING)
                values[4 if window.second else 3] += change
                self._set(series, window.grain, slot, own, values)

    def _changed(self) -> Iterator[IndicatorRow]:
        for code, grain in sorted(self._touched):
            series = self._series.values[code]
            slide = GRAIN_MINUTES[grain] * MINUTE_MS
            for window, row in self._slots[code, grain].rows():
                yield IndicatorRow(
                    *series,
                    window.name,
                    (row.slot + 1) * slide,
                    row.n,
                    row.num,
                    row.den,
                    row.people,
                    row.standing,
                    not row.present,
                )


def _parts(rows: list[IndicatorRow]) -> Iterator[list[IndicatorRow]]:
    for start in range(0, len(rows), _ROWS_A_RECORD):
        yield rows[start : start + _ROWS_A_RECORD]
