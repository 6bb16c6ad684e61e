"""Partial panes: what one partition adds to each indicator, cohort and slot.

Contributions are gathered by minute while an epoch lasts, and only at its end spread over the
cohorts (all, team, manager, region) and grains (minute, hour, day). A cell's row is its whole
value as of the position reached, so that saying it twice does no harm.
"""

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import NamedTuple

import msgspec

from schemas.partition import WHOLE_KINDS, object_partition, series_partition
from schemas.records import (
    Cohort,
    LateDays,
    Member,
    Panes,
    Series,
    SeriesPanes,
    WalkName,
    encode,
)
from schemas.topics import PANES
from streams.model.codes import Codes, series_codes
from streams.model.coverage import DAY_MINUTES, GRAIN_MINUTES, People
from streams.model.stage import Output, Rows

ALL_KINDS = frozenset(WHOLE_KINDS)

CellRow = list[int]
"""n, num, den, p, q, standing: see schemas.records.SeriesPanes."""

decode_cell = msgspec.msgpack.Decoder(CellRow).decode
encode_cell = msgspec.msgpack.Encoder().encode
_key = Struct(">cBIq")
_EMPTY = [0, 0, 0, 0, 0, 0]


class Group:
    """Contributions of some indicators and cohorts that count the same in this epoch."""

    __slots__ = ("people", "sums")

    def __init__(self) -> None:
        self.sums: dict[int, list[int]] = {}
        self.people: People = ({}, {}, {}, {})

    def count(self, minute: int, n: int, num: int, den: int) -> None:
        """Add a contribution, made `n` times (fewer: taken back); num and den are in all."""
        sums = self.sums.get(minute)
        if sums is None:
            self.sums[minute] = [n, num, den]
        else:
            sums[0] += n
            sums[1] += num
            sums[2] += den

    def clear(self) -> None:
        self.sums.clear()
        for changes in self.people:
            changes.clear()

    def __bool__(self) -> bool:
        return bool(self.sums) or any(self.people)


def labels_of(cohort: Cohort, kinds: frozenset[str] = ALL_KINDS) -> Iterator[tuple[str, str]]:
    """(kind, label) of each cohort that a contribution counts in; no label, no cohort."""
    labels = ("all", cohort.team, cohort.manager, cohort.region)
    for kind, label in zip(WHOLE_KINDS, labels, strict=True):
        if label and kind in kinds:
            yield kind, label


class Tally:
    """The cells of one partition."""

    def __init__(self, rows: Rows, cohorts: Codes[Cohort]) -> None:
        self._rows = rows
        self._cohorts = cohorts
        self.series = series_codes(rows, b"S")
        self._groups: dict[tuple[tuple[str, ...], int, frozenset[str]], Group] = {}
        self._of_series: dict[Series, Group] = {}

    def recovered(self) -> None:
        self.series.recovered()

    def group(
        self, indicators: tuple[str, ...], cohort: int, kinds: frozenset[str] = ALL_KINDS
    ) -> Group:
        """Where contributions to these indicators by this cohort are gathered."""
        key = (indicators, cohort, kinds)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group()
        return group

    def of_series(self, series: Series) -> Group:
        """Where contributions to this one are gathered."""
        group = self._of_series.get(series)
        if group is None:
            group = self._of_series[series] = Group()
        return group

    def stand(self, indicators: tuple[str, ...], cohort: int, minute: int, by: int) -> None:
        """From `minute` on, `by` more people are eligible in the cohorts."""
        for series in self._series(indicators, cohort, ALL_KINDS):
            for grain, minutes in enumerate(GRAIN_MINUTES):
                self._cell(grain, minute // minutes, series)[5] += by

    def settle(self) -> None:
        """Bring what was gathered into the rows."""
        for key, group in self._groups.items():
            if group:
                self._settle(group, self._series(*key))
        for series, group in self._of_series.items():
            if group:
                self._settle(group, [self.series.code(series)])

    def _settle(self, group: Group, series: Iterable[int]) -> None:
        cells = _cells(group)
        for code in series:
            for grain, slot, values in cells:
                cell = self._cell(grain, slot, code)
                for place, value in enumerate(values):
                    cell[place] += value
        group.clear()

    def changed(self) -> Iterator[tuple[Series, list[list[int]]]]:
        """The cells changed in this epoch, whole, by series. Empty ones are let go of."""
        by_series: dict[int, list[list[int]]] = {}
        empty = []
        for key, row in self._rows.changed():
            if key[:1] != b"C":
                continue
            _, grain, series, slot = _key.unpack(key)
            values = row if isinstance(row, list) else _EMPTY
            if values == _EMPTY:
                empty.append(key)
            by_series.setdefault(series, []).append([grain, slot, *values])
        for key in empty:
            self._rows.drop(key)
        for series, cells in by_series.items():
            yield self.series.values[series], cells

    def _cell(self, grain: int, slot: int, series: int) -> CellRow:
        key = _key.pack(b"C", grain, series, slot)
        row = self._rows.get(key, decode_cell)
        if row is None:
            row = [0, 0, 0, 0, 0, 0]
            self._rows.put(key, row)
        return row

    def _series(self, indicators: tuple[str, ...], cohort: int, kinds: frozenset[str]) -> list[int]:
        labels = list(labels_of(self._cohorts.values[cohort], kinds))
        return [
            self.series.code(Series(indicator, kind, label))
            for indicator in indicators
            for kind, label in labels
        ]


def _cells(group: Group) -> list[tuple[int, int, list[int]]]:
    """(grain, slot, [n, num, den, p, q]) of all that a group gathered.

    Changes that cancel are among them: a worker that died may have said what lay between.
    """
    cells: list[dict[int, list[int]]] = [{}, {}, {}]
    for minute, sums in group.sums.items():
        for grain, minutes in enumerate(GRAIN_MINUTES):
            cell = cells[grain].setdefault(minute // minutes, [0, 0, 0, 0, 0])
            cell[0] += sums[0]
            cell[1] += sums[1]
            cell[2] += sums[2]
    for window, changes in enumerate(group.people):
        grain, place = (2, 4) if window == 3 else (window, 3)
        for slot, change in changes.items():
            cells[grain].setdefault(slot, [0, 0, 0, 0, 0])[place] += change
    return [(grain, slot, values) for grain in range(3) for slot, values in cells[grain].items()]


class Late:
    """Days before the horizon on which something changed that is not counted, by series."""

    def __init__(self) -> None:
        self._days: dict[Series, set[int]] = {}

    def add(
        self, indicator: str, cohort: Cohort, day: int, more: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Something of this indicator and cohort changed on that day. `more`: cohorts of
        breakdowns."""
        for kind, label in (*labels_of(cohort), *more):
            self._days.setdefault(Series(indicator, kind, label), set()).add(day)

    def take(self) -> list[LateDays]:
        """What was added since this was last asked."""
        taken = [LateDays(*series, sorted(days)) for series, days in sorted(self._days.items())]
        self._days = {}
        return taken


class News(NamedTuple):
    """What an epoch has to say beside its cells."""

    members: Iterable[tuple[Series, list[Member]]] = ()
    late: Iterable[LateDays] = ()
    walks: Iterable[WalkName] = ()
    values: Iterable[Series] = ()
    to_all: bool = False
    """Every partition is to hear of it: the horizon rose, or rebuilding has ended."""


def panes_outputs(
    template: Panes,
    partitions: int,
    cells: Iterable[tuple[Series, list[list[int]]]],
    news: News,
) -> list[Output]:
    """`template` filled for each partition of `uptake.panes` that has something to learn."""
    records: dict[int, Panes] = {}

    def record(partition: int) -> Panes:
        found = records.get(partition)
        if found is None:
            found = msgspec.structs.replace(template, series=[], late=[], walks=[], values=[])
            records[partition] = found
        return found

    for series, values in cells:
        found = record(series_partition(*series, partitions))
        found.series.append(SeriesPanes(*series, values))
    for series, who in news.members:
        found = record(series_partition(*series, partitions))
        found.series.append(SeriesPanes(*series, [], who))
    for days in news.late:
        found = record(series_partition(days.indicator, days.cohort_kind, days.cohort, partitions))
        found.late.append(days)
    for walk in news.walks:
        record(object_partition(walk.journey, walk.key, partitions)).walks.append(walk)
    for value in news.values:
        record(series_partition(*value, partitions)).values.append(value)
    if news.to_all:
        for partition in range(partitions):
            record(partition)
    return [Output(PANES, partition, encode(one)) for partition, one in sorted(records.items())]


def day_of_cell(key: bytes) -> int:
    """The day (since 1970) in which a cell's slot begins."""
    _, grain, _, slot = _key.unpack(key)
    day: int = slot * GRAIN_MINUTES[grain] // DAY_MINUTES
    return day


def forgotten_cell(encoded: bytes) -> bytes | None:
    """What stays of a cell that is let go of: who is eligible, for that never leaves a window."""
    standing = decode_cell(encoded)[5]
    return encode_cell([0, 0, 0, 0, 0, standing]) if standing else None
