"""Time to act on nudges, by placement, tool, prompt, or tool and placement: Kaplan-Meier from the
indicator of buckets.

Source: the view `indicators`, counts of `nudge_time_to_act` whose cohorts end with a delay. Who did
not act within the limit is censored there. A time is known up to its bucket, and stands at its end.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from reports.statistics.survival import Observed
from sinks.clickhouse.client import Store

INDICATOR: Final = "nudge_time_to_act"
LIMIT: Final = "1d"
"""The catalog's."""
_NEVER: Final = "never"
_JOINED: Final = "+"
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SQL: Final = """
SELECT cohort, toInt64(argMax(numerator, window_end))
FROM indicators
WHERE indicator = {indicator:String} AND cohort_kind = {kind:String} AND window = {window:String}
  AND window_end <= fromUnixTimestamp64Milli({until:Int64})
GROUP BY cohort"""


def observed(store: Store, by: str, window: str, until: int) -> dict[str, Observed]:
    """Cohort of the breakdown `by` (such as `tool+placement`; empty: all together) -> times in
    seconds, in the newest window that ends at `until` (ms) or before. Raises StoreError."""
    rows = store.query(
        _SQL,
        {
            "indicator": INDICATOR,
            "kind": f"{by}{_JOINED}delay" if by else "delay",
            "window": window,
            "until": until,
        },
    )
    return of_counts(rows)


def of_counts(rows: Iterable[tuple[str, int]]) -> dict[str, Observed]:
    """The same from (cohort with its delay, how many)."""
    found: dict[str, Observed] = {}
    for cohort, count in rows:
        if count:
            name, _, delay = cohort.rpartition(_JOINED)
            found[name] = found.get(name, Observed({}, {})).merged(_one(delay, count))
    return found


def _one(delay: str, count: int) -> Observed:
    none: Mapping[int, int] = {}
    if delay == _NEVER:
        return Observed(none, {_seconds(LIMIT): count})
    return Observed({_seconds(delay): count}, none)


def _seconds(name: str) -> int:
    return int(name[:-1]) * _SECONDS[name[-1]]
