"""The two recounts say the same of a random stream with ties, handovers and missing labels."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from tests.recount import recount_sql
from tests.recount.chdb_query import run_apart
from tests.recount.contributions import Cohorts, Event
from tests.recount.recount import DAY, HOUR, Listed, recount
from tests.unit.recount.timeline import SIGNALS

pytest.importorskip("chdb")

LEARNERS: dict[str, Cohorts] = {
    "ann": {"team": "red", "manager": "mo", "region": "north", "eligible": True},
    "bob": {"team": "red", "manager": "mo", "region": "", "eligible": False},
    "cid": {"team": "blue", "manager": "", "region": "north", "eligible": True},
    "dan": {"team": "", "manager": "", "region": "", "eligible": True},
}
COLUMNS = (
    "event_id UUID, occurred_at DateTime64(3, 'UTC'), source String, "
    "signal LowCardinality(String), object_id String, learner String, attributes String, "
    "team LowCardinality(String), manager LowCardinality(String), "
    "region LowCardinality(String), eligible Bool, voided Bool"
)
DIRECTORY = (
    "learner String, since DateTime64(3, 'UTC'), team LowCardinality(String), "
    "manager LowCardinality(String), region LowCardinality(String), eligible Bool"
)


def _events(rng: Random) -> Iterator[Event]:
    """Few objects and coarse times, so that everything meets."""
    for _ in range(1_500):
        learner = rng.choice(list(LEARNERS))
        yield {
            "event_id": rng.randbytes(16),
            "occurred_at": rng.randrange(40) * DAY + rng.randrange(4) * 7 * HOUR + rng.randrange(3),
            "learner": learner,
            "cohort": LEARNERS[learner],
            "signal": rng.choice([*SIGNALS.values(), "voided"]),
            "tool": rng.choice(["crm", "ticketing"]),
            "object": f"thing {rng.randrange(60)}",
            "attributes": rng.choice(
                [
                    {},
                    {"public": True},
                    {"public": False},
                    {"sla_met": True},
                    {"sla_met": False},
                    {"moment": "thing 1"},
                    {"moment": 1},
                ]
            ),
        }


def _row(event: Event) -> dict[str, object]:
    return {
        "event_id": str(UUID(bytes=event["event_id"])),
        "occurred_at": event["occurred_at"] / 1000,
        "source": event["tool"],
        "voided": False,
        "signal": event["signal"],
        "object_id": event["object"],
        "learner": event["learner"],
        "attributes": json.dumps(event["attributes"]) if event["attributes"] else "",
        **event["cohort"],
    }


def _create(name: str, columns: str, rows: list[dict[str, object]], folder: Path) -> list[str]:
    file = folder / f"{name}.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    quoted = columns.replace("'", "''")
    return [
        f"CREATE TABLE uptake.{name} ({columns}) ENGINE = Memory",
        f"INSERT INTO uptake.{name} SELECT * FROM file('{file}', 'JSONEachRow', '{quoted}')",
    ]


def test_sql_and_python_agree(tmp_path: Path) -> None:
    events = list(_events(Random(7)))
    directory: list[Listed] = [
        {"learner": name, "cohort": cohort, "since": number * 9 * DAY}
        for number, (name, cohort) in enumerate(LEARNERS.items())
    ]
    listed = [
        {"learner": one["learner"], "since": one["since"] / 1000, **one["cohort"]}
        for one in directory
    ]
    statements = [
        "CREATE DATABASE uptake",
        *_create("events_all", COLUMNS, [_row(event) for event in events], tmp_path),
        *_create("directory", DIRECTORY, listed, tmp_path),
        *recount_sql.statements("uptake"),
    ]
    rows = iter(run_apart(statements))
    expected = recount(events, directory)
    assert recount_sql.recount(lambda _: next(rows)) == expected
    assert {key.indicator for key in expected} >= {"adoption", "days_to_close", "sla_met"}
