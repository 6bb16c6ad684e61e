"""`uptake experiment`: from a new definition to a verdict, and back."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from schemas.experiments.book import Book
from schemas.experiments.definition import DefinitionError
from uptake.cli.app import app
from uptake.experiments import LooksError

NEW = [
    "new", "short-hint", "--owner", "enablement",
    "--purpose", "Is a hint of one line \"better\" than three?",
    "--told", "You may see shorter hints for a while.",
    "--indicator", "first_contact_resolution", "--base", "0.3", "--effect", "0.06",
    "--guardrail", "escalation_rate",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def _run(*words: str) -> Result:
    result = CliRunner().invoke(app, ["experiment", *words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_from_new_to_stopped_and_back() -> None:
    assert _run(*NEW).exit_code == 0
    book = Book(Path("experiments"))
    assert book.experiment("short-hint").minimum_units == 963
    assert "1,926 learners in 2 variants" in _run("check", "short-hint").output
    assert "never started" in _run("status").output
    assert "runs now" in _run("start", "short-hint").output
    assert "running, 0.0 of 14 to 56 days" in _run("status").output
    assert "runs already" in _run("start", "short-hint").output
    assert "is stopped" in _run("stop", "short-hint", "--why", "a complaint").output
    assert "stopped (a complaint)" in _run("status", "short-hint").output
    assert "runs now" in _run("start", "short-hint", "--why", "settled").output
    assert [each.why for each in book.switches("short-hint")] == [
        "planned", "a complaint", "settled",
    ]  # fmt: skip


def test_a_verdict_from_looks() -> None:
    _run(*NEW)
    _run("start", "short-hint")
    look = {
        "days": 21,
        "exposed": {"control": 4000, "new": 4000},
        "outcome": {"control": [4000, 1200, 1200], "new": [4000, 1480, 1480]},
    }
    Path("looks.json").write_text(json.dumps([look]))
    output = _run("status", "short-hint", "--looks", "looks.json").output
    verdict = json.loads(output[output.index("{") :])
    assert verdict["word"] == "better"
    assert "+7.0 points" in verdict["sentence"]
    assert verdict["outcome"][0]["variant"] == "new"
    _run("stop", "short-hint", "--why", "the season is over")
    output = _run("status", "short-hint", "--looks", "looks.json").output
    assert json.loads(output[output.index("{") :])["word"] == "stopped"


def test_what_is_refused() -> None:
    _run(*NEW)
    with pytest.raises(DefinitionError, match="there already"):
        _run(*NEW)
    Path("looks.json").write_text("{}")
    with pytest.raises(LooksError):
        _run("status", "short-hint", "--looks", "looks.json")
    assert _run("status", "--looks", "looks.json").exit_code == 2
    assert _run(*NEW[:-4], "--effect", "0.8", *NEW[-2:]).exit_code == 2
    with pytest.raises(DefinitionError, match="There is no experiment"):
        _run("stop", "nothing", "--why", "x")


def test_an_indicator_that_is_not_in_the_catalog_is_told_before_it_starts() -> None:
    words = ["other" if word == "short-hint" else word for word in NEW]
    words[-1] = "escalation_rates"
    _run(*words)
    for command in ("check", "start"):
        with pytest.raises(DefinitionError, match="did you mean escalation_rate"):
            _run(command, "other")
    assert not Book(Path("experiments")).running("other")
