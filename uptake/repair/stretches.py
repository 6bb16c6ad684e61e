"""Which rows a repair is about, and how many of them go into one recount. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from sinks.clickhouse.repairs import RepairAsk
from streams.catalog.load import Catalog
from uptake.reconcile.contributions import Group, groups
from uptake.reconcile.sql import WINDOWS, Span, Window

_DAY = 86_400_000
_READ_ROWS = 200_000
"""About so many events and rows are read in the time that one more recount takes to begin."""

Series = tuple[str, str, str]
"""Indicator, kind of cohort, cohort."""


class Covered:
    """Ends of windows by series, as stretches."""

    def __init__(self, asks: Iterable[RepairAsk]) -> None:
        found: dict[Series, list[tuple[int, int]]] = {}
        for ask in asks:
            series = (ask.indicator, ask.cohort_kind, ask.cohort)
            found.setdefault(series, []).append((ask.first_end, ask.last_end))
        self._stretches = {series: _merged(parts, _touch) for series, parts in found.items()}

    def holds(self, series: Series, window_end: int) -> bool:
        """Whether this row is one of them."""
        stretches = self._stretches.get(series, [])
        place = bisect_right(stretches, window_end, key=lambda stretch: stretch[0]) - 1
        return place >= 0 and window_end <= stretches[place][1]


class Job(NamedTuple):
    """What one recount, or one for each slice of it, can repair."""

    group: Group
    window: Window
    span: Span
    asks: list[RepairAsk]


def jobs(catalog: Catalog, asks: Sequence[RepairAsk], days: Mapping[int, int]) -> list[Job]:
    """Each ask for an indicator of the catalog in one job.

    Stretches of a window are repaired together where their recounts would read the same events, or
    where what lies between them is sooner read than asked for again. `days`: day since 1970 ->
    about how many events and rows lie on it.
    """
    ordered = sorted(days)
    before = [0, *accumulate(days[day] for day in ordered)]

    def between(begin: int, end: int) -> int:
        first = bisect_left(ordered, begin // _DAY + 1)
        return before[max(first, bisect_left(ordered, end // _DAY))] - before[first]

    return [
        job
        for group in groups(catalog)
        for window in WINDOWS
        for job in _of_window(
            group,
            window,
            [a for a in asks if a.indicator in group.indicators and a.window == window.name],
            between,
        )
    ]


def _of_window(
    group: Group,
    window: Window,
    asks: Sequence[RepairAsk],
    between: Callable[[int, int], int],
) -> list[Job]:
    def near(begin: int, end: int) -> bool:
        return end - begin <= window.length or between(begin, end) <= _READ_ROWS

    narrowed = {ask.indicator: group.indicators[ask.indicator] for ask in asks}
    spans = _merged([(ask.first_end, ask.last_end) for ask in asks], near)
    return [
        Job(
            Group(group.journey, narrowed),
            window,
            Span(first - 1, last),
            [ask for ask in asks if first <= ask.first_end <= last],
        )
        for first, last in spans
    ]


def _touch(begin: int, end: int) -> bool:
    return end <= begin


def _merged(
    parts: Iterable[tuple[int, int]], near: Callable[[int, int], bool]
) -> list[tuple[int, int]]:
    """Stretches in their order, joined where the end of one is `near` to the next one's begin."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(parts):
        if merged and near(merged[-1][1], first):
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged
