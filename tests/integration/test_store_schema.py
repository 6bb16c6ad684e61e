"""Migrations, and what the views say, on the embedded store."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from schemas.records import (
    Coordinates,
    DeadOutcome,
    Duplicate,
    Enriched,
    EnrichedEvent,
    Event,
    IndicatorRow,
    Indicators,
    LearnerEntry,
    Mark,
)
from schemas.settings import Settings
from sinks.clickhouse import migrate, rows, tables
from sinks.clickhouse.client import Store
from tests.fixtures.store import StoreProcess, running_store

NOW = time.time_ns() // 1_000_000
DAY = 86_400_000


def indicator(name: str, measure: str, scale: float = 1.0) -> dict[str, Any]:
    return {
        "indicator": name, "title": name.title(), "kind": "leading", "measure": measure,
        "unit": "share", "good": "up", "scale": scale, "settle_ms": 5 * DAY, "description": "x",
        "advice": "y", "board": 0, "breakdowns": [],
    }  # fmt: skip


CATALOG = [
    indicator("a_count", "count"),
    indicator("a_people", "people"),
    indicator("a_share", "share_of_eligible"),
    indicator("a_rate", "rate"),
    indicator("a_mean", "mean", 0.5),
]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    """One store for this file."""
    with running_store(tmp_path_factory.mktemp("store")) as found:
        yield found


@pytest.fixture
def settings(process: StoreProcess, request: pytest.FixtureRequest) -> Settings:
    """A database of its own for each test."""
    name = f"t{random.getrandbits(48)}"
    return Settings(clickhouse=msgspec.structs.replace(process.settings, database=name))


@pytest.fixture
def db(settings: Settings) -> Iterator[Store]:
    """A migrated database."""
    migrate.run(settings, {"catalog": CATALOG})
    with Store(settings.clickhouse) as store:
        yield store


def event(offset: int, occurred_at: int = NOW, **changes: Any) -> EnrichedEvent:
    plain = Event(
        2,
        0,
        offset,
        0,
        NOW,
        offset.to_bytes(16, "big"),
        bytes([7] * 16),
        occurred_at,
        "v",
        "o",
        "t",
    )
    for name, value in changes.items():
        setattr(plain, name, value)
    return EnrichedEvent(plain, "video.played", "team", "manager", "region", True)


def put(db: Store, *records: Enriched) -> None:
    """Insert all that records say, in one go."""
    db.insert("set_aside", rows.set_aside(records))
    db.insert("events_log", rows.events(records))
    db.insert("marks", rows.marks(records))
    db.insert("learners", rows.learners(records))


def end(db: Store, source: str, end_offset: int, generation: int = 0, partitions: int = 1) -> None:
    row = (source, generation, 0, 0, end_offset, partitions, NOW)
    db.insert("source_ends", [[value] for value in row])


# ---- migrations


def test_the_database_is_what_the_code_expects(db: Store) -> None:
    found: dict[str, dict[str, str]] = {}
    sql = "SELECT table, name, type FROM system.columns WHERE database = currentDatabase()"
    for table, name, kind in db.query(sql):
        found.setdefault(table, {})[name] = kind
    assert {name: found[name] for name in tables.EXPECTED} == tables.EXPECTED
    assert set(found) == set(tables.EXPECTED) | set(tables.VIEWS)


def test_every_table_and_column_has_a_comment(db: Store) -> None:
    for name, comment in db.query(
        "SELECT name, comment FROM system.tables WHERE database = currentDatabase()"
    ):
        assert comment.startswith("One row a"), name
    bare = db.query(
        "SELECT table, name FROM system.columns "
        "WHERE database = currentDatabase() AND length(comment) < 5 AND NOT (name = 'x')"
    )
    assert bare == []


@pytest.mark.parametrize("view", tables.VIEWS)
def test_views_give_the_types_they_declare(db: Store, view: str) -> None:
    given = {row[0]: row[1] for row in db.query(f"DESCRIBE (SELECT * FROM {view})")}
    sql = (
        "SELECT name, type FROM system.columns "
        "WHERE database = currentDatabase() AND table = {t:String}"
    )
    assert given == dict(db.query(sql, {"t": view}))
    assert db.query(f"SELECT * FROM {view}") == []


def test_migrating_twice_changes_nothing(settings: Settings, db: Store) -> None:
    assert migrate.pending(settings) == []
    assert migrate.run(settings, {"catalog": CATALOG}) == []
    versions = [migration.version for migration in migrate.load()]
    assert db.query("SELECT arraySort(groupArray(version)) FROM schema_versions")[0][0] == versions


def test_a_migration_that_was_cut_off_is_done_again(settings: Settings, db: Store) -> None:
    db.command("TRUNCATE TABLE schema_versions")
    put(db, Enriched(0, 0, 0, 0, stored=[event(0)]))
    assert migrate.run(settings, {"catalog": CATALOG}) == [
        migration.version for migration in migrate.load()
    ]
    assert db.query("SELECT count() FROM events") == [(1,)]


def test_a_fresh_server_lacks_everything(settings: Settings) -> None:
    assert migrate.pending(settings) == [migration.version for migration in migrate.load()]


def test_a_newer_database_is_refused(settings: Settings, db: Store) -> None:
    db.insert("schema_versions", [[9_999], ["x"], ["x"], ["x"], [NOW]])
    with pytest.raises(migrate.DatabaseNewer, match="9999"):
        migrate.run(settings, {"catalog": CATALOG})


def test_a_changed_migration_is_refused(settings: Settings, db: Store) -> None:
    db.insert("schema_versions", [[1], ["tables"], ["other"], ["x"], [NOW + DAY]])
    with pytest.raises(migrate.MigrationChanged, match="0001_tables"):
        migrate.run(settings, {"catalog": CATALOG})


def test_lifetimes_follow_the_settings(settings: Settings, db: Store) -> None:
    def lifetime(table: str) -> str:
        sql = (
            "SELECT extract(create_table_query, 'toIntervalDay[(][0-9]+[)]') FROM system.tables "
            "WHERE database = currentDatabase() AND name = {t:String}"
        )
        return str(db.query(sql, {"t": table})[0][0])

    assert (lifetime("events_log"), lifetime("dead_letters_log")) == ("", "toIntervalDay(30)")
    changed = msgspec.structs.replace(settings.clickhouse, events_days=90, dead_letters_days=0)
    migrate.run(msgspec.structs.replace(settings, clickhouse=changed), {"catalog": CATALOG})
    assert (lifetime("events_log"), lifetime("dead_letters_log")) == ("toIntervalDay(90)", "")
    old = event(1, received_at=NOW - 91 * DAY)
    put(db, Enriched(0, 0, 0, 0, stored=[event(0), old]))
    db.command("OPTIMIZE TABLE events_log FINAL")
    assert db.query("SELECT offset FROM events") == [(0,)]


def test_no_table_is_altered_without_room(
    settings: Settings, db: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = msgspec.structs.replace(settings.clickhouse, events_days=90)
    longer = msgspec.structs.replace(settings, clickhouse=changed)
    made = "SELECT create_table_query FROM system.tables WHERE database = currentDatabase()"
    before = db.query(made)
    with monkeypatch.context() as full:
        full.setattr(migrate, "LEAST_FREE_BYTES", 1 << 62)
        with pytest.raises(migrate.NoRoom, match="MiB free, expected at least"):
            migrate.run(longer, {"catalog": CATALOG})
    assert db.query(made) == before
    migrate.run(longer, {"catalog": CATALOG})
    assert db.query(made) != before


def test_an_indicator_that_left_the_catalog_is_not_shown(settings: Settings, db: Store) -> None:
    put_values(db, "a_rate", 1, 2)
    assert len(db.query("SELECT * FROM indicators")) == 1
    migrate.run(settings, {"catalog": CATALOG[:2]})
    assert db.query("SELECT * FROM indicators") == []
    migrate.run(settings, {"catalog": CATALOG})
    assert len(db.query("SELECT * FROM indicators")) == 1


# ---- events


def test_an_event_comes_back_whole(db: Store) -> None:
    attributes = {"n": 1, "x": 1.0, "ok": False, "t": "ä'\\\n", "big": 2**53 + 1, "small": 1e-300}
    sent = event(3, success=False, score=-0.25, duration_ms=0, attributes=attributes, parent="p")
    put(db, Enriched(5, 2, 9, 0, stored=[sent]))
    names = (
        "score, success, completion, duration_ms, parent, eligible, batch_generation, attributes"
    )
    ((event_id, learner, topic, *rest, text),) = db.query(
        f"SELECT event_id, learner, topic, {names} FROM events"
    )
    assert event_id == UUID(int=3)
    assert (learner, topic) == ("07" * 16, "events.lms")
    assert rest == [-0.25, False, None, 0, "p", True, 5]
    back = rows.attributes_of(text)
    assert back == attributes
    assert list(map(type, back.values())) == list(map(type, attributes.values()))


def test_ids_read_as_they_were_sent(db: Store) -> None:
    known = UUID("9dc99b37-e920-4a68-a066-917faca28949")
    put(db, Enriched(0, 0, 0, 0, stored=[event(0, event_id=known.bytes)]))
    assert db.query("SELECT event_id, toString(event_id) FROM events") == [(known, str(known))]
    assert db.query(f"SELECT count() FROM events WHERE event_id = '{known}'") == [(1,)]


def test_a_repeated_insert_is_one_row_before_any_merge(db: Store) -> None:
    db.command("SYSTEM STOP MERGES events_log")
    record = Enriched(0, 0, 0, 0, stored=[event(n) for n in range(5)], marks=[Mark(2, 0, 0, 0, 5)])
    for _ in range(3):
        put(db, record)
    assert db.query("SELECT count() FROM events_log") == [(15,)]
    assert db.query("SELECT count() FROM events") == [(5,)]
    assert db.query("SELECT events FROM events_per_hour") == [(5,)]
    assert db.query("SELECT stored FROM conservation") == [(5,)]


@pytest.mark.parametrize("year", [1970, 1999, 2014, 2015, 2024, 2034, 2035, 2100])
def test_years_from_1970_to_2100(db: Store, year: int) -> None:
    moment = datetime(year, 1, 1, tzinfo=UTC)
    put(db, Enriched(0, 0, 0, 0, stored=[event(0, int(moment.timestamp() * 1000))]))
    assert db.query("SELECT occurred_at, toYear(occurred_at) FROM events") == [
        (moment.replace(tzinfo=None), year)
    ]
    assert db.query("SELECT hour FROM events_per_hour") == [(moment.replace(tzinfo=None),)]
    assert db.query("SELECT day FROM learners_active") == [(moment.date(),)]


def test_far_apart_dates_go_in_at_once(db: Store) -> None:
    span = int(datetime(2100, 12, 31, tzinfo=UTC).timestamp() * 1000)
    spread = [event(n, n * span // 5_000) for n in range(5_000)]
    put(db, Enriched(0, 0, 0, 0, stored=spread))
    assert db.query("SELECT count() FROM events") == [(5_000,)]
    parts = "SELECT uniqExact(partition) FROM system.parts WHERE active AND table = 'events_log' "
    assert db.query(parts + "AND database = currentDatabase()")[0][0] < 300


def test_questions_by_source_signal_and_time_read_little(db: Store) -> None:
    day = [event(n, NOW - NOW % DAY + n * 400) for n in range(200_000)]
    put(db, Enriched(0, 0, 0, 0, stored=day))
    plan = "\n".join(
        row[0]
        for row in db.query(
            "EXPLAIN indexes = 1 SELECT count() FROM events WHERE source = 'lms' "
            "AND signal = 'video.played' AND occurred_at >= toStartOfDay(now()) "
            "AND occurred_at < toStartOfDay(now()) + INTERVAL 1 HOUR"
        )
    )
    read, _, all_granules = plan.rpartition("Granules: ")[2].split()[0].partition("/")
    assert int(read) < int(all_granules) / 4


# ---- conservation


def conservation(db: Store) -> dict[str, tuple[int, ...]]:
    """Source -> received, stored, dead, duplicate, pending, difference, lost."""
    return {
        row[0]: tuple(row[1:]) for row in db.query("SELECT * EXCEPT opted_out FROM conservation")
    }


def test_conservation_adds_up_in_every_state(db: Store) -> None:
    end(db, "lms", 10, partitions=2)
    assert conservation(db) == {"lms": (10, 0, 0, 0, 10, 0, 0)}
    first = Enriched(
        0, 0, 0, 0, stored=[event(0), event(2)],
        duplicates=[Duplicate(2, 0, 1, 0, NOW, bytes(16), Coordinates(2, 0, 0, 0))],
    )  # fmt: skip
    put(db, first)
    assert conservation(db) == {"lms": (10, 2, 0, 1, 7, 0, 0)}
    put(db, msgspec.structs.replace(first, marks=[Mark(2, 0, 0, 0, 5)]))
    assert conservation(db) == {"lms": (10, 2, 0, 1, 7, 0, 0)}
    second = Enriched(
        0, 1, 0, 0, stored=[event(3)], dead=[DeadOutcome(2, 0, 4, 0, NOW, "bad")],
        marks=[Mark(2, 0, 0, 0, 5)],
    )  # fmt: skip
    put(db, second)
    assert conservation(db) == {"lms": (10, 3, 1, 1, 5, 0, 0)}
    rest = [event(n) for n in range(5, 10)]
    put(db, Enriched(0, 0, 1, 0, stored=rest, marks=[Mark(2, 0, 0, 0, 10)]))
    put(db, Enriched(0, 1, 1, 0, marks=[Mark(2, 0, 0, 0, 10)]))
    assert conservation(db) == {"lms": (10, 8, 1, 1, 0, 0, 0)}


def test_a_lost_event_shows(db: Store) -> None:
    put(db, Enriched(0, 0, 0, 0, stored=[event(0), event(2)], marks=[Mark(2, 0, 0, 0, 3)]))
    end(db, "lms", 3)
    assert conservation(db) == {"lms": (3, 2, 0, 0, 0, 1, 0)}


def test_offsets_without_an_event_are_not_missed(db: Store) -> None:
    stored = [event(5), event(8)]
    put(db, Enriched(0, 0, 0, 0, stored=stored, marks=[Mark(2, 0, 0, 5, 9, 2)]))
    end(db, "lms", 9)
    assert conservation(db) == {"lms": (2, 2, 0, 0, 0, 0, 0)}


def test_an_end_that_the_broker_tells_too_low_does_no_harm(db: Store) -> None:
    end(db, "lms", 1)
    put(db, Enriched(0, 0, 0, 0, stored=[event(n) for n in range(4)], marks=[Mark(2, 0, 0, 0, 4)]))
    assert conservation(db) == {"lms": (4, 4, 0, 0, 0, 0, 0)}


def test_what_an_earlier_life_of_the_log_lost_is_told_apart(db: Store) -> None:
    """Nothing of it can still come."""
    put(db, Enriched(0, 0, 0, 0, stored=[event(0)], marks=[Mark(2, 0, 0, 0, 1)]))
    end(db, "lms", 3)
    assert conservation(db) == {"lms": (3, 1, 0, 0, 2, 0, 0)}
    end(db, "lms", 0, generation=1)
    assert conservation(db) == {"lms": (3, 1, 0, 0, 0, 0, 2)}
    again = event(0, generation=1)
    put(db, Enriched(1, 0, 0, 0, stored=[again], marks=[Mark(2, 0, 1, 0, 1)]))
    assert conservation(db) == {"lms": (4, 2, 0, 0, 0, 0, 2)}


# ---- indicators


def put_values(
    db: Store, name: str, num: int, den: int, people: int = 3, standing: int = 4, **more: Any
) -> None:
    row = IndicatorRow(
        name, "all", "", more.pop("window", "7d"), more.pop("window_end", NOW - DAY),
        1, num, den, people, standing, more.pop("removed", False),
    )  # fmt: skip
    assert not more.keys() - {"position"}
    record = Indicators(0, 0, more.get("position", 1), NOW, [row])
    db.insert("rolling", rows.rolling([record]))


@pytest.mark.parametrize(
    ("num", "den", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (45, 120, 0.2935, 0.4642),
        (1, 5, 0.0362, 0.6245),
    ],
)
def test_wilson_intervals(db: Store, num: int, den: int, low: float, high: float) -> None:
    put_values(db, "a_rate", num, den)
    put_values(db, "a_share", 0, 0, people=num, standing=den)
    for row in db.query("SELECT value, numerator, denominator, low, high FROM indicators"):
        assert row[:3] == (num / den, num, den)
        assert row[3:] == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_values_by_measure(db: Store) -> None:
    for name in ("a_count", "a_people", "a_share", "a_rate", "a_mean"):
        put_values(db, name, 6, 8)
    found = db.query(
        "SELECT indicator, value, numerator, denominator, isNull(low), people FROM indicators "
        "ORDER BY indicator"
    )
    assert found == [
        ("a_count", 6.0, 6.0, None, 1, 3),
        ("a_mean", 0.375, 3.0, 8.0, 1, 3),
        ("a_people", 3.0, 3.0, None, 1, 3),
        ("a_rate", 0.75, 6.0, 8.0, 0, 3),
        ("a_share", 0.75, 3.0, 4.0, 0, 3),
    ]


def test_nothing_to_divide_by_is_null(db: Store) -> None:
    put_values(db, "a_rate", 0, 0)
    put_values(db, "a_mean", 0, 0)
    for row in db.query("SELECT value, denominator, low, high FROM indicators"):
        assert row == (None, 0.0, None, None)


def test_the_newest_version_counts_before_any_merge(db: Store) -> None:
    db.command("SYSTEM STOP MERGES rolling")
    for position, num in ((2, 20), (5, 50), (3, 30)):
        put_values(db, "a_count", num, 0, position=position)
    assert db.query("SELECT value FROM indicators") == [(50.0,)]
    put_values(db, "a_count", 0, 0, position=6, removed=True)
    assert db.query("SELECT value FROM indicators") == []


@pytest.mark.parametrize(
    ("window", "ahead", "shown"),
    [("1h", 30_000, True), ("1h", 90_000, False), ("1d", 3_500_000, True), ("1d", 3_700_000, False),
     ("7d", DAY - 60_000, True), ("28d", DAY + 60_000, False)],
)  # fmt: skip
def test_only_slides_that_have_begun_are_shown(
    db: Store, window: str, ahead: int, shown: bool
) -> None:
    now = time.time_ns() // 1_000_000
    put_values(db, "a_count", 1, 0, window=window, window_end=now + ahead)
    assert len(db.query("SELECT * FROM indicators")) == shown


def test_values_are_provisional_until_they_settle(db: Store) -> None:
    for age in (4, 6):
        put_values(db, "a_rate", 1, 2, window_end=NOW - age * DAY)
    found = db.query("SELECT provisional FROM indicators ORDER BY window_end DESC")
    assert found == [(True,), (False,)]
    assert db.query("SELECT provisional FROM indicator_latest") == [(True,)]


# ---- others


def test_directory_shows_the_newest_line(db: Store) -> None:
    lines = [
        LearnerEntry(bytes([number] * 16), team=team, changed_at=changed, removed=team == "")
        for number, team, changed in ((1, "new", 2), (1, "old", 1), (2, "a", 1), (2, "", 2))
    ]
    for line in lines:
        put(db, Enriched(0, 0, 0, 0, learners=[line]))
    assert db.query("SELECT learner, team FROM directory") == [("01" * 16, "new")]


def test_freshness_counts_what_was_stored(db: Store) -> None:
    now = int(time.time() * 1000)
    put(db, Enriched(0, 0, 0, 0, stored=[event(n, received_at=now - 2_000) for n in range(10)]))
    rows_ = db.query("SELECT source, events, p50, longest FROM freshness")
    assert sum(row[1] for row in rows_) == 10
    assert all(row[0] == "lms" and row[2] >= 2 and row[3] < 600 for row in rows_)


def test_replicated_engines_are_only_named(tmp_path: Path, settings: Settings) -> None:
    """One node has no Keeper: the statements must at least be read."""
    replicated = msgspec.structs.replace(settings.clickhouse, replicated=True)
    with Store(settings.clickhouse, database="default") as store:
        for migration in migrate.load():
            for statement in migrate.statements(migration.text):
                store.query(f"EXPLAIN AST {migrate.render(statement, replicated)}")
