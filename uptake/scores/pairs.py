"""Do the catalog's pairs of indicators move together? Descriptive: it says nothing about causes."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from msgspec import Struct

from reports.statistics.lagged import Lagged, Series, lagged, pooled
from sinks.clickhouse.client import Store
from streams.catalog.load import Pair

DAY_MS: Final = 86_400_000
_MONDAY: Final = 4 * DAY_MS
"""1970-01-05."""
LABEL: Final = "Descriptive: that two numbers move together does not say that one moves the other."


class Asked(NamedTuple):
    """Of which cohorts; values that fewer than `least_people` stand behind are left out; from
    `since` on, up to `now` (ms since 1970 UTC)."""

    cohort_kind: str
    least_people: int
    since: int
    now: int


class Value(NamedTuple):
    """A settled value of an indicator for a window that ends at `end` (ms)."""

    indicator: str
    cohort: str
    end: int
    value: float


class PairFound(Struct, frozen=True):
    """`window`: 7d or 1d, whose values follow each other without overlap; `lag` of so many. A
    cohort with too few values is None."""

    name: str
    leading: str
    lagging: str
    delay: str
    window: str
    lag: int
    together: Lagged | None
    cohorts: dict[str, Lagged | None]


def read(store: Store, name: str, pair: Pair, asked: Asked) -> PairFound:
    """Raises StoreError."""
    window, _, _ = _grid(pair)
    rows = store.query(
        _VALUES,
        {
            "names": [pair.leading, pair.lagging],
            "kind": asked.cohort_kind,
            "window": window,
            "least": asked.least_people,
            "since": asked.since,
            "now": asked.now,
        },
    )
    return found(name, pair, (Value(*row) for row in rows))


def found(name: str, pair: Pair, values: Iterable[Value]) -> PairFound:
    """`values` in any order. Pure."""
    window, length, offset = _grid(pair)
    newest: dict[tuple[str, str, int], tuple[int, float]] = {}
    for one in values:
        # The last value that was said before the window's end still holds at its end.
        period = -((offset - one.end) // length)
        key = (one.indicator, one.cohort, period)
        newest[key] = max(newest.get(key, (0, 0.0)), (one.end, one.value))
    series: dict[str, dict[str, dict[int, float]]] = {}
    for (indicator, cohort, period), (_, value) in newest.items():
        series.setdefault(cohort, {}).setdefault(indicator, {})[period] = value
    lag = pair.delay_ms // length
    both = {cohort: _both(each, pair) for cohort, each in sorted(series.items())}
    return PairFound(
        name=name,
        leading=pair.leading,
        lagging=pair.lagging,
        delay=pair.delay,
        window=window,
        lag=lag,
        together=pooled(both.values(), lag) if len(both) > 1 else None,
        cohorts={cohort: lagged(*each, lag) for cohort, each in both.items()},
    )


def _both(series: Mapping[str, Series], pair: Pair) -> tuple[Series, Series]:
    return series.get(pair.leading, {}), series.get(pair.lagging, {})


def _grid(pair: Pair) -> tuple[str, int, int]:
    """Window, its length, and the beginning of one: whole weeks where the delay is of such."""
    if pair.delay_ms % (7 * DAY_MS):
        return "1d", DAY_MS, 0
    return "7d", 7 * DAY_MS, _MONDAY


_VALUES: Final = """
SELECT toString(indicator), toString(cohort), toUnixTimestamp64Milli(window_end), value
FROM indicators
WHERE indicator IN {names:Array(String)} AND cohort_kind = {kind:String}
    AND window = {window:String} AND NOT provisional AND value IS NOT NULL
    AND people >= {least:UInt32}
    AND window_end > fromUnixTimestamp64Milli({since:Int64}, 'UTC')
    AND window_end <= fromUnixTimestamp64Milli({now:Int64}, 'UTC')
"""
