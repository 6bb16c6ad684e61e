"""Reading migrations, without a database."""

import re

import msgspec

from schemas.settings import ClickHouseSettings
from sinks.clickhouse import migrate

SETTINGS = ClickHouseSettings(database="somewhere")


def test_migrations_are_numbered_each_with_its_own() -> None:
    """A number may be missing: work that is done side by side has its numbers given out."""
    versions = [migration.version for migration in migrate.load()]
    assert versions[0] == 1
    assert versions == sorted(set(versions))


def test_statements_end_with_a_semicolon_at_the_end_of_a_line() -> None:
    text = "-- head; not a statement\nSELECT 'a;b';\n\nSELECT 2  ;  \nSELECT 3"
    assert migrate.statements(text) == ["SELECT 'a;b'", "SELECT 2", "SELECT 3"]


def test_every_statement_may_run_twice() -> None:
    for migration in migrate.load():
        for statement in migrate.statements(migration.text):
            added = len(re.findall("ADD (COLUMN|INDEX|PROJECTION)", statement))
            if re.search(
                "COMMENT COLUMN IF EXISTS|MODIFY SETTING|MATERIALIZE PROJECTION", statement
            ):
                continue
            if statement.startswith("ALTER TABLE") and added:
                once = re.findall("ADD (COLUMN|INDEX|PROJECTION) IF NOT EXISTS", statement)
                assert len(once) == added
            else:
                known = ("CREATE TABLE IF NOT EXISTS", "CREATE OR REPLACE VIEW")
                assert statement.startswith(known)


def test_the_engine_follows_the_setting() -> None:
    text = "{{database}}.x ENGINE = {{ReplacingMergeTree(version)}} or {{ReplacingMergeTree()}}"
    path = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
    replicated = msgspec.structs.replace(SETTINGS, replicated=True)
    plain = "somewhere.x ENGINE = ReplacingMergeTree(version) or ReplacingMergeTree()"
    assert migrate.render(text, SETTINGS) == plain
    assert migrate.render(text, replicated) == (
        f"somewhere.x ENGINE = ReplicatedReplacingMergeTree({path}, version) "
        f"or ReplicatedReplacingMergeTree({path})"
    )


def test_nothing_is_left_unfilled() -> None:
    for migration in migrate.load():
        assert "{{" not in migrate.render(migration.text, SETTINGS)
