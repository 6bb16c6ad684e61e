"""What the demo shows: a snapshot read from the store, and its two forms, lively and plain."""

from dataclasses import dataclass, field
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sinks.clickhouse.account import Account, accounts, total
from sinks.clickhouse.client import Store

SHOWN_INDICATORS = 12
_RATE_SECONDS = 10

_SPEED = f"""
SELECT
    countIf(stored_at > now64(3) - INTERVAL {_RATE_SECONDS} SECOND) / {_RATE_SECONDS},
    quantileIf(0.95)(dateDiff('millisecond', received_at, stored_at),
        stored_at > now64(3) - INTERVAL 60 SECOND) / 1000,
    count() > 0
FROM events WHERE received_at > now64(3) - INTERVAL 10 MINUTE
"""
_INDICATORS = """
SELECT indicator, kind, argMax(value, window_end), argMax(people, window_end) AS newest_people
FROM indicators LEFT JOIN (SELECT indicator, board FROM catalog FINAL) AS c USING (indicator)
WHERE cohort_kind = 'all' AND window = '1h' AND window_end > now() - INTERVAL 2 HOUR
GROUP BY indicator, kind, board
ORDER BY board = 0, board, newest_people DESC, indicator
"""
"""Those of the decision board come first, then those that most people stand behind."""


class Reading(NamedTuple):
    """The newest value of an indicator; None where there is nothing to divide by."""

    indicator: str
    kind: str
    value: float | None
    people: int

    def shown(self) -> str:
        """The value for people."""
        if self.value is None:
            return "-"
        return f"{self.value:,.0f}" if float(self.value).is_integer() else f"{self.value:,.3f}"


@dataclass(frozen=True)
class Snapshot:
    """How things stand."""

    accounts: list[Account] = field(default_factory=list)
    events_a_second: float = 0.0
    freshness: float | None = None
    """Seconds from acceptance to the store for 95 % of the events of the last minute."""
    readings: list[Reading] = field(default_factory=list)


def read(store: Store) -> Snapshot:
    """A snapshot. Raises StoreError."""
    rate, fresh, some = store.query(_SPEED)[0]
    readings = [Reading(*row) for row in store.query(_INDICATORS)]
    return Snapshot(accounts(store), float(rate), float(fresh) if some else None, readings)


def plain(snapshot: Snapshot) -> str:
    """One line."""
    everything = total(snapshot.accounts)
    few = ", ".join(f"{each.indicator} {each.shown()}" for each in snapshot.readings[:4])
    return (
        f"{everything.stored:,} events stored, {snapshot.events_a_second:.0f} a second, "
        f"{_fresh(snapshot)}, {everything.dead:,} dead letters, "
        f"{everything.duplicate:,} duplicates{'; ' if few else ''}{few}"
    )


def lively(snapshot: Snapshot, before: Snapshot | None, footer: list[str]) -> RenderableType:
    """The picture for a terminal. `before` tells which values have moved."""
    head = Text()
    head.append(f"{snapshot.events_a_second:5.0f} events a second", style="bold")
    head.append(f"   {_fresh(snapshot)}")
    return Group(head, _table_of_sources(snapshot), _table_of_indicators(snapshot, before), *footer)


def _fresh(snapshot: Snapshot) -> str:
    if snapshot.freshness is None:
        return "no events yet"
    return f"95% queryable within {snapshot.freshness:.1f} s"


def _table_of_sources(snapshot: Snapshot) -> Table:
    table = Table(box=None, padding=(0, 2), title="Where every event went", title_justify="left")
    table.add_column("source")
    counts = ("received", "stored", "dead letters", "duplicates", "pending", "difference", "lost")
    for name in (*counts, "opted out"):
        table.add_column(name, justify="right")
    for row in [*snapshot.accounts, total(snapshot.accounts)]:
        table.add_row(row.source, *(f"{number:,}" for number in row[1:]))
    return table


def _table_of_indicators(snapshot: Snapshot, before: Snapshot | None) -> Table:
    table = Table(
        box=None, padding=(0, 2), title="Indicators, all learners, last hour", title_justify="left"
    )
    table.add_column("indicator")
    table.add_column("kind")
    table.add_column("value", justify="right")
    table.add_column("people", justify="right")
    table.add_column("")
    old = {each.indicator: each.value for each in before.readings} if before else {}
    for each in snapshot.readings[:SHOWN_INDICATORS]:
        moved = _moved(old.get(each.indicator), each.value)
        table.add_row(each.indicator, each.kind, each.shown(), f"{each.people:,}", moved)
    return table


def _moved(old: float | None, new: float | None) -> str:
    if old is None or new is None or old == new:
        return ""
    return "[green]up[/]" if new > old else "[yellow]down[/]"
