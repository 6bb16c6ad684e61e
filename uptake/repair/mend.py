"""Make rows of `rolling` what a recount of the stored events says.

A row is written with the version that the standing row has: with equal versions the row that was
inserted last counts, and any newer word of the stream still beats it. That is right only if the
recount knows every event that the standing row counts. So a row is mended only if the row that
stands was there before the wait in which all that had been accepted arrived (`stood`; `rebuild`
compares what it saw before and after); one that moved meanwhile is left alone.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from schemas.metrics import REPAIRED_ROWS
from sinks.clickhouse.client import Store
from streams.catalog.load import Catalog
from uptake.reconcile.contributions import Group
from uptake.reconcile.facts import array
from uptake.reconcile.sql import Limits, Span, Window, differences
from uptake.repair.stretches import Series

_INSERT_ROWS = 50_000
Versions = dict[Series, int]
"""The largest version that a row of the series has."""


class Row(NamedTuple):
    """A row that differs. `values`: n, num, den, people, standing; None: it must not be there."""

    window_end: int
    series: Series
    version: int
    values: tuple[int, ...] | None


def versions(store: Store, indicators: Iterable[str]) -> Versions:
    """As they are now. Raises StoreError."""
    found = store.query(
        "SELECT toString(indicator), toString(cohort_kind), toString(cohort), max(version)"
        f" FROM rolling WHERE indicator IN {array(indicators)}"
        " GROUP BY indicator, cohort_kind, cohort"
    )
    return {(indicator, kind, cohort): version for indicator, kind, cohort, version in found}


def look(
    store: Store,
    catalog: Catalog,
    group: Group,
    window: Window,
    span: Span,
    database: str,
    limits: Limits,
) -> list[Row]:
    """Rows that differ from a recount. Raises StoreError."""
    found = store.query(differences(catalog, group, window, span, database, limits))
    return [
        Row(end, (indicator, kind, cohort), version, tuple(values) if is_recounted else None)
        for end, indicator, kind, cohort, version, _, is_recounted, values in found
    ]


def stood(row: Row, before: Versions) -> bool:
    """Whether the standing row, if any, was there when `before` was read."""
    return row.version <= before.get(row.series, 0)


def write(store: Store, window: Window, rows: Sequence[Row], clock: Callable[[], int]) -> None:
    """Put the recounted values into `rolling`. Raises StoreError; then do all of it again."""
    for begin in range(0, len(rows), _INSERT_ROWS):
        now = clock()
        made = [
            (
                *row.series, window.name, row.window_end, *(row.values or (0, 0, 0, 0, 0)),
                row.values is None, now, row.version,
            )
            for row in rows[begin : begin + _INSERT_ROWS]
        ]  # fmt: skip
        store.insert("rolling", list(zip(*made, strict=True)))
        REPAIRED_ROWS.inc(len(made))
