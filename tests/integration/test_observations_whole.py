"""Observations and consent through a whole running Uptake."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from schemas.settings_load import load
from tests.fixtures.running import Running, cli
from uptake.local.settle import settle

ISSUER = "https://hr.example.com"


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path / "data", "embedded") as running:
        yield running


def observe(up: Running, learner: str) -> None:
    run = up.run()
    answer = httpx.post(
        f"{run['collector']}/observations",
        json={
            "learner": learner, "issuer": ISSUER, "observer": "bob", "behaviour": "open-questions",
            "purpose": "coaching", "note": "Well asked, Ann #listening", "level": 3, "lowest": 1,
            "highest": 5,
        },
        headers={"Authorization": f"Bearer {run['key']}"},
        timeout=20,
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    assert answer.json()["tags"] == ["open-questions", "listening"]


def test_an_observation_is_stored_unless_the_person_opted_out(up: Running, tmp_path: Path) -> None:
    lines = tmp_path / "consent.csv"
    lines.write_text(f"learner,issuer,opted_out\nann,{ISSUER},yes\n")
    observe(up, "ann")
    settings = load(Path(up.config)).settings
    settle(settings, 60, lambda _: None)
    loaded = cli("consent", "load", str(lines), "--config", up.config)
    assert loaded.returncode == 0, loaded.stderr
    settle(settings, 60, lambda _: None)
    for learner in ("ann", "eve", "ann"):
        observe(up, learner)
    settle(settings, 60, lambda _: None)
    sql = "SELECT received, stored, opted_out, pending, difference FROM conservation"
    assert up.rows(f"{sql} WHERE source = 'lms'") == [[4, 2, 2, 0, 0]]
    rows = up.rows("SELECT criterion, value, tags, purpose FROM scores")
    assert rows == [["open-questions", 0.5, ["open-questions", "listening"], "coaching"]]
    sql = "SELECT uniqExact(learner), countIf(hidden), countIf(position(attributes, 'asked') > 0)"
    assert up.rows(f"{sql} FROM events_all") == [[2, 1, 0]]
