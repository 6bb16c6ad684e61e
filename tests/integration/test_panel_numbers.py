"""What panels and views read less for is what a plain count of the rows says."""

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from reports.grafana import queries
from reports.grafana.macros import View, expand
from schemas.settings import Settings
from sinks.clickhouse import migrate
from sinks.clickhouse.client import Store
from streams.catalog.load import load, rows_for_store
from tests.fixtures.store import running_store

_LEAST = 10
_NOW = datetime.now(UTC)
_BEGINS = _NOW - timedelta(days=30)
_EVERYBODY = {"cohort_kind": "all", "cohort": "all", "window": "7d"}
_TEAM = {**_EVERYBODY, "cohort_kind": "team", "cohort": "Alder"}
_BLOCK = 65_536


class Row(NamedTuple):
    """An event of the chosen cohort and range of time."""

    at: datetime
    source: str
    signal: str
    thing: str
    attributes: dict[str, Any]
    learner: str


def _ask(reader: Store, sql: str, variables: dict[str, str]) -> list[tuple[Any, ...]]:
    return reader.query(expand(sql, View(_BEGINS, _NOW, variables, 86_400)))


def _rows(reader: Store, variables: dict[str, str], which: str = "NOT voided") -> list[Row]:
    cohort = "" if variables["cohort"] == "all" else f"AND team = '{variables['cohort']}'"
    ends = f"toDateTime({int(_NOW.timestamp())})"
    begins = f"toDateTime({int(_BEGINS.timestamp())})"
    found = reader.query(
        "SELECT occurred_at, source, signal, object_id, attributes, learner FROM events "
        f"WHERE occurred_at >= {begins} AND occurred_at <= {ends} AND {which} {cohort}"
    )
    return [
        Row(at, source, signal, thing, json.loads(attributes or "{}"), learner)
        for at, source, signal, thing, attributes, learner in found
    ]


class Step(NamedTuple):
    """What was counted of a step: who took it, and on which walks."""

    people: set[str]
    walks: set[str]


def _counted(reader: Store, rows: list[Row]) -> dict[tuple[str, int, str], Step]:
    """(journey, place, step) -> what came there, event by event."""
    found: dict[tuple[str, int, str], Step] = {}
    for journey, place, step, walked_by, key, signals in reader.query(
        "SELECT journey, place, step, walked_by, key, signals FROM journeys FINAL WHERE NOT removed"
    ):
        taken = [row for row in rows if row.signal in signals]
        walks = {
            (row.learner if walked_by == "one" else "") + (row.attributes.get(key) or row.thing)
            for row in taken
        }
        if taken:
            found[journey, place, step] = Step({row.learner for row in taken}, walks)
    return found


@pytest.mark.parametrize("variables", [_EVERYBODY, _TEAM], ids=["everybody", "a team"])
def test_steps_of_journeys_are_what_a_plain_count_says(
    reader: Store, variables: dict[str, str]
) -> None:
    rows = _rows(reader, variables)
    counted = _counted(reader, rows)
    assert len(counted) > 10
    titles = dict(reader.query("SELECT DISTINCT journey, title FROM journeys FINAL"))
    shown = _ask(reader, queries.funnels(_LEAST), variables)
    assert {row[:3]: row[3:] for row in shown} == {
        (titles[journey], place, step): (len(each.walks), str(len(each.people)))
        if len(each.people) >= _LEAST
        else (None, "too few")
        for (journey, place, step), each in counted.items()
    }
    for journey in {journey for journey, _, _ in counted}:
        chosen = {**variables, "journey": journey}
        assert _ask(reader, queries.funnel(_LEAST), chosen) == [
            (f"{place} {step}", len(each.walks) if len(each.people) >= _LEAST else None)
            for (name, place, step), each in sorted(counted.items())
            if name == journey
        ]
        _check_days(reader, rows, chosen)


def _check_days(reader: Store, rows: list[Row], chosen: dict[str, str]) -> None:
    days: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        days[row.at.date()].append(row)
    assert [
        (time.date(), *rest) for time, *rest in _ask(reader, queries.steps(_LEAST), chosen)
    ] == sorted(
        (day, step, len(each.walks))
        for day, of_day in days.items()
        for (journey, _, step), each in _counted(reader, of_day).items()
        if journey == chosen["journey"] and len(each.people) >= _LEAST
    )


@pytest.mark.parametrize("variables", [_EVERYBODY, _TEAM], ids=["everybody", "a team"])
def test_events_and_variants_are_what_a_plain_count_says(
    reader: Store, variables: dict[str, str]
) -> None:
    rows = _rows(reader, variables)
    by_tool: dict[Any, list[str]] = defaultdict(list)
    # What came is what this panel tells: events that were taken back later came too.
    for row in _rows(reader, variables, "true"):
        by_tool[row.at.date(), row.source].append(row.learner)
    shown = _ask(reader, queries.events(_LEAST), variables)
    assert [(time.date(), source, events) for time, source, events in shown] == sorted(
        (day, source, len(learners))
        for (day, source), learners in by_tool.items()
        if len(set(learners)) >= _LEAST
    )
    variant: dict[tuple[str, str], str] = {}
    clicked: set[tuple[str, str]] = set()
    for row in rows:
        place = (row.thing.rsplit("/", 1)[-1], row.learner)
        if row.signal == "experiment.exposed":
            variant[place] = max(variant.get(place, ""), row.attributes["variant"])
        if row.signal == "experiment.clicked":
            clicked.add(place)
    groups: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for place, name in variant.items():
        groups[place[0], name].append(place in clicked)
    assert variant
    told = _ask(reader, queries.variants(_LEAST), variables)
    few = ("too few", None)
    assert [(*row[:3], row[3] and round(row[3], 9)) for row in told] == [
        (*key, *((str(len(all_)), round(sum(all_) / len(all_), 9)) if len(all_) >= _LEAST else few))
        for key, all_ in sorted(groups.items())
    ]


@pytest.fixture
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An empty store."""
    with running_store(tmp_path_factory.mktemp("store")) as process:
        migrate.run(Settings(clickhouse=process.settings), rows_for_store(load()))
        with Store(process.settings) as store:
            yield store


def _insert_events(db: Store, partition: int, offsets: set[int], learner: int = 1) -> None:
    listed = ", ".join(map(str, sorted(offsets)))
    db.command(
        "INSERT INTO events_log (event_id, occurred_at, received_at, source, signal, object_id, "
        f"learner, partition, offset) SELECT sipHash128({partition}, toInt64(o)), now64(3), "
        "now64(3), 'lms', 'content.started', toString(o % 7), "
        f"reinterpretAsFixedString(toUInt128({learner} + o % 3)), {partition}, o "
        f"FROM (SELECT arrayJoin([{listed}]) AS o)"
    )


def _set_aside(db: Store, partition: int, kind: str, offsets: set[int]) -> None:
    listed = ", ".join(map(str, sorted(offsets)))
    db.command(
        "INSERT INTO set_aside (kind, source, partition, offset, generation) "
        f"SELECT '{kind}', 'lms', {partition}, arrayJoin([{listed}]), 0"
    )


def _account(db: Store) -> tuple[int, ...]:
    [row] = db.query(
        "SELECT received, stored, dead, duplicate, opted_out, pending, difference, lost "
        "FROM conservation"
    )
    return row


def test_the_account_is_that_of_the_rows_in_whatever_blocks_they_lie(db: Store, seed: int) -> None:
    """Repeats, merges and rows that are deleted included."""
    rng = random.Random(seed)
    wanted = [0] * 8
    for partition, passed in enumerate((2 * _BLOCK + 3, _BLOCK, 40)):
        upper = passed + rng.randrange(1, _BLOCK)
        near = {
            edge + step
            for edge in (0, _BLOCK, 2 * _BLOCK, passed)
            for step in range(-9, 9)
            if 0 <= edge + step < upper
        }
        kept, dead, again, silent = (
            set(rng.sample(sorted(near), 20)) | {rng.randrange(upper) for _ in range(100)}
            for _ in range(4)
        )
        for _ in range(2):
            _insert_events(db, partition, kept)
        # A row of `set_aside` is of one kind: an offset is there once.
        again -= dead
        silent -= dead | again
        for kind, offsets in (("dead", dead), ("duplicate", again), ("opted_out", silent)):
            _set_aside(db, partition, kind, offsets)
        skipped = passed // 3
        db.command(
            "INSERT INTO marks (source, generation, partition, batch_partition, first_offset, "
            f"next_offset, skipped) VALUES ('lms', 0, {partition}, 0, 0, {passed}, {skipped})"
        )
        db.command(
            "INSERT INTO source_ends (source, generation, partition, first_offset, end_offset, "
            f"batch_partitions, seen_at) VALUES ('lms', 0, {partition}, 0, {upper}, 1, now64(3))"
        )
        dead -= kept
        silent -= kept | again
        parts = [kept, dead, again, silent]
        below = sum(each < passed for part in parts for each in part)
        difference = passed - skipped - below
        told = [upper - skipped, *map(len, parts)]
        row = [*told, told[0] - sum(told[1:]) - difference, difference, 0]
        wanted = [one + other for one, other in zip(wanted, row, strict=True)]
    assert _account(db) == tuple(wanted)
    plan = "".join(row[0] for row in db.query("EXPLAIN SELECT * FROM conservation"))
    assert "ReadFromMergeTree (coordinates)" in plan
    db.command("OPTIMIZE TABLE events_log FINAL")
    assert _account(db) == tuple(wanted)
    [(partition, offset)] = db.query(
        "SELECT partition, offset FROM events WHERE (source, partition, offset) NOT IN "
        "(SELECT source, partition, offset FROM set_aside) "
        f"AND partition = 0 AND offset < {_BLOCK} LIMIT 1"
    )
    db.command(
        f"ALTER TABLE events_log DELETE WHERE partition = {partition} AND offset = {offset} "
        "SETTINGS mutations_sync = 2"
    )
    wanted[1] -= 1
    wanted[6] += 1
    assert _account(db) == tuple(wanted)


def test_distinct_people_are_those_of_the_events_with_repeats_and_without_who_opted_out(
    db: Store,
) -> None:
    for _ in range(3):
        _insert_events(db, 0, set(range(30)))
    sql = "SELECT {}, uniqExact(object_id) FROM {}"
    assert db.query(sql.format("uniqExact(person)", "events_unmerged")) == [(3, 7)]
    assert db.query(sql.format("uniqExact(learner)", "events")) == [(3, 7)]
    db.command(
        "INSERT INTO consents (learner, opted_out, notes, removed, changed_at) "
        "VALUES (reinterpretAsFixedString(toUInt128(2)), true, false, false, now64(3))"
    )
    assert db.query(sql.format("uniqExact(person)", "events_unmerged")) == [(2, 7)]
    assert db.query(sql.format("uniqExact(learner)", "events")) == [(2, 7)]


def test_a_voided_event_is_not_counted_from_when_the_void_came(db: Store) -> None:
    """Nor its repeats; the void may come twice, before its event or after, or for nothing."""
    told = [
        "SELECT uniqExact(object_id), uniqExact(person) FROM events_unmerged",
        "SELECT uniqExact(object_id), uniqExact(learner) FROM events WHERE NOT voided",
    ]
    _void(db, 0, 1)
    for _ in range(2):
        _insert_events(db, 0, {0, 1, 2, 3})
    assert [db.query(sql) for sql in told] == [[(3, 2)]] * 2
    for turn in (0, 1):
        _void(db, 0, 2, turn)
        _void(db, 0, 99, turn)
    assert [db.query(sql) for sql in told] == [[(2, 1)]] * 2
    db.command("OPTIMIZE TABLE events_log FINAL")
    assert [db.query(sql) for sql in told] == [[(2, 1)]] * 2


def _void(db: Store, partition: int, offset: int, turn: int = 0) -> None:
    db.command(
        "INSERT INTO voids (target, asked_at, turn) "
        f"SELECT sipHash128({partition}, toInt64({offset})), now64(3), {turn}"
    )


def test_all_that_waits_for_a_repair_is_provisional_and_nothing_else(db: Store) -> None:
    db.command(
        "INSERT INTO rolling (indicator, cohort_kind, cohort, window, window_end, n, num, den, "
        "people, standing, removed, written_at, version) SELECT 'tickets_opened', 'team', cohort, "
        "'7d', toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + toIntervalDay(number), 1, 1, 0, 1, "
        "0, false, now64(3), 1 FROM numbers(20) AS days "
        "CROSS JOIN (SELECT arrayJoin(['a', 'b']) AS cohort) AS cohorts"
    )
    for first, last in ((3, 5), (5, 6), (19, 30)):
        db.command(
            "INSERT INTO repairs (indicator, cohort_kind, cohort, window, first_end, last_end, "
            "asked, asked_at, turn) SELECT 'tickets_opened', 'team', 'a', '7d', "
            f"toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + toIntervalDay({first}), "
            f"toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + toIntervalDay({last}), "
            f"{first}, now64(3), 2"
        )
    found = db.query(
        "SELECT cohort, toDayOfMonth(window_end) - 1 AS day FROM indicators WHERE provisional "
        "ORDER BY cohort, day"
    )
    assert found == [("a", day) for day in (3, 4, 5, 6, 19)]
    assert db.query("SELECT count() FROM indicators") == [(40,)]
