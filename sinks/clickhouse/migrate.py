"""Bring a ClickHouse database to the shape that this code expects.

Migrations are numbered files of SQL statements. ClickHouse has no transactions over statements,
so each statement may be run again (IF NOT EXISTS, OR REPLACE), and the version is written after
the last of a file.
"""

import re
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import resources
from typing import Any, Final, NamedTuple

from schemas.settings import ClickHouseSettings, Settings
from schemas.version import VERSION
from sinks.clickhouse import tables
from sinks.clickhouse.client import Store
from sinks.clickhouse.errors import StoreError

CatalogRows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows of the tables `catalog` and `journeys`, each without `removed` and `loaded_at`;
a table that is not named stays as it is."""

_CATALOG_KEYS: Final = {"catalog": 1, "journeys": 2}
"""How many of the first columns of these tables name a row."""


class MigrationError(StoreError):
    """The database cannot be brought to this code's shape; the message says why."""


class DatabaseNewer(MigrationError):
    """The database was migrated by newer code."""


class NoRoom(MigrationError):
    """A disk of the store is full, or nearly."""


class MigrationChanged(MigrationError):
    """A migration was changed after it had been applied."""


class Migration(NamedTuple):
    """One file, unfilled."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Of the file as it is, before placeholders are filled."""
        return sha256(self.text.encode()).hexdigest()[:16]


LEAST_FREE_BYTES: Final = 16 << 20
"""A definition of a table is some kilobytes; what is merged meanwhile needs room too."""

_FILE: Final = re.compile(r"(\d{4})_(\w+)\.sql")
_PLACEHOLDER: Final = re.compile(r"\{\{(\w+)(?:\((\w*)\))?\}\}")
_TTL_DAYS: Final = re.compile(r"\bTTL\b.*?toIntervalDay\((\d+)\)", re.DOTALL)

_VERSIONS_TABLE: Final = """
CREATE TABLE IF NOT EXISTS {{database}}.schema_versions
(
    version UInt32 COMMENT 'Number of the migration',
    name String COMMENT 'Name of the migration',
    checksum String COMMENT 'Of its file, so that a later change is noticed',
    code_version String COMMENT 'Version of the code that applied it',
    applied_at DateTime64(3, 'UTC') COMMENT 'When it was applied (UTC, milliseconds)'
)
ENGINE = {{ReplacingMergeTree(applied_at)}}
ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row a migration that was applied'
"""


def _past(column: str) -> str:
    """A time for a TTL, which cannot go beyond 1970 to 2105."""
    return (
        f"toDateTime(least(greatest({column}, toDateTime64('1970-01-01 00:00:00', 3, 'UTC')), "
        "toDateTime64('2100-01-01 00:00:00', 3, 'UTC')))"
    )


def _lifetimes(settings: ClickHouseSettings) -> dict[str, tuple[str, int]]:
    """Table -> the time its rows' age counts from, and the days they are kept (0: for ever)."""
    return {
        "events_log": (_past("received_at"), settings.events_days),
        "ratings": (_past("received_at"), settings.events_days),
        "panes": (_past("slot_start"), settings.panes_days),
        "rolling": (_past("window_end"), settings.indicators_days),
        "dead_letters_log": (_past("dead_at"), settings.dead_letters_days),
        "dead_letter_fates": (_past("decided_at"), settings.dead_letters_days),
    }


def load() -> list[Migration]:
    """All migrations that come with this code, in order."""
    found: list[Migration] = []
    for file in (resources.files("sinks.clickhouse") / "migrations").iterdir():
        match = _FILE.fullmatch(file.name)
        if match:
            found.append(Migration(int(match[1]), match[2], file.read_text("utf-8")))
    return sorted(found)


def run(settings: Settings, catalog_rows: CatalogRows) -> list[int]:
    """Apply what is missing, set lifetimes, load the catalog; return the versions applied.

    Raises DatabaseNewer, MigrationChanged, NoRoom, and StoreError as sinks.clickhouse.client does.
    """
    with Store(settings.clickhouse, database="default") as store:
        store.command(f"CREATE DATABASE IF NOT EXISTS {settings.clickhouse.database}")
        store.command(render(_VERSIONS_TABLE, settings.clickhouse))
    with Store(settings.clickhouse) as store:
        applied = [
            migration.version
            for migration in _missing(store, load())
            if _apply(store, migration, settings.clickhouse)
        ]
        _set_lifetimes(store, settings.clickhouse)
        for table, rows in catalog_rows.items():
            _load_catalog(store, table, rows)
    return applied


def pending(settings: Settings) -> list[int]:
    """Versions that `run` would apply. Raises as `run` does; TryAgain when there is no server."""
    with Store(settings.clickhouse, database="default") as store:
        there = store.query(
            "SELECT count() FROM system.tables "
            "WHERE database = {d:String} AND name = 'schema_versions'",
            {"d": settings.clickhouse.database},
        )
        if not there[0][0]:
            return [migration.version for migration in load()]
    with Store(settings.clickhouse) as store:
        return [migration.version for migration in _missing(store, load())]


def render(text: str, settings: ClickHouseSettings) -> str:
    """Fill the placeholders: {{database}}, and {{Engine(argument)}} for the engine's family."""

    def fill(match: re.Match[str]) -> str:
        name, argument = match[1], match[2]
        if argument is None:
            return settings.database
        if not settings.replicated:
            return f"{name}({argument})"
        path = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
        return f"Replicated{name}({path}{', ' if argument else ''}{argument})"

    return _PLACEHOLDER.sub(fill, text)


def statements(text: str) -> list[str]:
    """The statements of a file: they end with a semicolon at the end of a line."""
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    parts = re.split(r";[ \t]*$", "\n".join(lines), flags=re.MULTILINE)
    return [part.strip() for part in parts if part.strip()]


def _missing(store: Store, known: Sequence[Migration]) -> list[Migration]:
    rows = store.query("SELECT version, checksum FROM schema_versions FINAL ORDER BY version")
    applied: dict[int, str] = dict(rows)
    newest = max((migration.version for migration in known), default=0)
    if applied and max(applied) > newest:
        raise DatabaseNewer(
            f"the database is at version {max(applied)}, this code knows {newest}: "
            "run newer code, or restore an older database"
        )
    for migration in known:
        checksum = applied.get(migration.version, migration.checksum)
        if checksum != migration.checksum:
            raise MigrationChanged(
                f"migration {migration.version:04}_{migration.name} was changed after it had "
                "been applied: undo the change and write a new migration"
            )
    return [migration for migration in known if migration.version not in applied]


def _apply(store: Store, migration: Migration, settings: ClickHouseSettings) -> bool:
    for statement in statements(migration.text):
        _change(store, render(statement, settings))
    row = (migration.version, migration.name, migration.checksum, VERSION, _now())
    store.insert("schema_versions", [[value] for value in row])
    return True


def _set_lifetimes(store: Store, settings: ClickHouseSettings) -> None:
    """Make the tables' TTLs what the settings say; untouched where they say so already."""
    for table, (since, days) in _lifetimes(settings).items():
        made = store.query(
            "SELECT create_table_query FROM system.tables "
            "WHERE database = currentDatabase() AND name = {t:String}",
            {"t": table},
        )
        found = _TTL_DAYS.search(made[0][0])
        now = int(found[1]) if found else 0
        if now == days:
            continue
        if days:
            _change(store, f"ALTER TABLE {table} MODIFY TTL {since} + toIntervalDay({days})")
        else:
            _change(store, f"ALTER TABLE {table} REMOVE TTL")


def _change(store: Store, statement: str) -> None:
    """A table that is altered on a full disk is lost although the store answers well (see
    docs/upstream.md), so there must be room."""
    if statement.startswith("ALTER"):
        _check_room(store.query("SELECT name, unreserved_space FROM system.disks ORDER BY name"))
    store.command(statement)


def _check_room(disks: Sequence[tuple[Any, ...]]) -> None:
    """Raises NoRoom when one of the disks, each a name and free bytes, is nearly full."""
    for name, free in disks:
        if free < LEAST_FREE_BYTES:
            raise NoRoom(
                f"the disk {name} of the store has {free >> 20} MiB free, expected at least"
                f" {LEAST_FREE_BYTES >> 20}: no table is altered; make room and run it again"
            )


def _load_catalog(store: Store, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write all rows anew, and mark those as removed that are no longer in the catalog."""
    plain = tables.names(table)[:-2]
    key = slice(_CATALOG_KEYS[table])
    kept = store.query(f"SELECT {', '.join(plain)} FROM {table} FINAL WHERE NOT removed")
    wanted = [tuple(row[name] for name in plain) for row in rows]
    gone = {row[key] for row in kept} - {row[key] for row in wanted}
    loaded_at = _now()
    full = [(*row, False, loaded_at) for row in wanted]
    full += [(*row, True, loaded_at) for row in kept if row[key] in gone]
    store.insert(table, list(zip(*full, strict=True)))


def _now() -> int:
    return time.time_ns() // 1_000_000
