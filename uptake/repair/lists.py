"""The lists in the store: what is to be repaired, and which walks are to be called back."""

from collections.abc import Sequence
from typing import NamedTuple

from sinks.clickhouse.client import Store
from sinks.clickhouse.repairs import RepairAsk, WalkAsk, columns

_MOST = 20_000
"""Asks that are read at once; the others wait for the next time."""

_REPAIRS = f"""
SELECT toString(indicator), toString(cohort_kind), toString(cohort), toString(window),
    toUnixTimestamp64Milli(first_end), toUnixTimestamp64Milli(last_end), asked,
    toUnixTimestamp64Milli(asked_at)
FROM repairs_open ORDER BY asked_at, indicator, cohort_kind, cohort, window LIMIT {_MOST}
"""
_WALKS = f"""
SELECT toString(journey), key, learner, recall, asked, toUnixTimestamp64Milli(asked_at)
FROM recalls FINAL WHERE outcome = '' ORDER BY asked_at, journey, key, learner LIMIT {_MOST}
"""
_COUNTS = """
SELECT
    (SELECT (count(), min(toUnixTimestamp64Milli(asked_at))) FROM repairs_open),
    (SELECT (count(), min(toUnixTimestamp64Milli(asked_at))) FROM recalls FINAL WHERE outcome = ''),
    (SELECT uniqExact(event_id) FROM events_log WHERE signal != 'voided' AND event_id IN
        (SELECT target FROM voids FINAL WHERE turn = 0))
"""

_ASKS = """
SELECT cityHash64('walk', journey, key, learner, recall, asked)
FROM recalls FINAL WHERE outcome = ''
UNION ALL
SELECT DISTINCT cityHash64('event', event_id) FROM events_log WHERE signal != 'voided'
    AND event_id IN (SELECT target FROM voids FINAL WHERE turn = 0)
"""


class Waiting(NamedTuple):
    """What is open, and when the first of it was asked for (ms; 0: nothing is open)."""

    repairs: int
    walks: int
    since: int
    voids: int = 0
    """Events that were taken back, of which the stream was not told."""

    @property
    def total(self) -> int:
        """All together."""
        return self.repairs + self.walks + self.voids

    def line(self) -> str:
        """For people."""
        told = f"{self.repairs:,} repairs and {self.walks:,} recalled walks are open"
        return f"{told}, {self.voids:,} events to be taken back" if self.voids else told


def waiting(store: Store) -> Waiting:
    """What is open. Raises StoreError."""
    [((repairs, repairs_since), (walks, walks_since), voids)] = store.query(_COUNTS)
    open_since = [s for n, s in ((repairs, repairs_since), (walks, walks_since)) if n]
    return Waiting(repairs, walks, min(open_since, default=0), voids)


def asks(store: Store) -> set[int]:
    """One number for each walk that is open, and for each event that was taken back and of which
    the stream was not told. Raises StoreError."""
    return {number for (number,) in store.query(_ASKS)}


def open_repairs(store: Store) -> list[RepairAsk]:
    """The oldest first. Raises StoreError."""
    return [RepairAsk(*row) for row in store.query(_REPAIRS)]


def open_walks(store: Store) -> list[WalkAsk]:
    """The oldest first. Raises StoreError."""
    return [WalkAsk(*row) for row in store.query(_WALKS)]


def ask(store: Store, asks: Sequence[RepairAsk]) -> None:
    """Put stretches on the list. Raises StoreError."""
    store.insert("repairs", columns(asks))


def ask_walks(store: Store, asks: Sequence[WalkAsk]) -> None:
    """Put walks on the list. Raises StoreError."""
    store.insert("recalls", columns(asks))


def ask_for_older(store: Store, version: int) -> None:
    """Put every row of `rolling` that is of an older version on the list. Raises StoreError."""
    store.command(
        "INSERT INTO repairs SELECT indicator, cohort_kind, cohort, window, min(window_end),"
        f" max(window_end), {version} AS asked, now64(3) AS asked_at, '' AS outcome,"
        " toDateTime64(0, 3, 'UTC') AS done_at, 2 * toUnixTimestamp64Milli(asked_at) AS turn"
        f" FROM rolling FINAL WHERE version < {version} AND NOT removed"
        " GROUP BY indicator, cohort_kind, cohort, window"
    )


def end_repairs(store: Store, asks: Sequence[RepairAsk], outcome: str, now_ms: int) -> None:
    """Note how they ended; one that was asked again meanwhile stays open. Raises StoreError."""
    store.insert("repairs", columns(asks, outcome, now_ms))


def end_walks(store: Store, asks: Sequence[WalkAsk], outcome: str, now_ms: int) -> None:
    """As `end_repairs`."""
    store.insert("recalls", columns(asks, outcome, now_ms))
