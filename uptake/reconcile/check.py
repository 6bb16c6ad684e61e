"""Compare the table `rolling` with a recount, slice by slice, for windows that are closed.

A window is closed when later steps can no longer change it (its end and the indicator's `settle`
have passed). A late event may still change it, and then the recount knows of it a moment before
the stream has said so. So a difference counts only if it is still the same after everything that
had been accepted when it was seen has arrived.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any, NamedTuple

from schemas.settings import ClickHouseSettings, Settings
from sinks.clickhouse.client import Store
from streams.catalog.load import Catalog
from uptake.local.settle import Tick, Unsettled, recalled
from uptake.reconcile.contributions import Group, Times, groups, within
from uptake.reconcile.sql import (
    SHOWN,
    WINDOWS,
    Limits,
    Span,
    Window,
    comparison,
    limits_of,
)

_DAY = 86_400_000
QUIET_MS = 600_000
"""Windows that ended within this time are left for the next comparison: they still move."""
SLICE_ROWS = 500_000
"""Events and rows of `rolling` that one query looks at, unless one day has more."""
_LOOKS = 6
_KEPT_MS = 2 * _DAY
"""Events whose deletion is so near are not counted on."""


class Values(NamedTuple):
    """Of one row of `rolling`."""

    n: int
    num: int
    den: int
    people: int
    standing: int


class Difference(NamedTuple):
    """A row that differs; None: there is no such row. The order is by time."""

    window_end: int
    indicator: str
    cohort_kind: str
    cohort: str
    window: str
    streamed: Values | None
    recounted: Values | None

    def line(self) -> str:
        """As a sentence."""
        return (
            f"{self.indicator} of {self.cohort_kind} {self.cohort}, window {self.window} "
            f"that ends {shown(self.window_end)}: streamed {_told(self.streamed)}, "
            f"recounted {_told(self.recounted)}"
        )


class Report(NamedTuple):
    """What a comparison found in the windows of `span`."""

    span: Span
    rows: int
    differing: int
    first: Difference | None
    left_out: list[str]
    """Indicators that cannot be recounted, because old events are deleted."""
    waiting: int = 0
    """Rows that were not compared, since they are on the repair list."""
    twice: int = 0
    """Ids of events that lie twice in the store."""

    @property
    def equal(self) -> bool:
        """No row differs."""
        return self.differing == 0

    def lines(self) -> Iterator[str]:
        """For people."""
        about = f"{self.rows:,} rows compared"
        ends = f"windows that ended after {shown(self.span.after)}, up to {shown(self.span.until)}"
        if self.first is None:
            yield f"equal: {about} ({ends})"
        else:
            yield f"different: {self.differing:,} of {about} ({ends})"
            yield f"first difference: {self.first.line()}"
        if self.left_out:
            yield f"not compared, as old events are deleted: {', '.join(self.left_out)}"
        if self.waiting:
            yield f"not compared, as they are on the repair list: {self.waiting:,} rows"
        if self.twice:
            yield f"ids that lie twice in events: {self.twice:,} (each counts once in the recount)"

    def document(self) -> dict[str, Any]:
        """For programs; times in ms since 1970 UTC."""
        first = self.first
        return {
            "equal": self.equal,
            "rows": self.rows,
            "differing": self.differing,
            "after": self.span.after,
            "until": self.span.until,
            "not_compared": self.left_out,
            "waiting": self.waiting,
            "ids_twice": self.twice,
            "first": first
            and {
                **first._asdict(),
                "streamed": first.streamed and first.streamed._asdict(),
                "recounted": first.recounted and first.recounted._asdict(),
            },
        }


class Look(NamedTuple):
    """What one query saw."""

    rows: int
    differing: int
    differences: list[Difference]
    """The first of them."""
    waiting: int
    """Rows on the repair list; they are not among the others."""


class Kept:
    """How far back the events reach that a recount takes. `now` in ms."""

    def __init__(self, kept: ClickHouseSettings, catalog: Catalog, now: int) -> None:
        found = groups(catalog)
        ends = [0]
        if kept.indicators_days:
            ends.append(now - kept.indicators_days * _DAY + _KEPT_MS)
        if kept.events_days:
            longest = max(window.length + window.slide for window in WINDOWS)
            ends.append(now - kept.events_days * _DAY + _KEPT_MS + longest)
        self.earliest = max(ends)
        """Windows that end before cannot be recounted: rows are deleted."""
        gone = [group for group in found if group.journey and kept.events_days]
        self.groups = [group for group in found if group not in gone]
        """What can be recounted. Steps of a journey may lie long before its case."""
        self.left_out = list(chain.from_iterable(group.indicators for group in gone))
        """The other indicators."""


class Check:
    """One comparison. `now` in ms; `seconds`: how long to wait for what is on its way."""

    def __init__(
        self, settings: Settings, catalog: Catalog, now: int, seconds: float, tick: Tick
    ) -> None:
        self._settings = settings
        self._database = settings.clickhouse.database
        self._catalog = catalog
        self._now = now
        self._seconds = seconds
        self._tick = tick
        self._limits: Limits | None = None

    def run(self, after: int | None, until: int | None) -> Report:
        """Compare the windows that end after `after` (None: all) and not after `until` (None:
        all that are closed).

        Raises StoreError; Unsettled when what is on its way does not arrive, or the results of
        the stream do not come to rest.
        """
        latest = self._now - QUIET_MS
        kept = Kept(self._settings.clickhouse, self._catalog, self._now)
        rows, differing, waiting = 0, 0, 0
        differences: list[Difference] = []
        with Store(self._settings.clickhouse) as store:
            days = row_days(store, max(after or 0, kept.earliest))
            begin = min(days, default=latest // _DAY) * _DAY
            span = Span(
                max(begin if after is None else after, begin, kept.earliest),
                min(latest, latest if until is None else until),
            )
            for window in WINDOWS:
                for part in slices(days, span, window):
                    for group in kept.groups:
                        look = self._settled_look(store, group, window, part)
                        rows += look.rows
                        differing += look.differing
                        differences += look.differences[:1]
                        waiting += look.waiting
            twice = sum(ids_twice(store, part) for part in slices(days, span, WINDOWS[0]))
        first = min(differences, default=None, key=_order)
        return Report(span, rows, differing, first, kept.left_out, waiting, twice)

    def _settled_look(self, store: Store, group: Group, window: Window, span: Span) -> Look:
        """Look until nothing differs, or until something differs for certain."""
        self._tick(f"{group.journey or 'signals'}, window {window.name}, {shown(span.until)}")
        before = self._look(store, group, window, span)
        for _ in range(_LOOKS):
            if not before.differing:
                return before
            recalled(self._settings, self._seconds, self._tick)
            self._limits = None
            look = self._look(store, group, window, span)
            # Recounted alike: nothing new came. So what the stream says now is its last word.
            known = {each._replace(streamed=None) for each in before.differences}
            sure = [d for d in look.differences if d._replace(streamed=None) in known]
            if sure:
                return look._replace(differences=sure)
            before = look
        if before.differing:
            raise Unsettled(
                f"{before.differing:,} rows of {group.journey or 'signals'}, window {window.name},"
                f" up to {shown(span.until)} do not come to rest: much is coming in late"
            )
        return before

    def _look(self, store: Store, group: Group, window: Window, span: Span) -> Look:
        closed = {
            name: min(span.until, self._now - indicator.settle_ms)
            for name, indicator in group.indicators.items()
        }
        if self._limits is None:
            self._limits = limits_of(store.query, self._catalog, self._database)
        sql = comparison(self._catalog, group, window, span, closed, self._database, self._limits)
        [(rows, differing, found, waiting)] = store.query(sql)
        differences = [_difference(window, row) for row in found[:SHOWN]]
        return Look(rows, differing, differences, waiting)


def slices(days: dict[int, int], span: Span, window: Window) -> Iterator[Span]:
    """`span` in parts of whole days with no more than SLICE_ROWS rows each, where a part need not
    be shorter than the window for that. `days`: day since 1970 -> rows."""
    if span.until <= span.after:
        return
    shortest = max(_DAY, window.length)
    after, held = span.after, 0
    for day in sorted(day for day in days if day * _DAY > span.after):
        start = day * _DAY
        if start >= span.until:
            break
        if held + days[day] > SLICE_ROWS and start - after >= shortest:
            yield Span(after, start)
            after, held = start, 0
        held += days[day]
    yield Span(after, span.until)


def shown(ms: int) -> str:
    """A time for people."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def row_days(store: Store, after: int) -> dict[int, int]:
    """Day since 1970 -> about how many events and rows of `rolling` lie on it."""
    since = f"fromUnixTimestamp64Milli({after}, 'UTC')"
    found = store.query(
        "SELECT day, toInt64(count()) FROM ("
        f" SELECT intDiv(toUnixTimestamp64Milli(occurred_at), {_DAY}) AS day FROM events_log"
        f" WHERE occurred_at >= {since} UNION ALL"
        f" SELECT intDiv(toUnixTimestamp64Milli(window_end) - 1, {_DAY}) FROM rolling"
        f" WHERE window_end > {since}"
        ") GROUP BY day"
    )
    return {int(day): int(count) for day, count in found}


def ids_twice(store: Store, span: Span) -> int:
    """Ids that two events of `span` have. Raises StoreError."""
    times = within("occurred_at", Times(span.after, span.until))
    [(count,)] = store.query(
        "SELECT count() FROM (SELECT event_id FROM events_log"
        f" WHERE {times} GROUP BY event_id HAVING uniqExact(source, generation, partition, offset)"
        " > 1)"
    )
    return int(count)


def _difference(window: Window, row: tuple[Any, ...]) -> Difference:
    end, indicator, kind, cohort, is_streamed, streamed, is_recounted, recounted = row
    return Difference(
        end,
        indicator,
        kind,
        cohort,
        window.name,
        Values(*streamed) if is_streamed else None,
        Values(*recounted) if is_recounted else None,
    )


def _order(one: Difference) -> tuple[int, str, str, str, str]:
    return one[:5]


def _told(values: Values | None) -> str:
    if values is None:
        return "no row"
    return " ".join(f"{name}={value}" for name, value in values._asdict().items())
