"""The repair list: hand-made words of the stream -> sink -> store -> repaired rows."""

import signal
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest
from confluent_kafka import Consumer

from schemas import topics
from schemas.partition import learner_partition, object_partition
from schemas.records import (
    Batch,
    Enriched,
    EnrichedEvent,
    Event,
    Indicators,
    Mark,
    Repair,
    WalkName,
    decode_batch,
)
from sinks.clickhouse.client import Store
from sinks.clickhouse.repairs import WalkAsk
from streams.catalog.load import Catalog, load, rows_for_store
from tests.fixtures.brokers import Broker
from tests.fixtures.sinking import Run
from tests.fixtures.store import running_store
from uptake.dead_letters import letters
from uptake.dead_letters.letters import Wanted
from uptake.dead_letters.replay import Result, replay
from uptake.reconcile.check import Check, Report
from uptake.repair import lists
from uptake.repair.rebuild import Rebuild, Rebuilt
from uptake.repair.service import Repairer

_DAY = 86_400_000
_BEGIN = 1_764_547_200_000
"""2025-12-01."""
_NOW = _BEGIN + 120 * _DAY
_SIGNALS = ("ticket.opened", "ticket.replied", "ticket.resolved", "ticket.reopened")
_RULES = """
[journeys.module]
title = "t"
walked_by = "one"
steps = { started = ["content.started"] }

[journeys.ticket]
title = "t"
walked_by = "several"
steps = { opened = ["ticket.opened"], replied = ["ticket.replied"], \
resolved = ["ticket.resolved"], reopened = ["ticket.reopened"] }

[indicators.tickets_opened]
title = "t"
kind = "lagging"
measure = "count"
unit = "tickets"
good = "down"
journey = "ticket"
at = ["opened"]
each = "every"
needs = "public"
description = "d"
try = "x"
"""


@pytest.fixture
def run(embedded_broker: Broker, tmp_path: Path) -> Iterator[Run]:
    """Broker, store and sink."""
    rules = tmp_path / "catalog.toml"
    rules.write_text(_RULES)
    with running_store(tmp_path / "store") as store:
        made = Run(embedded_broker, store)
        worker = msgspec.structs.replace(made.settings.worker, catalog=str(rules))
        made.settings = msgspec.structs.replace(made.settings, worker=worker)
        made.prepare(rows_for_store(load(str(rules))))
        made.start_sink()
        yield made
        made.close()


def _learner(number: int) -> bytes:
    return number.to_bytes(16, "big")


def _event(offset: int, number: int, unchecked: bool = False) -> EnrichedEvent:
    """The event of this number, as it lies at this offset of `events.ticketing`."""
    dice = Random(number)
    at = _BEGIN + dice.randrange(40 * 24 * 60) * 60_000
    who = dice.randrange(7)
    event = Event(
        1, 0, offset, 0, _NOW, number.to_bytes(16, "big"), _learner(who), at, "v",
        f"INC{dice.randrange(20)}", "t", attributes={"public": dice.random() < 0.5, "x": 1},
    )  # fmt: skip
    signal = dice.choice(_SIGNALS)
    return EnrichedEvent(event, signal, f"team {who % 3}", "", "north", True, unchecked=unchecked)


def _send(run: Run, offset: int, events: list[EnrichedEvent]) -> None:
    """One batch that holds all events of the source from `offset` on."""
    marks = [Mark(1, 0, 0, 0, offset + len(events))]
    for partition in range(3):
        stored = events if partition == 0 else []
        record = Enriched(0, partition, offset, 0, stored=stored, marks=marks)
        run.send(topics.ENRICHED, record, partition)
    run.producer.flush()


def _ask(run: Run, position: int, *asks: Repair | WalkName) -> None:
    repairs = [ask for ask in asks if isinstance(ask, Repair)]
    walks = [ask for ask in asks if isinstance(ask, WalkName)]
    run.send(topics.INDICATORS, Indicators(0, 0, position, 0, [], repairs, walks))
    run.producer.flush()


def _account(db: Store) -> tuple[int, ...]:
    found = db.query(
        "SELECT received, stored, duplicate, pending, difference FROM conservation"
        " WHERE source = 'ticketing'"
    )
    return found[0] if found else ()


def _catalog(run: Run) -> Catalog:
    return load(run.settings.worker.catalog)


def _rebuild(run: Run) -> Rebuilt:
    one = Rebuild(run.settings, _catalog(run), 60.0, False, lambda _: None)
    return one.run(None, None, "")


def _compare(run: Run) -> Report:
    return Check(run.settings, _catalog(run), _NOW, 60.0, lambda _: None).run(None, None)


def _repair(run: Run) -> int:
    return Repairer(run.settings, _catalog(run), lambda _: None).round()


def _damage(db: Store, where: str) -> int:
    """Change rows behind the stream's back, with the version that they have."""
    rows = f"FROM rolling FINAL WHERE NOT removed AND {where}"
    [(count,)] = db.query(f"SELECT count() {rows}")
    db.command(
        "INSERT INTO rolling SELECT indicator, cohort_kind, cohort, window, window_end, n + 1, num,"
        f" den, people, standing, removed, written_at, version {rows}"
    )
    return int(count)


def test_an_event_before_the_horizon_is_new_or_a_duplicate(run: Run) -> None:
    _send(run, 0, [_event(number, number) for number in range(200)])
    old = [200, 5, 201, 201, 17, 202, 5]
    _send(run, 200, [_event(200 + n, number, True) for n, number in enumerate(old)])
    run.until(lambda db: _account(db) == (207, 203, 4, 0, 0))
    run.end_sink(signal.SIGKILL)
    run.start_sink()
    _send(run, 207, [_event(207, 201, True), _event(208, 208, True)])
    run.until(lambda db: _account(db) == (209, 204, 5, 0, 0))
    with Store(run.store.settings) as db:
        assert db.query("SELECT count(), uniqExact(event_id) FROM events") == [(204, 204)]
        found = db.query("SELECT offset, first_offset FROM duplicates ORDER BY offset")
    assert found == [(201, 5), (203, 202), (204, 17), (206, 5), (207, 202)]


def test_what_is_on_the_list_is_repaired_and_nothing_else(run: Run) -> None:
    _send(run, 0, [_event(number, number) for number in range(150)])
    run.until(lambda db: _account(db) == (150, 150, 0, 0, 0))
    rows = _rebuild(run).differing
    assert rows > 400
    with Store(run.store.settings) as db:
        _check_repairs(run, db, rows)
        _check_walks(run, db)
        _check_recall(run, db)


def test_rows_recounted_without_a_refused_event_are_right_when_it_is_inserted(run: Run) -> None:
    with Store(run.store.settings) as db:
        db.command("ALTER TABLE events_log ADD CONSTRAINT c CHECK offset % 8 != 5")
        _send(run, 0, [_event(number, number) for number in range(150)])
        run.until(lambda db: _account(db) == (150, 131, 0, 0, 0))
        db.command("ALTER TABLE events_log DROP CONSTRAINT c")
        _rebuild(run)
        assert _compare(run).differing == 0
        run.until(lambda db: db.query("SELECT count() FROM dead_letters") == [(19,)])
        refused = [each.letter for each in letters.find(db, Wanted(stage="sink"), 99)]
        told = replay(run.settings, db, refused, "re-insert", 0.0, lambda _: None)
        assert told == Result(stored=19)
        assert _account(db) == (150, 150, 0, 0, 0)
    while _repair(run):
        pass
    report = _compare(run)
    assert (report.differing, report.waiting) == (0, 0)


def test_a_rebuild_ends_while_walks_are_called_back_all_the_time(run: Run) -> None:
    """At each look another walk is open, as when late events of forgotten walks keep coming."""
    _send(run, 0, [_event(number, number) for number in range(150)])
    run.until(lambda db: _account(db) == (150, 150, 0, 0, 0))
    assert _rebuild(run).differing > 400
    with Store(run.store.settings) as db:
        one = "tickets_opened"
        damaged = _damage(db, f"window = '1d' AND cohort_kind = 'team' AND indicator = '{one}'")
        opened = 0

        def tick(_: str) -> None:
            nonlocal opened
            _repair(run)
            opened += 1
            ask = WalkAsk("ticket", f"late {opened}", "", False, opened, _NOW + opened)
            lists.ask_walks(db, [ask])

        tick("")
        done = Rebuild(run.settings, _catalog(run), 20.0, False, tick).run(None, None, one)
        assert (done.differing, done.moving) == (damaged, 0)
        assert opened > 1
        assert db.query("SELECT countIf(outcome = '') FROM recalls FINAL") == [(1,)]
        _repair(run)
    assert _compare(run).equal


def _check_repairs(run: Run, db: Store, rows: int) -> None:
    first, last = _BEGIN + 10 * _DAY, _BEGIN + 20 * _DAY
    series = "indicator = 'tickets_opened' AND cohort_kind = 'team' AND cohort = 'team 1'"
    ends = f"window_end BETWEEN toDateTime({first // 1000}) AND toDateTime({last // 1000})"
    asked = f"{series} AND window = '1h' AND {ends}"
    listed = _damage(db, asked)
    other = _damage(db, f"{series} AND window = '28d' AND {ends}")
    db.command(
        "INSERT INTO rolling VALUES ('tickets_opened', 'team', 'team 1', '1h',"
        f" toDateTime64({first // 1000 + 86_400 * 5 + 7}, 3), 1, 1, 0, 1, 0, false, now(), 3)"
    )
    assert listed > 5
    assert other > 3
    _ask(run, 1, Repair("tickets_opened", "team", "team 1", "1h", first, last))
    run.until(lambda db: db.query("SELECT count() FROM repairs_open") == [(1,)])

    provisional = db.query(f"SELECT count(), countIf(provisional) FROM indicators WHERE {asked}")
    assert provisional == [(listed + 1, listed + 1)]
    assert db.query("SELECT countIf(provisional) FROM indicators") == [(listed + 1,)]
    report = _compare(run)
    assert (report.differing, report.waiting) == (other, listed + 1)

    assert _repair(run) == 1
    assert db.query("SELECT countIf(provisional) FROM indicators") == [(0,)]
    assert db.query("SELECT outcome FROM repairs FINAL") == [("done",)]
    report = _compare(run)
    assert (report.rows, report.differing, report.waiting) == (rows, other, 0)
    assert _rebuild(run).differing == other
    assert _repair(run) == 0


def _check_walks(run: Run, db: Store) -> None:
    """A walk whose rows are to be repaired: those of its journey, cohorts and time."""
    [(key, first, last)] = db.query(
        "SELECT object_id, min(occurred_at), max(occurred_at) FROM events GROUP BY object_id"
        " HAVING count() > 5 ORDER BY object_id LIMIT 1"
    )
    where = f"window = '1d' AND cohort_kind = 'region' AND window_end > '{first}' "
    damaged = _damage(db, f"{where} AND window_end <= '{last}' AND indicator LIKE 'tickets_%'")
    assert damaged > 0
    _ask(run, 2, WalkName("ticket", key, b"", recall=False))
    run.until(lambda db: db.query("SELECT countIf(outcome = '') FROM recalls FINAL") == [(1,)])
    assert _repair(run) > 1
    assert db.query("SELECT count() FROM repairs_open") == [(0,)]
    assert _compare(run).equal


def _check_recall(run: Run, db: Store) -> None:
    """Walks that are to come back lie on the right partition, with their steps in order."""
    [(key, count)] = db.query("SELECT object_id, count() FROM events GROUP BY 1 ORDER BY 1 LIMIT 1")
    asks = [
        WalkName("ticket", key, b"", True),
        WalkName("module", "nothing known", _learner(3), True),
    ]
    _ask(run, 3, *asks, WalkName("no such journey", "k", b"", True))
    run.until(lambda db: db.query("SELECT countIf(outcome = '') FROM recalls FINAL") == [(3,)])
    assert _repair(run) == 3
    ends = "SELECT journey, outcome FROM recalls FINAL WHERE recall ORDER BY journey"
    assert db.query(ends) == [
        ("module", "done"), ("no such journey", "impossible"), ("ticket", "done"),
    ]  # fmt: skip
    found = {
        walk.journey: (partition, walk)
        for partition, batch in _batches(run, 2)
        for walk in batch.recalled
    }
    partition, ticket = found["ticket"]
    assert (partition, ticket.key) == (object_partition("ticket", key, 3), key)
    assert len(ticket.steps) == count
    order = [(step.occurred_at, step.event_id) for step in ticket.steps]
    assert order == sorted(order)
    for step in ticket.steps:
        whole = _event(0, int.from_bytes(step.event_id, "big"))
        assert (step.occurred_at, step.learner) == (whole.event.occurred_at, whole.event.learner)
        assert f"ticket.{step.step}" == whole.signal
        assert (step.cohort.team, step.cohort.region, step.cohort.eligible) == (
            whole.team, "north", True,
        )  # fmt: skip
        assert step.attributes == {"public": whole.event.attributes["public"]}
    partition, module = found["module"]
    assert (partition, module.steps) == (learner_partition(_learner(3), 3), [])


def _batches(run: Run, wanted: int) -> Iterator[tuple[int, Batch]]:
    """What the repair process wrote to `uptake.batches`, with its partition."""
    reader = Consumer(
        {
            "bootstrap.servers": run.settings.kafka.bootstrap,
            "group.id": "test",
            "auto.offset.reset": "earliest",
        }
    )
    reader.subscribe([topics.BATCHES])
    try:
        walks = 0
        while walks < wanted:
            [message] = reader.consume(1, timeout=30)
            value, partition = message.value(), message.partition()
            assert value is not None
            assert partition is not None
            batch = decode_batch(value)
            walks += len(batch.recalled)
            yield partition, batch
    finally:
        reader.close()
