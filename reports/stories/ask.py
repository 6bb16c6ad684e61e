"""Asks the store and keeps what was asked, with its values in place, so that anybody can ask it
again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reports.board.read import Cohort
from reports.stories.document import Figure, Period
from sinks.clickhouse.client import Store


@dataclass(frozen=True)
class Answer:
    """The one row of a query, by column; empty: there was none. `least`: see `few`."""

    query: int
    row: Mapping[str, Any]
    least: int

    @property
    def few(self) -> bool:
        """Too few people stand behind it to show any of it."""
        return int(self.row.get("people") or 0) < self.least

    def is_group(self, column: str) -> bool:
        """Whether a column that counts people may be shown: nobody, or enough."""
        people = int(self.row.get(column) or 0)
        return bool(self.row) and (people == 0 or people >= self.least)

    def count(self, column: str) -> Figure:
        """`1,204`"""
        value = float(self.row[column])
        return Figure(f"{value:,.0f}", value, self.query, column)

    def share(self, column: str) -> Figure:
        """`62.4 %`"""
        value = float(self.row[column])
        return Figure(f"{100 * value:.1f} %", value, self.query, column)

    def mean(self, column: str) -> Figure:
        """`3.4`"""
        value = float(self.row[column])
        return Figure(f"{value:,.1f}", value, self.query, column)

    def words(self, column: str) -> Figure:
        """Text, as it is in the store."""
        value = str(self.row[column])
        return Figure(value, value, self.query, column)


class Asker:
    """One for a document. `least`: people who must stand behind what is shown."""

    def __init__(self, store: Store, cohort: Cohort, least: int) -> None:
        self._store = store
        self._least = least
        self.cohort = cohort
        self.queries: list[str] = []

    def ask(self, sql: str, columns: tuple[str, ...]) -> Answer:
        """The first row. `columns`: what the query gives, in its order. Raises StoreError."""
        rows = self._store.query(sql)
        if sql not in self.queries:
            self.queries.append(sql)
        row = dict(zip(columns, rows[0], strict=True)) if rows else {}
        return Answer(self.queries.index(sql) + 1, row, self._least)

    def events_of_cohort(self) -> str:
        """A condition on `events`."""
        if self.cohort.kind == "all":
            return "1"
        return f"{self.cohort.kind} = {quoted(self.cohort.name)}"


def before(period: Period) -> Period:
    """The period of equal length that ended when this one began."""
    return Period(period.begins - (period.ends - period.begins), period.begins)


def whole_days(ends: datetime, days: int) -> Period:
    """So many days that end with the beginning of the day of `ends`."""
    last = ends.replace(hour=0, minute=0, second=0, microsecond=0)
    return Period(last - timedelta(days=days), last)


def moment(at: datetime) -> str:
    """A time in SQL."""
    return f"toDateTime64('{at:%Y-%m-%d %H:%M:%S}', 3, 'UTC')"


def quoted(text: str) -> str:
    """A text in SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def within(column: str, period: Period) -> str:
    """A condition."""
    begins, ends = moment(period.begins), moment(period.ends)
    return f"({column} >= {begins}\n        AND {column} < {ends})"
