"""`uptake rebuild`: compute a period again from the stored events, while the stream goes on."""

from collections.abc import Iterator
from time import time_ns
from typing import Any, NamedTuple

from schemas.settings import Settings
from sinks.clickhouse.client import Store
from streams.catalog.load import Catalog
from uptake.local.settle import Tick, recalled
from uptake.reconcile.check import Kept, row_days, shown, slices
from uptake.reconcile.contributions import Group
from uptake.reconcile.sql import WINDOWS, Limits, Span, Window, limits_of
from uptake.repair import mend

_DAY = 86_400_000
_LOOKS = 3
"""Rows that moved each time that we looked are the stream's own business: its word is newer."""


class Rebuilt(NamedTuple):
    """What was found in the windows of `span`."""

    span: Span
    differing: int
    """Rows that were not what the events say; unless `dry`, they are now."""
    moving: int
    """Rows that differed, and were written by the stream while we looked."""
    left_out: list[str]
    """Indicators that cannot be recounted, because old events are deleted."""
    dry: bool

    def lines(self) -> Iterator[str]:
        """For people."""
        ends = f"windows that ended after {shown(self.span.after)}, up to {shown(self.span.until)}"
        done = "differ" if self.dry else "differed, and were computed again"
        yield f"{self.differing:,} rows {done} ({ends})"
        if self.moving:
            yield f"left to the stream, which was writing them: {self.moving:,} rows"
        if self.left_out:
            yield f"not computed, as old events are deleted: {', '.join(self.left_out)}"

    def document(self) -> dict[str, Any]:
        """For programs; times in ms since 1970 UTC."""
        return {
            "differing": self.differing,
            "moving": self.moving,
            "after": self.span.after,
            "until": self.span.until,
            "not_computed": self.left_out,
            "dry_run": self.dry,
        }


class Rebuild:
    """One run. `seconds`: how long to wait for what is on its way."""

    def __init__(
        self, settings: Settings, catalog: Catalog, seconds: float, dry: bool, tick: Tick
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._seconds = seconds
        self._dry = dry
        self._tick = tick
        self._limits: Limits = {}

    def run(self, after: int | None, until: int | None, indicator: str) -> Rebuilt:
        """Windows that end after `after` (None: all) and not after `until` (None: also those that
        have not ended). `indicator`: only this one; empty: all.

        Raises StoreError, and Unsettled when what is on its way does not arrive.
        """
        kept = Kept(self._settings.clickhouse, self._catalog, _now())
        wanted = _only(kept.groups, indicator)
        differing, moving = 0, 0
        with Store(self._settings.clickhouse) as store:
            self._limits = limits_of(store.query, self._catalog, self._settings.clickhouse.database)
            span = _span(store, after, until, kept.earliest)
            days = row_days(store, span.after)
            for window in WINDOWS:
                for part in slices(days, span, window):
                    found, moved = self._mend(store, wanted, window, part)
                    differing += found
                    moving += moved
        left_out = [name for name in kept.left_out if indicator in ("", name)]
        return Rebuilt(span, differing, moving, left_out, self._dry)

    def _mend(
        self, store: Store, wanted: list[Group], window: Window, part: Span
    ) -> tuple[int, int]:
        """Rows that differed, and rows that moved.

        A row is wrong for certain if it stands as it stood, and is recounted as it was, before
        everything arrived that had been accepted then.
        """
        self._tick(f"window {window.name}, {shown(part.until)}")
        differing = 0
        looks = [(group, self._look(store, group, window, part)) for group in wanted]
        for _ in range(_LOOKS):
            looks = [(group, rows) for group, rows in looks if rows]
            if not looks:
                break
            recalled(self._settings, self._seconds, self._tick)
            moving: list[tuple[Group, list[mend.Row]]] = []
            for group, seen in looks:
                wrong = self._look(store, group, window, part)
                sure = set(seen).intersection(wrong)
                differing += len(sure)
                if not self._dry:
                    mend.write(store, window, sorted(sure), _now)
                moving.append((group, [row for row in wrong if row not in sure]))
            looks = moving
        return differing, sum(len(rows) for _, rows in looks)

    def _look(self, store: Store, group: Group, window: Window, part: Span) -> list[mend.Row]:
        database = self._settings.clickhouse.database
        return mend.look(store, self._catalog, group, window, part, database, self._limits)


def _only(found: list[Group], indicator: str) -> list[Group]:
    if not indicator:
        return found
    return [
        Group(group.journey, {indicator: group.indicators[indicator]})
        for group in found
        if indicator in group.indicators
    ]


def _span(store: Store, after: int | None, until: int | None, earliest: int) -> Span:
    """What was asked for, as far as there are events or rows."""
    days = row_days(store, max(after or 0, earliest))
    begin = min(days, default=0) * _DAY
    longest = max(window.length + window.slide for window in WINDOWS)
    end = (max(days, default=0) + 1) * _DAY + longest
    return Span(
        max(begin if after is None else after, begin, earliest),
        end if until is None else min(until, end),
    )


def _now() -> int:
    return time_ns() // 1_000_000
