"""`uptake rubric` and `uptake lint`: output and exit codes, on the examples that are shipped."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from uptake.challenges.definition import ChallengesError, load
from uptake.cli.app import app
from uptake.cli.errors import Exit
from uptake.rubrics import ratings_file
from uptake.rubrics.load import RubricError
from uptake.rubrics.load import load as load_rubric

_EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
_RUBRIC = _EXAMPLES / "rubric-discovery-call.toml"
_RATINGS = _EXAMPLES / "ratings.csv"
_CHALLENGES = sorted(_EXAMPLES.glob("challenges-*.toml"))
_HEADER = "item,criterion,rater,level\n"


def _run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize("path", _CHALLENGES, ids=lambda path: path.name)
def test_the_example_challenges_keep_all_rules(path: Path) -> None:
    code, output = _run("lint", "challenges", path)
    assert code == Exit.DONE
    assert "score 1.00" in output
    assert output.endswith("Nothing found\n")


def _spoiled(tmp_path: Path) -> Path:
    text = (_EXAMPLES / "challenges-en.toml").read_text("utf-8")
    path = tmp_path / "challenges.toml"
    path.write_text(text.replace("Tomorrow morning, I write down", "I try to recall"), "utf-8")
    return path


def test_findings_have_a_reason_a_better_example_and_their_own_exit_code(tmp_path: Path) -> None:
    code, output = _run("lint", "challenges", _spoiled(tmp_path))
    assert code == Exit.FAILED
    assert "objections-recall (consolidation), score 0.71: I try to recall" in output
    assert 'action: "try" cannot be seen being done' in output
    assert "better: " in output
    assert output.endswith("2 findings\n")


def test_findings_as_json(tmp_path: Path) -> None:
    code, output = _run("lint", "challenges", _spoiled(tmp_path), "--json")
    assert code == Exit.FAILED
    document = json.loads(output)
    assert document["language"] == "en"
    challenge = document["modules"][0]["challenges"][1]
    assert challenge["score"] == 0.71
    assert [finding["rule"] for finding in challenge["findings"]] == ["action", "time"]
    assert all(finding["reason"] and finding["better"] for finding in challenge["findings"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("language =", "is not TOML"),
        ('language = "de"\nmodules = []', "language"),
        (
            'language = "en"\n[[modules]]\nid = "m"\nchallenges = [{id = "c", kind = "x", '
            'text = "t"}]',
            "kind",
        ),
        (
            'language = "en"\nmodules = [{id = "m", challenges = []}, {id = "m", challenges = []}]',
            "2 of the modules have the id 'm'",
        ),
    ],
)
def test_a_file_that_holds_no_challenges_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "challenges.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ChallengesError, match=message):
        load(path)


def test_rubric_check() -> None:
    code, output = _run("rubric", "check", _RUBRIC)
    assert code == Exit.DONE
    assert output.startswith("discovery-call, version 1 (")
    assert "2 criteria of 4 levels" in output
    code, output = _run("rubric", "check", _RUBRIC, "--json")
    assert json.loads(output)["faults"] == []


def test_rubric_check_tells_all_faults_at_once(tmp_path: Path) -> None:
    text = _RUBRIC.read_text("utf-8")
    text = text.replace(
        "Repeats the customer's last sentence word for word", "Understands the need"
    )
    text = text.replace('"With a prompt"', '"Below average"')
    path = tmp_path / "rubric.toml"
    path.write_text(text, "utf-8")
    code, output = _run("rubric", "check", path)
    assert code == Exit.FAILED
    assert "name of level 2: compares people" in output
    assert "criterion summary, level 2, observable 1" in output
    code, output = _run("rubric", "check", path, "--json")
    assert code == Exit.FAILED
    assert len(json.loads(output)["faults"]) == 2


def test_calibrate_tells_agreement_severity_and_what_to_talk_about() -> None:
    code, output = _run("rubric", "calibrate", _RUBRIC, _RATINGS, "--agreed", "agreed")
    assert code == Exit.DONE
    assert "open-questions: " in output
    assert "rater-a and rater-b: 12 items" in output
    assert "rater-b against the agreed levels: not yet" in output
    assert "rater-a against the agreed levels: calibrated" in output
    assert "agreed and" not in output


def test_calibrate_as_json() -> None:
    code, output = _run("rubric", "calibrate", _RUBRIC, _RATINGS, "--json")
    assert code == Exit.DONE
    document = json.loads(output)
    assert document["summary"]["agreement"]["raters"] == 4
    assert document["summary"]["raters"]["rater-a"]["reference"] is None


def test_an_agreed_rater_who_is_not_there_is_refused() -> None:
    assert _run("rubric", "calibrate", _RUBRIC, _RATINGS, "--agreed", "zoe")[0] == Exit.USAGE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected the columns"),
        ("item,criterion,level\n", "line 1: expected the columns"),
        (_HEADER, "no ratings"),
        (_HEADER + "c1,nothing,a,2\n", "line 2: no criterion 'nothing'"),
        (_HEADER + "c1,summary,a,9\n", "line 2: level '9', expected 1 to 4"),
        (_HEADER + "c1,summary,a,2.5\n", "line 2: level '2.5'"),
        (_HEADER + "c1,summary,a,2\nc1,summary,a,2\n", "line 3: a second rating"),
        (_HEADER + "c1,summary,a\n", "line 2: expected 4 fields"),
        (_HEADER + "c1,summary,a,2,x\n", "line 2: expected 4 fields"),
        (_HEADER + "c1,summary,,2\n", "line 2: expected 4 fields"),
    ],
)
def test_ratings_that_cannot_be_used_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(ratings_file.RatingsError) as refused:
        ratings_file.load(path, load_rubric(_RUBRIC))
    assert message in str(refused.value)


def test_ratings_do_not_fit_another_rubric() -> None:
    with pytest.raises(ratings_file.RatingsError, match="no criterion 'open-questions'"):
        ratings_file.load(_RATINGS, load_rubric(_EXAMPLES / "rubric-reclamation.toml"))
    with pytest.raises(RubricError):
        load_rubric(_RATINGS)


def test_the_statistics_load_no_numerical_library() -> None:
    """They run where only the core is installed, and the command line stays quick."""
    code = (
        "import sys, uptake.cli.app, uptake.rubrics.load, uptake.challenges.lint;"
        "from reports.scores import calibration, forecast, index, rising;"
        "assert not {'numpy', 'scipy', 'pandas', 'statsmodels'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_command_line_starts_without_them() -> None:
    code = (
        "import sys, uptake.cli.app;"
        "assert not [m for m in sys.modules if m.startswith(('reports.scores', 'uptake.rubrics', "
        "'uptake.challenges'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
