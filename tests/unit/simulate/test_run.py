"""A plan: its troubles lose nothing, its files can be read back, working hours are kept."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.event import parse_events
from schemas.xapi.request import parse_statements
from tests.unit.simulate.counted import read
from uptake.cli.app import app
from uptake.feed.errors import FeedError
from uptake.feed.send import read_file
from uptake.rubrics.load import load as load_rubric
from uptake.simulate.engine import Emission
from uptake.simulate.run import DAY_MS, Plan, write
from uptake.simulate.troubles import Troubles

MONDAY = 20_458 * DAY_MS
CALM = Plan(learners=60, days=8, begins=MONDAY, seed=2)
TROUBLED = replace(CALM, troubles=Troubles(twice=0.05, late=0.05, shuffled=30))


def _json(emissions: list[Emission]) -> list[bytes]:
    return [emission.item.json() for emission in emissions]


def test_without_troubles_it_is_the_order_of_time() -> None:
    assert list(CALM.emissions()) == list(CALM.happened())


def test_troubles_lose_and_change_nothing() -> None:
    calm, troubled = list(CALM.emissions()), list(TROUBLED.emissions())
    assert read(troubled) == read(calm)
    counts = Counter(_json(troubled))
    assert set(counts) == set(_json(calm))
    twice = sum(count == 2 for count in counts.values())
    assert max(counts.values()) == 2
    assert 0.03 < twice / len(calm) < 0.07


def test_troubles_come_in_the_asked_for_kinds() -> None:
    only_late = replace(CALM, troubles=Troubles(late=0.05))
    arrived = [emission.item.at for emission in only_late.emissions()]
    overtaken = sum(at < latest for at, latest in zip(arrived, _running(arrived), strict=True))
    assert 0.03 < overtaken / len(arrived) < 0.06
    mixed = [e.item.line for e in replace(CALM, troubles=Troubles(shuffled=30)).emissions()]
    assert mixed != sorted(mixed)
    assert max(abs(line - place) for place, line in enumerate(mixed, 1)) <= 30


def _running(values: list[int]) -> list[int]:
    latest, found = values[0], []
    for value in values:
        latest = max(latest, value)
        found.append(latest)
    return found


def test_a_seed_is_always_the_same_and_another_is_not() -> None:
    again = list(TROUBLED.emissions())
    assert again == list(TROUBLED.emissions())
    other = replace(TROUBLED, seed=3)
    assert not set(_json(again)) & set(_json(list(other.emissions())))


def test_about_the_asked_for_events_on_working_days_only() -> None:
    made = list(CALM.emissions())
    begun = [json.loads(e.item.json()) for e in made if e.source == "ticketing"]
    opened = [each["occurred_at"] for each in begun if each["verb"] == "as:create"]
    moments = [datetime.fromisoformat(at) for at in opened]
    assert {moment.weekday() for moment in moments} == {0, 1, 2, 3, 4}
    assert all(7 <= moment.hour < 18 for moment in moments)
    assert len(made) == pytest.approx(60 * 10 * 6, rel=0.1)


def test_files(tmp_path: Path) -> None:
    counts = write(TROUBLED, tmp_path)
    assert sum(counts.values()) == len(list(TROUBLED.emissions()))
    for source, count in counts.items():
        body = (tmp_path / f"{source}.jsonl").read_bytes().splitlines()
        assert len(body) == count
        distinct = b"[" + b",".join(dict.fromkeys(body)) + b"]"
        if source == "lms":
            parse_statements(distinct, 100_000)
        else:
            parse_events(source, distinct, 100_000)
        assert sum(1 for _ in read_file(tmp_path / f"{source}.jsonl")) == count
    people = (tmp_path / "directory.jsonl").read_text().splitlines()
    assert len(people) == 60 + 4
    assert load_rubric(tmp_path / "rubric.toml").id == "two-minute-check"
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["ticketing_nudge"]["lift"] == 0.1
    assert truth["rollout_teams"] == ["Alder", "Cedar"]
    assert truth["plan"]["troubles"]["twice"] == 0.05


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(FeedError, match="cannot be written"):
        write(CALM, tmp_path / "taken")


def test_the_command_writes(tmp_path: Path) -> None:
    words = ["simulate", "--learners", "30", "--days", "2", "--twice", "0.1"]
    words += ["--from", "2026-01-05", "--to"]
    result = CliRunner().invoke(app, [*words, str(tmp_path / "out")])
    assert result.exit_code == 0
    assert "lms" in result.output
    first = (tmp_path / "out" / "lms.jsonl").read_text().splitlines()[0]
    at = datetime.fromisoformat(json.loads(first)["timestamp"])
    assert at.date() == datetime(2026, 1, 5, tzinfo=UTC).date()
