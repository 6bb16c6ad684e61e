"""The rolling stage: sums the partial panes of all partitions into the sliding windows.

Every record says whole values; a source's record that does not reach further than one before says
nothing new. What will leave a window is known when it enters, so those rows are written ahead.

Rows of windows that end 28 days after the horizon of any source, or earlier, belong to the store:
they are not said again. What changes there is named, to be repaired.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from schemas.records import (
    IndicatorRow,
    Indicators,
    Member,
    Repair,
    Series,
    WalkName,
    decode_panes,
    encode,
)
from schemas.topics import INDICATORS
from streams.model.codes import names, series_codes
from streams.model.coverage import (
    DAY_MINUTES,
    GRAIN_MINUTES,
    MINUTE_MS,
    WINDOWS,
    People,
    Window,
)
from streams.model.forgetting import Forgetting, cell_key
from streams.model.presence import Activity, Presence
from streams.model.slots import Slots, Span, merged
from streams.model.stage import DECIDE_RECORDS, NEVER, Memory, Output, Rows
from streams.model.tally import CellRow, decode_cell
from streams.model.values import Values, is_of

T = TypeVar("T")

_ROWS_A_RECORD = 4_000
_OWN = "people"
_NOTHING = [0, 0, 0, 0, 0, 0]


class Heard(Struct, array_like=True):
    """How far each source was heard; the rebuilding of state: who began, who ended; the horizon
    of each source that has one (by its code), how far it was let go of what each source said,
    and what the rows weighed then."""

    positions: dict[str, int] = {}
    restoring: int = -1
    ended: list[str] = []
    horizons: dict[int, int] = {}
    let_go: dict[int, int] = {}
    weight: int = 0


_decode_heard = msgspec.msgpack.Decoder(Heard).decode
_decode_activity = msgspec.msgpack.Decoder(Activity).decode
_HEARD = b"M"
_decode_base = msgspec.msgpack.Decoder(tuple[int, int]).decode
_base = struct.Struct(">cBI")
_LATER_DAYS = 28
"""The longest window."""

Closed = tuple[int, int, int]
"""For each grain: windows that end with slots before this belong to the store."""

_OPEN: Closed = (NEVER, NEVER, NEVER)


class RollingStage:
    """See the module's head. `partitions`: of every internal topic. `most_values`: of a breakdown
    that are shown."""

    def __init__(
        self,
        rows: Rows,
        partition: int,
        partitions: int,
        most_values: int,
        records: int = DECIDE_RECORDS,
    ) -> None:
        self._values = Values(rows, most_values)
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
        self._records = records
        self._horizons: dict[int, int] = {}
        self._closed = _OPEN
        self._people_from = NEVER
        self._repairs: dict[tuple[int, Window], list[Span]] = {}
        self._walks: dict[WalkName, None] = {}
        self._weight = 0

    @property
    def memory(self) -> Memory:
        return Memory(max(self._horizons.values(), default=NEVER), self._weight, False)

    def recovered(self) -> None:
        self._codes.recovered()
        self._series.recovered()
        self._values.recovered()
        heard = self._rows.peek(_HEARD, _decode_heard) or Heard()
        self._holding = self._holds(heard)
        self._weight = heard.weight
        self._see(heard.horizons)
        if heard.let_go:
            self._rows.forgotten(Forgetting(heard.let_go, self._own()).left)
        for key, raw in self._rows.items(b"C"):
            _, grain, series, _, slot = cell_key.unpack(key)
            self._at(series, grain).change(slot, _NOTHING, decode_cell(raw))
        for slots in self._slots.values():
            slots.record_ended(NEVER)
            slots.settle()
        self._in_record.clear()

    def apply(self, value: bytes, offset: int) -> list[Output]:
        if offset % self._records == 0:
            self._let_go()
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
        if panes.horizon > heard.horizons.get(code, 0):
            heard.horizons[code] = panes.horizon
            self._see(heard.horizons)
        self._walks.update(dict.fromkeys(panes.walks))
        for late in panes.late:
            series = self._series.code(Series(late.indicator, late.cohort_kind, late.cohort))
            for day in late.days:
                self._repair_day(series, day)
        for new in panes.values:
            self._take_value(new)
        for part in panes.series:
            series = self._series.code(Series(part.indicator, part.cohort_kind, part.cohort))
            for grain, slot, *values in part.cells:
                self._set(series, grain, slot, code, values)
            people: People = ({}, {}, {}, {})
            for member in part.members:
                self._take_member(series, member, code, people)
            self._add_people(series, people)
        for key in self._in_record:
            self._slots[key].record_ended(self._closed[key[1]])
        self._touched |= self._in_record
        self._in_record.clear()
        self._holding = self._holds(heard)
        if held and not self._holding:
            self._say_all()
        return []

    def _take_value(self, new: Series) -> None:
        """A value of a breakdown. The rows of those that are let go of for it are removed."""
        for gone in self._values.note(new.indicator, ((new.cohort_kind, new.cohort),)):
            for (code, grain), slots in self._slots.items():
                if is_of(self._series.values[code], gone):
                    slots.touch_all()
                    self._touched.add((code, grain))

    def seal(self, position: int) -> list[Output]:
        self._values.new()
        rows: list[IndicatorRow] = []
        repairs: list[Repair] = []
        if not self._holding:
            rows = list(self._changed())
            repairs = list(self._to_repair())
        for key in self._touched:
            slots = self._slots[key]
            slots.settle()
            if slots.empty:
                del self._slots[key]
        self._touched.clear()
        self._repairs.clear()
        walks, self._walks = [*self._walks], {}
        records = [self._record(position, rows=part) for part in _parts(rows)]
        records += [self._record(position, repairs=part) for part in _parts(repairs)]
        records += [self._record(position, walks=part) for part in _parts(walks)]
        return [Output(INDICATORS, self._partition, encode(record)) for record in records]

    def _record(
        self,
        position: int,
        rows: Sequence[IndicatorRow] = (),
        repairs: Sequence[Repair] = (),
        walks: Sequence[WalkName] = (),
    ) -> Indicators:
        return Indicators(
            self._generation,
            self._partition,
            position,
            self._written_at,
            list(rows),
            list(repairs),
            list(walks),
        )

    # What was let go of

    def _see(self, horizons: dict[int, int]) -> None:
        """Take the horizons of the sources."""
        self._horizons = horizons
        if not horizons:
            return
        closed = max(horizons.values()) + _LATER_DAYS
        minute, hour, day = (closed * DAY_MINUTES // minutes for minutes in GRAIN_MINUTES)
        self._closed = minute, hour, day
        self._people_from = self._people_horizon()

    def _people_horizon(self) -> int:
        """The highest horizon of those who say members."""
        values = self._codes.values
        days = (d for code, d in self._horizons.items() if values[code].startswith("objects/"))
        return max(days, default=NEVER)

    def _let_go(self) -> None:
        """Forget what the sources have forgotten, if that is worth the pass over all rows."""
        self._weight = self._rows.held()
        heard = self._rows.peek(_HEARD, _decode_heard)
        if heard is None or not heard.horizons:
            return
        own = self._own()
        days = {**heard.horizons, **({} if own is None else {own: self._people_from})}
        if days == heard.let_go or self._weight * 10 < heard.weight * 11:
            return
        forgetting = Forgetting(days, own)
        self._rows.forget(forgetting.left)
        self._weight = self._rows.held()
        for (series, grain), cells in forgetting.cells.items():
            self._add_to_base(series, grain, cells)
        self._in_record.clear()
        heard = msgspec.structs.replace(heard, let_go=days, weight=self._weight)
        self._rows.put(_HEARD, heard)

    def _add_to_base(self, series: int, grain: int, cells: list[tuple[int, CellRow]]) -> None:
        slots = self._at(series, grain)
        for slot, values in cells:
            slots.let_go(slot, values)
        if slots.empty:
            del self._slots[series, grain]
        key = _base.pack(b"B", grain, series)
        p, q = self._rows.peek(key, _decode_base) or (0, 0)
        base = (p + sum(v[3] for _, v in cells), q + sum(v[4] for _, v in cells))
        if any(base):
            self._rows.put(key, base)
        else:
            self._rows.drop(key)

    def _own(self) -> int | None:
        """The code of what is worked out here from members, if there is anything."""
        values = self._codes.values
        return values.index(_OWN) if _OWN in values else None

    def _repair_day(self, series: int, day: int) -> None:
        """Rows in which that day lies are to be repaired."""
        for window in WINDOWS:
            slots_a_day = DAY_MINUTES // GRAIN_MINUTES[window.grain]
            last = (day + 1) * slots_a_day - 1 + window.slots
            self._repair(series, window, day * slots_a_day, last)

    def _repair(self, series: int, window: Window, first: int, last: int) -> None:
        last = min(last, self._closed[window.grain] - 1)
        if first <= last:
            self._repairs.setdefault((series, window), []).append((first, last))

    def _to_repair(self) -> Iterator[Repair]:
        for series, grain in self._touched:
            for window, span in self._slots[series, grain].repairs(self._closed[grain]):
                self._repairs.setdefault((series, window), []).append(span)
        for (series, window), spans in sorted(self._repairs.items()):
            slide = GRAIN_MINUTES[window.grain] * MINUTE_MS
            for first, last in merged(spans):
                ends = (first + 1) * slide, (last + 1) * slide
                yield Repair(*self._series.values[series], window.name, *ends)

    def _holds(self, heard: Heard) -> bool:
        """While state is rebuilt, sums are not whole: nothing is said."""
        return heard.restoring >= 0 and len(heard.ended) < self._sources

    def _say_all(self) -> None:
        for key, slots in self._slots.items():
            slots.touch_all()
            self._touched.add(key)
        # What the store shows of the time before may lack what was counted and never said.
        for series in range(len(self._series.values)):
            for window in WINDOWS:
                self._repair(series, window, 0, self._closed[window.grain])

    def _set(self, series: int, grain: int, slot: int, source: int, values: CellRow) -> None:
        """The whole values of a cell, from one source."""
        key = cell_key.pack(b"C", grain, series, source, slot)
        old = self._rows.peek(key, decode_cell) or _NOTHING
        if self._horizons:
            horizon = self._horizons.get(source, NEVER)
            if slot * GRAIN_MINUTES[grain] < horizon * DAY_MINUTES:
                # Of days before its horizon a source knows only who is eligible.
                values = [*old[:5], values[5]]
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
            base = self._rows.peek(_base.pack(b"B", grain, series), _decode_base)
            if base is not None:
                slots.begin_with(*base)
        self._in_record.add(key)
        return slots

    def _take_member(self, series: int, member: Member, source: int, people: People) -> None:
        """Distinct people of contributions that come from several partitions of objects."""
        day = member.minute // DAY_MINUTES
        if day < self._people_from:
            self._repair_day(series, day)
            return
        key = b"D" + member.learner
        activity = self._rows.get(key, _decode_activity)
        if activity is None:
            activity = Activity()
            self._rows.put(key, activity)
        if self._people_from != NEVER:
            activity.trim(self._people_from)
        presence = Presence(self._rows, member.learner, activity)
        by = member.n - presence.count(series, member.minute, source)
        if by:
            presence.credit(series, member.minute, source, by, ((None, people),))
        if activity.latest is None:
            self._rows.drop(key)

    def _add_people(self, series: int, people: People) -> None:
        own = self._codes.code(_OWN)
        for window, changes in zip(WINDOWS, people, strict=True):
            for slot, change in changes.items():
                key = cell_key.pack(b"C", window.grain, series, own, slot)
                values = list(self._rows.peek(key, decode_cell) or _NOTHING)
                values[4 if window.second else 3] += change
                self._set(series, window.grain, slot, own, values)

    def _changed(self) -> Iterator[IndicatorRow]:
        for code, grain in sorted(self._touched):
            series = self._series.values[code]
            counts = self._values.counts(*series)
            slide = GRAIN_MINUTES[grain] * MINUTE_MS
            for window, row in self._slots[code, grain].rows(self._closed[grain]):
                yield IndicatorRow(
                    *series,
                    window.name,
                    (row.slot + 1) * slide,
                    row.n,
                    row.num,
                    row.den,
                    row.people,
                    row.standing,
                    not (row.present and counts),
                )


def _parts(values: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(values), _ROWS_A_RECORD):
        yield values[start : start + _ROWS_A_RECORD]
