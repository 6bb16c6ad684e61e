"""A second recount, in SQL over the store's views `events` and `directory`."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.recount.recount import WINDOWS, Key, Value

Query = Callable[[str], Iterable[Sequence[object]]]
"""SQL -> rows."""

_SQL = Path(__file__).with_name("recount.sql").read_text()


def statements(database: str) -> list[str]:
    """The recount as one SELECT a window, with the columns indicator, cohort_kind, cohort, window,
    window_end (ms), numerator, denominator (null: none), people."""
    found = []
    for window, (slide, length) in WINDOWS.items():
        text = _SQL
        for name, value in (
            ("database", database),
            ("window", window),
            ("slide", slide),
            ("length", length),
        ):
            text = text.replace(f"{{{name}}}", str(value))
        found.append(text)
    return found


def recount(query: Query, database: str = "uptake") -> dict[Key, Value]:
    """What `tests.recount.recount.recount` says, counted by ClickHouse."""
    rows: dict[Key, Value] = {}
    for sql in statements(database):
        for indicator, kind, cohort, window, end, num, den, people in query(sql):
            key = Key(str(indicator), str(kind), str(cohort), str(window), _whole(end))
            rows[key] = Value(_whole(num), None if den is None else _whole(den), _whole(people))
    return rows


def _whole(value: object) -> int:
    """JSON formats write 64-bit numbers as text."""
    assert isinstance(value, int | str)
    return int(value)
