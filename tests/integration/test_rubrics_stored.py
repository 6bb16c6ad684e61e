"""Rubrics and the index, from scores in a store."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.fixtures.short_way import ShortWay
from uptake.cli.app import app
from uptake.rubrics.load import RubricError
from uptake.simulate.growth import RUBRIC_FILE
from uptake.simulate.organisation import ISSUER as PEOPLE
from uptake.simulate.run import Plan
from uptake.simulate.truth import DEFAULT

ISSUER = "https://hr.example.com"
EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
RUBRIC = EXAMPLES / "rubric-discovery-call.toml"
RATINGS = EXAMPLES / "ratings.csv"
Run = Callable[..., Result]
_MONDAY = 1_767_571_200_000
"""5 January 2026, in ms."""


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, list(words))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def scored(learner: str, thing: str, rater: str, levels: dict[str, int], at: str) -> object:
    return {
        "occurred_at": at, "learner": learner, "issuer": ISSUER, "verb": "adl:scored",
        "object": {"id": thing, "type": "tin:activitytype/scenario"},
        "rating": {
            "levels": levels, "rater": rater, "rubric": "discovery-call", "rubric_version": 1,
        },
    }  # fmt: skip


def test_agreement_is_what_the_file_says(way: ShortWay, tmp_path: Path) -> None:
    """The same ratings by the stream and by a file: equal numbers (domain.md, section 6)."""
    told = run("rubric", "load", str(RUBRIC)).output
    assert "is stored" in told
    assert "was there already" in run("rubric", "load", str(RUBRIC)).output
    changed = tmp_path / "changed.toml"
    changed.write_text(RUBRIC.read_text("utf-8").replace("title = ", "title = ", 1) + "\n")
    assert "was there already" in run("rubric", "load", str(changed)).output
    other = tmp_path / "other.toml"
    other.write_text(RUBRIC.read_text("utf-8").replace('title = "Asks', 'title = "Still asks'))
    with pytest.raises(RubricError, match="another content"):
        run("rubric", "load", str(other))
    lines = [line.split(",") for line in RATINGS.read_text("utf-8").splitlines()]
    names = lines[0]
    rows = [dict(zip(names, line, strict=True)) for line in lines[1:]]
    sent = [
        scored(
            "ann", row["item"], row["rater"], {row["criterion"]: int(row["level"])},
            f"2026-11-02T10:00:{number // 60:02}.{number % 60:03}Z",
        )
        for number, row in enumerate(rows)
    ]  # fmt: skip
    sent.append(scored("ann", "x", "r", {"no-such": 1, "next-step": 9}, "2026-11-02T10:00:00Z"))
    assert way.post("/events/lms", sent).status == 200
    by_stream = json.loads(
        run("rubric", "agreement", "discovery-call", "--since", "2026-11-01", "--json").output
    )
    by_file = json.loads(run("rubric", "calibrate", str(RUBRIC), str(RATINGS), "--json").output)
    assert set(by_stream["criteria"]) == set(by_file)
    for criterion, found in by_file.items():
        for number in ("nominal", "ordinal", "interval", "icc_single", "items", "verdict"):
            assert by_stream["criteria"][criterion]["agreement"][number] == pytest.approx(
                found["agreement"][number]
            ), (criterion, number)
    text = run("rubric", "agreement", "discovery-call", "--since", "2026-11-01").output
    assert "alpha ordinal" in text
    with pytest.raises(RubricError, match="no rubric 'nothing'"):
        run("rubric", "agreement", "nothing")


def test_the_index_by_cohort_and_period(way: ShortWay) -> None:
    """domain.md, section 5: no index of a small cohort; the gap is of the raw means."""
    lines = [{"learner": f"p{n}", "issuer": ISSUER, "team": team(n)} for n in range(15)]
    way.post("/directory", lines)
    run("rubric", "load", str(RUBRIC))
    sent: list[object] = []
    for month, lift in ((9, 0), (10, 1), (11, 2)):
        for n in range(15):
            at = f"2026-{month:02}-02T10:{n:02}:00Z"
            sent.append({
                "occurred_at": at, "learner": f"p{n}", "issuer": ISSUER, "verb": "adl:answered",
                "object": {"id": "https://lms.example/q/1", "type": "act:cmi.interaction"},
                "attributes": {"interaction": "likert"},
                "rating": {"levels": {"": 4 + n % 3 + lift}, "lowest": 1, "highest": 9},
            })  # fmt: skip
            level = 1 + (n % 2) + min(lift, 1) + (lift == 2 and n == 0)
            for rater in ("r1", "r2"):
                thing = f"https://lms.example/s/{month}/{n}"
                sent.append(scored(f"p{n}", thing, rater, {"summary": level}, at))
    assert way.post("/events/lms", sent).status == 200
    told = ("index", "--period", "28d", "--until", "2026-11-20", "--periods", "3")
    found = json.loads(run(*told, "--json").output)
    assert found["reliability"]["items"] == 45
    assert found["reliability"]["single"] == pytest.approx(1)
    large, small = found["cohorts"]
    assert [each["cohort"]["size"] for each in large["periods"]] == [12, 12, 12]
    assert [each["cohort"]["confidence"] for each in small["periods"]] == [None, None, None]
    assert small["periods"][0]["index"] is None
    assert "3 people with both scores" in small["periods"][0]["cohort"]["reason"]
    last = large["periods"][2]["cohort"]
    assert last["confidence"] == pytest.approx((6 + 1) / 8 - 1 / 8)
    assert last["gap"] == pytest.approx(last["confidence"] - last["capability"])
    assert last["people"] == []
    assert large["rising"]["together"] is True
    text = run(*told).output
    assert "12 people, confidence 0.75" in text
    assert "at least 10 needed" in text
    assert "Nobody had both scores" in run("index", "--until", "2020-01-01").output


def team(number: int) -> str:
    return "Alder" if number < 12 else "Birch"


def test_pairs_are_told_from_settled_values_of_enough_people(way: ShortWay) -> None:
    monday = 20_400 * 86_400_000 + 4 * 86_400_000
    monday -= (monday - 4 * 86_400_000) % (7 * 86_400_000)
    rows = []
    for week in range(12):
        end = monday + week * 7 * 86_400_000
        for cohort, people in (("Alder", 20), ("Birch", 3)):
            for name, done in (
                ("module_completion_rate", (week * 5) % 7),
                ("first_contact_resolution", ((week - 2) * 5) % 7),
            ):
                rows.append((
                    name, "team", cohort, "7d", end, 10, done, 10, people, 0, False, end, week,
                ))  # fmt: skip
    way.store.insert("rolling", list(zip(*rows, strict=True)))
    found = json.loads(run("pairs", "--since", "2025-01-01", "--json").output)
    pair = next(each for each in found["pairs"] if each["lag"] == 2)
    assert set(pair["cohorts"]) == {"Alder"}
    assert pair["cohorts"]["Alder"][1] == pytest.approx(1)
    assert pair["cohorts"]["Alder"][2] == 10
    text = run("pairs", "--since", "2025-01-01").output
    assert text.startswith("Descriptive")
    assert "Alder: r +1.00" in text


def test_raters_of_the_simulation_score_by_a_rubric_that_is_shipped(way: ShortWay) -> None:
    """What the demo shows: two raters a check, one of whom drifts from the middle on."""
    plan = Plan(60, 28, _MONDAY, 1, truth=replace(DEFAULT, drift_day=14.0))
    checks = [
        json.loads(item.event)
        for _, item in plan.emissions()
        if isinstance(item.event, bytes) and b"two-minute-check" in item.event
    ]
    assert len(checks) > 200
    run("rubric", "load", str(RUBRIC_FILE))
    for begin in range(0, len(checks), 200):
        assert way.post("/xapi/statements", checks[begin : begin + 200]).status == 200
    told: tuple[str, ...] = ("rubric", "agreement", "two-minute-check")
    told += ("--since", "2026-01-01", "--until", "2026-04-01")
    found = json.loads(run(*told, "--json").output)
    assert (found["outside"], found["again"]) == (0, 0)
    assert set(found["criteria"]) == {"clarity", "diagnosis"}
    raters = [way.hex(PEOPLE, each.name)[:8] for each in plan.organisation.raters]
    for one in found["criteria"].values():
        assert one["agreement"]["items"] == len(checks) / 2
        assert len(one["agreement"]["pairs"]) == 3
        severity = {name: each["severity"]["mean"] for name, each in one["raters"].items()}
        assert set(severity) == set(raters)
        assert min(raters, key=lambda name: severity[name]) == raters[DEFAULT.drifting_rater]
    assert way.store.query("SELECT count(), countIf(value IS NULL) FROM scores") == [
        (2 * len(checks), 0)
    ]
    assert "alpha ordinal" in run(*told).output
