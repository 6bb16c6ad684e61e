"""The data dictionary: every table and view of the store with its columns, as Markdown.

It says what the comments in the store say, so it cannot be out of step with them.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sinks.clickhouse.client import Store

_TABLES = """
SELECT name, engine = 'View' AS is_view, comment FROM system.tables
WHERE database = currentDatabase() ORDER BY is_view DESC, name"""
_COLUMNS = """
SELECT table, name, type, comment FROM system.columns
WHERE database = currentDatabase() ORDER BY table, position"""

_HEAD = """# Data dictionary

Every view and table of the store, and what a row and a column mean. Written by `uptake dictionary`
from the comments that the store itself holds (`SHOW CREATE TABLE events` shows them too). All times
are UTC.

Read the views: they are right at any moment. Tables may hold a row twice until a merge: read those
with `FINAL`. Questions and their SQL: [cookbook](cookbook.md).
"""


class Column(NamedTuple):
    """`meaning`: the comment in the store."""

    name: str
    type: str
    meaning: str


class Table(NamedTuple):
    """A table or a view."""

    name: str
    is_view: bool
    meaning: str
    columns: list[Column]


def read(store: Store) -> list[Table]:
    """Views, then tables, by name. Raises StoreError."""
    columns: dict[str, list[Column]] = {}
    for table, *column in store.query(_COLUMNS):
        columns.setdefault(table, []).append(Column(*column))
    return [
        Table(name, bool(is_view), meaning, columns[name])
        for name, is_view, meaning in store.query(_TABLES)
    ]


def text(tables: Sequence[Table]) -> str:
    """The page."""
    lines = [_HEAD]
    for title, are_views in (("Views", True), ("Tables", False)):
        lines.append(f"## {title}\n")
        for table in tables:
            if table.is_view == are_views:
                lines += _section(table)
    return "\n".join(lines)


def _section(table: Table) -> list[str]:
    rows = [
        f"| `{column.name}` | `{column.type}` | {_cell(column.meaning)} |"
        for column in table.columns
    ]
    return [
        f"### {table.name}\n",
        f"{table.meaning}.\n",
        "| Column | Type | Meaning |",
        "|---|---|---|",
        *rows,
        "",
    ]


def _cell(meaning: str) -> str:
    return meaning.replace("|", "\\|")
