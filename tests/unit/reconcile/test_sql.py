"""The recount in SQL says what two other implementations say: the test recount of the bundled
catalog, and the stream's own journeys for a catalog that uses every rule."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from schemas.records import Attribute, Cohort
from schemas.records import Event as Packed
from schemas.topics import SOURCES
from streams.catalog.load import Catalog, load
from streams.model.facts import facts_of
from streams.model.journeys import Walk, WalkedStep, add_step, compile_journeys, steps_by_signal
from tests.recount.chdb_query import run_apart
from tests.recount.contributions import Cohorts, Event, not_voided
from tests.recount.recount import DAY, HOUR, Key, Listed, recount
from tests.unit.recount.timeline import SIGNALS
from uptake.reconcile.contributions import Times, contributions, groups
from uptake.reconcile.sql import WINDOWS, Span, Window, comparison, differences
from uptake.reconcile.sql import recount as recount_sql

pytest.importorskip("chdb")

PRACTICE = [
    *("nudge.shown", "nudge.opened", "nudge.acted", "nudge.dismissed", "deal.updated"),
    *("challenge.offered", "challenge.checked", "challenge.recalled", "feedback.given"),
    *("roleplay.assigned", "roleplay.submitted", "suggestion.offered", "suggestion.tried"),
    *("suggestion.reported", "experiment.exposed", "experiment.clicked", "experiment.completed"),
    "experiment.applied",
]
LEARNERS: dict[str, Cohorts] = {
    "ann": {"team": "red", "manager": "mo", "region": "north", "eligible": True},
    "bob": {"team": "red", "manager": "mo", "region": "", "eligible": False},
    "cid": {"team": "blue", "manager": "", "region": "north", "eligible": True},
    "dan": {"team": "", "manager": "", "region": "", "eligible": True},
}
EVENTS = (
    "event_id UUID, occurred_at DateTime64(3, 'UTC'), received_at DateTime64(3, 'UTC'), "
    "generation UInt32, partition Int32, offset Int64, signal LowCardinality(String), "
    "object_id String, learner String, attributes String, team LowCardinality(String), "
    "manager LowCardinality(String), region LowCardinality(String), eligible Bool, "
    "source LowCardinality(String), parent String, module LowCardinality(String), "
    "success Nullable(Bool), completion Nullable(Bool), voided Bool"
)
DIRECTORY = (
    "learner String, since DateTime64(3, 'UTC'), team LowCardinality(String), "
    "manager LowCardinality(String), region LowCardinality(String), eligible Bool"
)
ROLLING = (
    "indicator LowCardinality(String), cohort_kind LowCardinality(String), cohort "
    "LowCardinality(String), window LowCardinality(String), window_end DateTime64(3, 'UTC'), "
    "n Int64, num Int64, den Int64, people Int64, standing Int64, removed Bool, version UInt64"
)
REPAIRS_OPEN = (
    "indicator LowCardinality(String), cohort_kind LowCardinality(String), cohort "
    "LowCardinality(String), window LowCardinality(String), first_end DateTime64(3, 'UTC'), "
    "last_end DateTime64(3, 'UTC')"
)
RULES = """
[journeys.case]
title = "t"
walked_by = "several"
steps = { open = ["ticket.opened"], again = ["ticket.reopened", "ticket.opened"], \
"it's done" = ["ticket.resolved", "ticket.closed"], said = ["ticket.replied"] }

[journeys.way]
title = "t"
walked_by = "one"
steps = { open = ["ticket.opened"], done = ["ticket.resolved"] }

[journeys.elsewhere]
title = "t"
walked_by = "one"
key = "moment"
steps = { open = ["ticket.opened"], done = ["ticket.resolved"] }
"""
INDICATOR = """
[indicators.{name}]
title = "t"
kind = "leading"
unit = "{unit}"
good = "up"
description = "d"
try = "x"
measure = "{measure}"
{more}
"""
MORE = {
    "every_open": 'journey = "case"\nat = ["open", "again"]\neach = "every"',
    "episodes": 'journey = "case"\nat = ["it\'s done"]\neach = "episode"\n'
    'resets = ["open", "again"]',
    "both": 'journey = "case"\nat = ["again", "said"]\neach = "episode"\nresets = ["again"]',
    "needy": 'journey = "case"\nat = ["said"]\neach = "episode"\nresets = ["open"]\n'
    'needs = "public"',
    "way_first": 'journey = "way"\nat = ["done", "open"]',
    "voided": 'signals = ["voided"]',
    "moved": 'journey = "elsewhere"\nat = ["open"]\neach = "every"\n'
    'by = ["tool", "object+placement", "success", "module", "nowhere"]',
    "fast": 'journey = "elsewhere"\nat = ["open"]\ndelay = { step = "done", within = "90m" }\n'
    'by = ["delay", "tool+delay"]',
    "lucky": 'journey = "case"\nat = ["said"]\nneeds = "success"\neach = "every"\n'
    'among.attribute = { name = "tool", equals = "crm" }',
}
RATES = {
    "follows": 'followed_by = { step = "it\'s done", within = "3d" }',
    "quiet": 'not_followed_by = { step = "again", within = "30m" }',
    "itself": 'not_followed_by = { step = "open", within = "1d" }',
    "all_rules": 'is = ["said"]\nsuccess.at_most_before = { step = "said", count = 2 }\n'
    'success.attribute = { name = "public", equals = 1 }',
    "whole_number": 'attribute = { name = "public", equals = 1.0 }',
    "text": 'attribute = { name = "public", equals = "it\'s" }',
    "near": 'near = { step = "it\'s done", before = "1d", after = "7h" }',
    "in_time": 'followed_until = { step = "said", attribute = "due" }\n'
    'among.followed_by = { step = "said", within = "20d" }',
    "answered": 'attribute = { name = "success", equals = true }',
    "where": 'at_most_before = { step = "open", count = 0, where = { name = "public", '
    "equals = true } }",
}


def _catalog(folder: Path) -> Catalog:
    parts = [RULES]
    for name, more in MORE.items():
        parts.append(INDICATOR.format(name=name, measure="count", unit="u", more=more))
    for name, rule in RATES.items():
        more = f'journey = "case"\nat = ["open", "said"]\neach = "every"\nsuccess.{rule}'
        parts.append(INDICATOR.format(name=name, measure="rate", unit="u", more=more))
    for each in ("first", "every"):
        more = f'journey = "case"\nat = ["it\'s done"]\neach = "{each}"\nsince = "open"'
        parts.append(INDICATOR.format(name=f"lasts_{each}", measure="mean", unit="days", more=more))
    file = folder / "catalog.toml"
    file.write_text("\n".join(parts))
    return load(str(file))


def _events(rng: Random, count: int = 2_500) -> Iterator[Event]:
    """Few objects and coarse times, so that everything meets."""
    values: list[Attribute] = [True, False, 1, 1.0, "it's", 0]
    none: dict[str, Attribute] = {}
    for _ in range(count):
        learner = rng.choice(list(LEARNERS))
        yield {
            "event_id": rng.randbytes(16),
            "occurred_at": rng.randrange(40) * DAY + rng.randrange(4) * 7 * HOUR + rng.randrange(3),
            "learner": learner,
            "cohort": LEARNERS[learner],
            "signal": rng.choice([*SIGNALS.values(), *PRACTICE, "voided"]),
            "object": f"thing {rng.randrange(20)}",
            "attributes": {
                **rng.choice([none, {"sla_met": rng.random() < 0.5}, _one("public", rng, values)]),
                **rng.choice([none, _facts(rng)]),
            },
            "tool": rng.choice(["crm", "ticketing"]),
            "module": rng.choice(["", "m 1", "m 2"]),
            "success": rng.choice([None, True, False]),
        }


def _taken_back(events: Sequence[Event]) -> Iterator[Event]:
    for event in events:
        named = {"voids": str(UUID(bytes=event["event_id"]))}
        yield {**event, "event_id": uuid4().bytes, "signal": "voided", "attributes": named}


_FACTS: dict[str, list[Attribute]] = {
    "placement": ["sidebar", "it's", "", 7, 1.5, True],
    "prompt": ["a", "b"],
    "kind": ["social", "curiosity"],
    "variant": ["new", "control"],
    "well_written": [True, False],
    "moment": ["thing 1", "thing 2", "", 3],
    "due": [10 * DAY, 30 * DAY, "soon", 1.5],
}


def _one(name: str, rng: Random, values: list[Attribute]) -> dict[str, Attribute]:
    return {name: rng.choice(values)}


def _facts(rng: Random) -> dict[str, Attribute]:
    """What nudges, challenges and the like carry, and what they ought not to."""
    return {name: rng.choice(values) for name, values in _FACTS.items()}


def _row(number: int, event: Event, gone: set[bytes], received_at: int = 0) -> dict[str, object]:
    return {
        "event_id": str(UUID(bytes=event["event_id"])),
        "occurred_at": event["occurred_at"] / 1000,
        "received_at": received_at,
        "generation": 0,
        "partition": 0,
        "offset": number,
        "signal": event["signal"],
        "object_id": event["object"],
        "learner": event["learner"],
        "attributes": json.dumps(event["attributes"]) if event["attributes"] else "",
        "source": event["tool"],
        "parent": "",
        "module": event["module"],
        "success": event["success"],
        "completion": None,
        "voided": event["event_id"] in gone,
        **event["cohort"],
    }


def _table(name: str, columns: str, rows: Iterable[object], folder: Path) -> list[str]:
    file = folder / f"{name}.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    quoted = columns.replace("'", "''")
    engine = "MergeTree ORDER BY tuple()"
    if name == "rolling":
        engine = (
            "ReplacingMergeTree(version) ORDER BY "
            "(indicator, cohort_kind, cohort, window, window_end)"
        )
    return [
        f"CREATE TABLE uptake.{name} ({columns}) ENGINE = {engine}",
        f"INSERT INTO uptake.{name} SELECT * FROM file('{file}', 'JSONEachRow', '{quoted}')",
    ]


def _stored(events: Sequence[Event], listed: Sequence[Listed], folder: Path) -> list[str]:
    """Statements. Some events are stored a second time, as a resend that was not known as one."""
    gone = {e["event_id"] for e in events} - {e["event_id"] for e in not_voided(events)}
    rows = [_row(number, event, gone) for number, event in enumerate(events)]
    again: list[dict[str, object]] = [
        {**_row(number, event, gone, 9), "team": "another"}
        for number, event in enumerate(events[::7], len(events))
    ]
    people = [
        {"learner": one["learner"], "since": one["since"] / 1000, **one["cohort"]} for one in listed
    ]
    return [
        "CREATE DATABASE uptake",
        *_table("events_all", EVENTS, [*again, *rows], folder),
        *_table("directory", DIRECTORY, people, folder),
    ]


def _directory() -> list[Listed]:
    return [
        {"learner": name, "cohort": cohort, "since": number * 9 * DAY}
        for number, (name, cohort) in enumerate(LEARNERS.items())
    ]


def _spans(window: Window) -> list[Span]:
    """Slices of very different length that make up all there is."""
    edges = [0, 5 * DAY, 5 * DAY + HOUR, 100 * DAY]
    return [
        Span(after // window.slide * window.slide, until // window.slide * window.slide)
        for after, until in pairwise(edges)
    ]


def _numbers(row: Sequence[object]) -> list[int]:
    return [int(str(value)) for value in row]


def test_the_bundled_catalog_in_slices_as_the_recount_of_the_tests(tmp_path: Path) -> None:
    events, directory, catalog = list(_events(Random(7))), _directory(), load()
    events += _taken_back(events[::9])
    wanted = recount(events, directory)
    asked = [(g, w, span) for g in groups(catalog) for w in WINDOWS for span in _spans(w)]
    results = run_apart(
        _stored(events, directory, tmp_path)
        + [recount_sql(catalog, group, window, span, "uptake", {}) for group, window, span in asked]
    )
    found = {}
    for (_, window, _), rows in zip(asked, results, strict=True):
        for indicator, kind, cohort, *numbers in rows:
            end, n, num, den, people, standing = _numbers(numbers)
            key = Key(str(indicator), str(kind), str(cohort), window.name, end)
            assert key not in found
            measure = catalog.indicators[str(indicator)].measure
            shown = {
                "count": (num, None, people),
                "people": (people, None, people),
                "share_of_eligible": (people, standing, people),
            }
            found[key] = shown.get(measure, (num, den, people))
            assert n >= den
    assert found == {key: tuple(value) for key, value in wanted.items()}
    assert {key.indicator for key in found} == set(catalog.indicators)


def test_a_catalog_with_every_rule_as_the_stream(tmp_path: Path) -> None:
    """Contributions: `num`, `den` and whose they are, case by case."""
    events, catalog = list(_events(Random(3), 4_000)), _catalog(tmp_path)
    asked = [Times(0, 50 * DAY)], [Times(0, 11 * DAY), Times(11 * DAY, 50 * DAY)]
    for slices in asked:
        results = run_apart(
            _stored(events, [], tmp_path)
            + [
                contributions(catalog, group, times, "uptake")
                for group in groups(catalog)
                for times in slices
            ]
        )
        found: Counter[tuple[object, ...]] = Counter()
        for indicator, t, learner, team, manager, region, num, den, labels in (
            row for rows in results for row in rows
        ):
            named = tuple((k, v) for k, v in cast(list[tuple[str, str]], labels) if v)
            found[indicator, int(str(t)), learner, team, manager, region, num, den, named] += 1
        assert {(*key[:6], int(str(key[6])), int(str(key[7])), key[8]): count
                for key, count in found.items()} == _by_the_stream(events, catalog)  # fmt: skip


def _by_the_stream(events: Sequence[Event], catalog: Catalog) -> dict[tuple[object, ...], int]:
    rules, signals = compile_journeys(catalog), steps_by_signal(catalog)
    walks: dict[tuple[str, object, str], Walk] = {}
    for event in events:
        for journey, step in signals.get(event["signal"], ()):
            whose = event["learner"] if catalog.journeys[journey].walked_by == "one" else ""
            rule = rules[journey]
            key = rule.key_of(event["attributes"], event["object"])
            walk = walks.setdefault((journey, whose, key), [])
            cohort = Cohort(**event["cohort"])
            add_step(
                walk,
                WalkedStep(
                    event["occurred_at"],
                    event["event_id"],
                    step,
                    str(event["learner"]).encode(),
                    cohort,
                    facts_of(_packed(event), event["module"], rule.attributes),
                ),
            )
    made: Counter[tuple[object, ...]] = Counter()
    for (journey, _, _), walk in walks.items():
        for one, times in rules[journey].contributions(walk).items():
            cohort = one.cohort
            labels = (cohort.team, cohort.manager, cohort.region)
            whose = (one.indicator, one.occurred_at, one.learner.decode(), *labels)
            made[(*whose, one.num, one.den, one.labels)] += times
    assert {str(key[0]) for key in made} == set(catalog.indicators) - {"voided"}
    return made


def _packed(event: Event) -> Packed:
    """As intake packs it, as far as facts look at it."""
    source = SOURCES.index(event["tool"])
    return Packed(
        source, 0, 0, 0, 0, event["event_id"], b"", 0, "", event["object"], "",
        success=event["success"], attributes=dict(event["attributes"]),
    )  # fmt: skip


def test_a_comparison_names_what_differs_in_closed_windows_only(tmp_path: Path) -> None:
    events, directory, catalog = list(_events(Random(5), 300)), _directory(), load()
    window, span = WINDOWS[1], Span(0, 100 * DAY)
    group = next(group for group in groups(catalog) if not group.journey)
    closed = dict.fromkeys(group.indicators, 30 * DAY)
    right = f"INSERT INTO uptake.rolling SELECT indicator, cohort_kind, cohort, '{window.name}', \
        fromUnixTimestamp64Milli(window_end, 'UTC'), n, num, den, people, standing, false, 1 \
        FROM ({recount_sql(catalog, group, window, span, 'uptake', {})})"
    wrong = (
        "INSERT INTO uptake.rolling SELECT indicator, cohort_kind, cohort, window, window_end, "
        "n, num, den, people {change} FROM uptake.rolling WHERE indicator = 'active_learners' "
        "AND cohort = 'red' ORDER BY window_end {order} LIMIT 1"
    )
    look = comparison(catalog, group, window, span, closed, "uptake", {})
    ask = (
        "INSERT INTO uptake.repairs_open SELECT indicator, cohort_kind, cohort, window, "
        "window_end, window_end + 7200 FROM uptake.rolling WHERE removed ORDER BY version DESC "
        "LIMIT 1"
    )
    differing = differences(catalog, group, window, span, "uptake", {})
    equal, after_open, after_closed, after_removed, to_mend, after_asked = run_apart(
        [
            *_stored(events, directory, tmp_path),
            *_table("rolling", ROLLING, [], tmp_path),
            *_table("repairs_open", REPAIRS_OPEN, [], tmp_path),
            right,
            look,
            wrong.format(change="+ 1, standing, false, 2", order="DESC"),
            look,
            wrong.format(change="+ 1, standing, false, 2", order="ASC"),
            look,
            wrong.format(change=", standing, true, 3", order="ASC"),
            look,
            differing,
            ask,
            look,
        ]
    )
    rows, waits = equal[0][0], equal[0][3]
    assert int(str(waits)) == 0
    assert int(str(rows)) > 100
    assert equal == [[rows, 0, [], waits]]
    assert after_open == equal
    [(_, count, found, _)] = cast(list[tuple[int, int, list[list[Any]], int]], after_closed)
    [[_, *whose, _, streamed, _, recounted]] = found
    assert int(count) == 1
    assert whose == ["active_learners", "team", "red"]
    assert int(streamed[3]) == int(recounted[3]) + 1
    assert streamed[:3] == recounted[:3]
    [(_, _, found, _)] = cast(list[tuple[int, int, list[list[Any]], int]], after_removed)
    [[*_, is_streamed, _, is_recounted, _]] = found
    assert (int(is_streamed), int(is_recounted)) == (0, 1)
    # Open windows too; a removed row stands with its version, and has values to be given.
    first, last = cast(list[list[Any]], sorted(to_mend, key=lambda row: int(str(row[0]))))
    assert [int(str(value)) for value in first[4:7]] == [3, 0, 1]
    assert [int(str(value)) for value in last[4:7]] == [2, 1, 1]
    assert first[7] == recounted
    [(compared, count, _, waiting)] = cast(list[tuple[int, int, Any, int]], after_asked)
    assert int(count) == 0
    assert int(waiting) >= 1
    assert int(compared) + int(waiting) == int(str(rows))
