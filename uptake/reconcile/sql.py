"""SQL that sums contributions into sliding windows and compares them with the table `rolling`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from streams.catalog.load import DELAY, JOINED, Catalog
from uptake.reconcile.contributions import (
    COLUMNS,
    Group,
    Times,
    contributions,
    values_over,
    within,
)
from uptake.reconcile.facts import array, text

_DAY = 86_400_000
_NEVER = 1 << 40
_VALUES = ("n", "num", "den", "people", "standing")
SHOWN = 20
"""Differing rows that one comparison names at most."""


class Window(NamedTuple):
    """A sliding window: its name, its slide in ms and its length in slides."""

    name: str
    slide: int
    slides: int

    @property
    def length(self) -> int:
        """In ms."""
        return self.slide * self.slides

    def ends(self, first: int, last: int) -> tuple[int, int]:
        """The first and the last end of windows that hold something from `first` to `last` (ms),
        or that it has just left."""
        begin, end = ((at // self.slide + 1) * self.slide for at in (first, last))
        return begin, end + self.length


WINDOWS = (
    Window("1h", 60_000, 60),
    Window("1d", 3_600_000, 24),
    Window("7d", _DAY, 7),
    Window("28d", _DAY, 28),
)


Limits = Mapping[tuple[str, str], tuple[int, str]]
"""Breakdowns (indicator, kind) that have more values than are counted -> CRC-32 and text of the
first value that is not counted, by both."""


def limits_of(
    query: Callable[[str], Iterable[Sequence[Any]]], catalog: Catalog, database: str
) -> Limits:
    """As they are now. Raises what `query` raises."""
    found = query(values_over(catalog, database))
    return {(name, kind): (int(place), value) for name, kind, place, value in found}


class Span(NamedTuple):
    """Windows that end after `after` and not after `until`: ms since 1970 UTC."""

    after: int
    until: int


def recount(
    catalog: Catalog, group: Group, window: Window, span: Span, database: str, limits: Limits
) -> str:
    """A SELECT of indicator, cohort_kind, cohort, window_end (ms), n, num, den, people, standing:
    every row that `rolling` must hold of these indicators, this window and these ends.

    A learner is in the windows from an active slot on until the next one, or until it has left;
    so each slot of a learner adds what enters with it and takes off what leaves.
    """
    slide, slides = window.slide, window.slides
    first, last = span.after // slide, span.until // slide - 1
    times = Times(max(0, (first - slides) * slide), (last + 1) * slide)
    return f"""
SELECT
    indicator, cohort_kind, cohort, (slot + 1) * {slide} AS window_end,
    n, num, den, people, standing
FROM
(
    SELECT
        indicator, cohort_kind, cohort, slot, sum(moves) AS rows,
        sum(sum(d_n)) OVER up_to AS n, sum(sum(d_num)) OVER up_to AS num,
        sum(sum(d_den)) OVER up_to AS den, sum(sum(d_people)) OVER up_to AS people,
        sum(sum(d_standing)) OVER up_to AS standing
    FROM
    (
        SELECT
            indicator, cohort_kind, cohort, toInt64(change.1) AS slot, toInt64(change.2) AS d_n,
            toInt64(change.3) AS d_num, toInt64(change.4) AS d_den,
            toInt64(change.5) AS d_people, toInt64(0) AS d_standing, toUInt64(change.6) AS moves
        FROM
        (
            SELECT *, leadInFrame(active, 1, toInt64({_NEVER})) OVER (
                PARTITION BY indicator, cohort_kind, cohort, learner ORDER BY active
                ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS next_active
            FROM
            (
                SELECT
                    indicator, label.1 AS cohort_kind, label.2 AS cohort, learner,
                    toInt64(intDiv(t, {slide})) AS active,
                    toInt64(count()) AS n, sum(num) AS num, sum(den) AS den
                FROM (SELECT {COLUMNS} FROM ({contributions(catalog, group, times, database)}))
                ARRAY JOIN arrayConcat({_LABELS}, labels) AS label
                WHERE label.2 != '' AND {_counted(limits)}
                GROUP BY indicator, cohort_kind, cohort, learner, active
            )
        )
        ARRAY JOIN [
            (active, n, num, den, 1, 1),
            (active + {slides}, -n, -num, -den, 0, 1),
            (least(next_active, active + {slides}), 0, 0, 0, -1, 0)
        ] AS change
        {_standing(group, window, times, database)}
    )
    GROUP BY indicator, cohort_kind, cohort, slot
    WINDOW up_to AS (PARTITION BY indicator, cohort_kind, cohort ORDER BY slot
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE rows > 0 AND slot >= {first} AND slot <= {last}
"""


_LABELS = (
    "[('all', 'all'), ('team', toString(team)), ('manager', toString(manager)),"
    " ('region', toString(region))]"
)


def _counted(limits: Limits) -> str:
    """Whether a cohort is counted: of breakdowns with too many values not all are."""
    over = [
        f"NOT (indicator = {text(name)} AND label.1 = {text(kind)} AND "
        f"(CRC32({value}), {value}) >= ({place}, {text(first)}))"
        for (name, kind), (place, first) in limits.items()
        for value in [_without_delay(kind)]
    ]
    return " AND ".join(over) or "1"


def _without_delay(kind: str) -> str:
    if not kind.endswith(JOINED + DELAY):
        return "label.2"
    return (
        f"arrayStringConcat(arrayPopBack(splitByString({text(JOINED)}, label.2)), {text(JOINED)})"
    )


def _standing(group: Group, window: Window, times: Times, database: str) -> str:
    """Eligible people enter when they become so and never leave."""
    shares = [name for name, i in group.indicators.items() if i.measure == "share_of_eligible"]
    if not shares:
        return ""
    first = times.first // window.slide
    return f"""
        UNION ALL
        SELECT
            arrayJoin({array(shares)}) AS indicator, label.1 AS cohort_kind, label.2 AS cohort,
            greatest(toInt64({first}),
                toInt64(intDiv(toUnixTimestamp64Milli(since), {window.slide}))) AS slot,
            0, 0, 0, 0, toInt64(count()), 0
        FROM {database}.directory
        ARRAY JOIN {_LABELS} AS label
        WHERE eligible AND label.2 != '' AND since < fromUnixTimestamp64Milli({times.end}, 'UTC')
        GROUP BY indicator, cohort_kind, cohort, slot
"""


def comparison(
    catalog: Catalog,
    group: Group,
    window: Window,
    span: Span,
    closed: Mapping[str, int],
    database: str,
    limits: Limits,
) -> str:
    """One row: how many rows there are on either side, how many of them differ, the first SHOWN
    of these as (window_end, indicator, cohort_kind, cohort, is streamed, streamed values, is
    recounted, recounted values), and how many rows were left out, since they are on the repair
    list. `closed`: indicator -> the last window end to look at.
    """
    names = array(group.indicators)
    ends = array(closed[name] for name in group.indicators)
    return f"""
SELECT
    countIf(NOT waits), countIf(differs AND NOT waits),
    groupArraySortedIf({SHOWN})((window_end, indicator, cohort_kind, cohort,
        has_streamed, {_STREAMED}, has_recounted, {_RECOUNTED}), differs AND NOT waits),
    countIf(waits)
FROM
(
    SELECT *, arrayExists(one -> window_end >= one.1 AND window_end <= one.2, stretches) AS waits
    FROM ({_both(catalog, group, window, span, database, limits)}) AS found
    LEFT JOIN
    (
        SELECT
            toString(indicator) AS indicator, toString(cohort_kind) AS cohort_kind,
            toString(cohort) AS cohort, groupArray((toUnixTimestamp64Milli(first_end),
                toUnixTimestamp64Milli(last_end))) AS stretches
        FROM {database}.repairs_open
        WHERE window = '{window.name}'
        GROUP BY indicator, cohort_kind, cohort
    ) AS waiting USING (indicator, cohort_kind, cohort)
    WHERE (has_streamed OR has_recounted)
        AND window_end <= transform(indicator, {names}, {ends}, toInt64(0))
)
SETTINGS {_SETTINGS}
"""


def differences(
    catalog: Catalog, group: Group, window: Window, span: Span, database: str, limits: Limits
) -> str:
    """Rows that differ: window_end (ms), indicator, cohort_kind, cohort, version of the standing
    row (0: there is none), is streamed, is recounted, recounted values. A removed row stands, and
    is not streamed."""
    return f"""
SELECT window_end, indicator, cohort_kind, cohort, version, has_streamed, has_recounted,
    {_RECOUNTED}
FROM ({_both(catalog, group, window, span, database, limits)})
WHERE differs
SETTINGS {_SETTINGS}
"""


def _both(
    catalog: Catalog, group: Group, window: Window, span: Span, database: str, limits: Limits
) -> str:
    """A SELECT of one row for each that stands in `rolling` or is recounted, or both."""
    names = array(group.indicators)
    # Half-open on the other side than `within`: a window's end is not part of it.
    in_span = within("rolling.window_end", Times(span.after + 1, span.until + 1))
    sums = [f"sumIf({v}, {side}) AS {side}_{v}" for side in _SIDES for v in _VALUES]
    return f"""
    SELECT
        indicator, cohort_kind, cohort, window_end, max(version) AS version,
        countIf(streamed) AS has_streamed, countIf(recounted) AS has_recounted, {", ".join(sums)},
        has_streamed != has_recounted OR {_STREAMED} != {_RECOUNTED} AS differs
    FROM
    (
        SELECT
            toString(indicator) AS indicator, toString(cohort_kind) AS cohort_kind,
            toString(cohort) AS cohort, toUnixTimestamp64Milli(rolling.window_end) AS window_end,
            n, num, den, people, standing, version,
            toUInt8(NOT removed) AS streamed, toUInt8(0) AS recounted
        FROM {database}.rolling FINAL
        WHERE window = '{window.name}' AND indicator IN {names} AND {in_span}
        UNION ALL
        SELECT
            indicator, cohort_kind, cohort, window_end,
            n, num, den, people, standing, toUInt64(0) AS version, 0 AS streamed, 1 AS recounted
        FROM ({recount(catalog, group, window, span, database, limits)})
    )
    GROUP BY indicator, cohort_kind, cohort, window_end
"""


_SIDES = ("streamed", "recounted")
_STREAMED, _RECOUNTED = (
    "(" + ", ".join(f"toInt64({side}_{v})" for v in _VALUES) + ")" for side in _SIDES
)
_GIB = 1 << 30
_SETTINGS = ", ".join(
    f"{name} = {value}"
    for name, value in {
        "max_bytes_before_external_group_by": _GIB // 2,
        "max_bytes_before_external_sort": _GIB // 2,
        "max_memory_usage": 4 * _GIB,
    }.items()
)
"""What does not fit goes to the store's disk."""
