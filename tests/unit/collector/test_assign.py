"""GET /assign/{experiment} over the application itself."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from schemas.experiments.assignment import assign, learner_unit
from schemas.experiments.book import Book
from tests.unit.collector.client import Client, Log, settings
from tests.unit.experiments.examples import BY_LEARNER, book

HALVES = {"control": 50, "short": 50}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    book(tmp_path)
    return tmp_path


def _client(folder: Path, **collector: Any) -> Client:
    return Client(Log(), settings(experiments=str(folder), **collector))


def test_it_says_what_the_function_says(folder: Path) -> None:
    client = _client(folder)
    seen = set()
    for number in range(40):
        reply = client.send("GET", f"/assign/short-nudge?learner=l{number}&issuer=desk")
        assert reply.status == 200
        variant = assign("short-nudge", learner_unit("desk", f"l{number}"), HALVES)
        assert reply.json()["variant"] == variant
        assert reply.json()["running"] is True
        seen.add(variant)
    assert seen == {"control", "short"}
    assert "shorter hint" in reply.json()["told"]


def test_the_issuer_is_that_of_an_event_with_the_same_key(folder: Path) -> None:
    client = _client(folder)
    for number in range(20):
        own = client.send("GET", f"/assign/short-nudge?learner=l{number}", key="crm").json()
        said = client.send("GET", f"/assign/short-nudge?learner=l{number}&issuer=crm").json()
        assert own == said
    mail = client.send("GET", f"/assign/short-nudge?learner={quote('Ann@EXAMPLE.com')}", key="any")
    unit = learner_unit("mailto", "Ann@example.com")
    assert mail.json()["variant"] == assign("short-nudge", unit, HALVES)


def test_by_team(folder: Path) -> None:
    reply = _client(folder).send("GET", f"/assign/team-ritual?team={quote('Équipe 3')}")
    assert reply.json()["variant"] == assign("team-ritual", "Équipe 3", HALVES)


def test_a_stopped_experiment_gives_everybody_the_control_until_it_goes_on(folder: Path) -> None:
    client = _client(folder)
    paths = [f"/assign/short-nudge?learner=l{n}&issuer=desk" for n in range(20)]
    before = [client.send("GET", path).json()["variant"] for path in paths]
    switchboard = Book(folder)
    switchboard.switch("short-nudge", False, 2_000, "a complaint")
    stopped = [client.send("GET", path).json() for path in paths]
    assert {(each["variant"], each["running"]) for each in stopped} == {("control", False)}
    switchboard.switch("short-nudge", True, 3_000, "it was something else")
    assert [client.send("GET", path).json()["variant"] for path in paths] == before


@pytest.mark.parametrize(
    ("target", "status", "rule"),
    [
        ("/assign/nothing?learner=a&issuer=b", 404, "experiment"),
        ("/assign/../switches?learner=a&issuer=b", 404, "experiment"),
        ("/assign/", 404, "experiment"),
        ("/assign/short-nudge", 400, "parameter"),
        ("/assign/short-nudge?team=Alder", 400, "parameter"),
        ("/assign/short-nudge?learner=a&team=Alder", 400, "parameter"),
        ("/assign/short-nudge?learner=a&learner=b", 400, "parameter"),
        ("/assign/short-nudge?learner=", 400, "parameter"),
        ("/assign/short-nudge?learner=a&who=b", 400, "parameter"),
        ("/assign/short-nudge?learner=a%0Ab&issuer=x", 400, "unit"),
        ("/assign/team-ritual?learner=a", 400, "parameter"),
    ],
)
def test_refusals(folder: Path, target: str, status: int, rule: str) -> None:
    reply = _client(folder).send("GET", target)
    assert (reply.status, reply.error["rule"]) == (status, rule)


def test_a_key_for_all_sources_has_to_say_the_issuer(folder: Path) -> None:
    reply = _client(folder).send("GET", "/assign/short-nudge?learner=a", key="any")
    assert (reply.status, reply.error["field"]) == (400, "issuer")


def test_a_key_is_needed_and_its_rate_counts(folder: Path) -> None:
    target = "/assign/short-nudge?learner=a&issuer=b"
    assert _client(folder).send("GET", target, authorization=None).status == 401
    client = _client(folder, requests_per_second=1)
    assert [client.send("GET", target).status for _ in range(2)] == [200, 429]


def test_only_get(folder: Path) -> None:
    reply = _client(folder).send("POST", "/assign/short-nudge?learner=a")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


def test_a_broken_definition_is_said_and_nothing_is_guessed(folder: Path) -> None:
    (folder / "short-nudge.toml").write_text(BY_LEARNER.replace("weight = 50", "weight = 0"))
    reply = _client(folder).send("GET", "/assign/short-nudge?learner=a")
    assert (reply.status, reply.error["rule"]) == (503, "definition")


def test_without_a_folder_there_are_no_experiments(tmp_path: Path) -> None:
    assert _client(tmp_path / "none").send("GET", "/assign/x?learner=a").status == 404
