"""GET /assign/{experiment} over the application itself."""

from typing import Any
from urllib.parse import quote

import pytest

from schemas.experiments.assignment import assign, learner_unit
from schemas.experiments.book import Book, Entry, Switch
from tests.unit.collector.client import Client, Log, settings
from tests.unit.experiments.examples import BY_LEARNER, book

HALVES = {"control": 50, "short": 50}


@pytest.fixture
def known() -> Book:
    return book()


def _client(known: Book | None, **collector: Any) -> Client:
    return Client(Log(), settings(**collector), experiments=lambda: known)


def test_it_says_what_the_function_says(known: Book) -> None:
    client = _client(known)
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


def test_the_issuer_is_that_of_an_event_with_the_same_key(known: Book) -> None:
    client = _client(known)
    for number in range(20):
        own = client.send("GET", f"/assign/short-nudge?learner=l{number}", key="crm").json()
        said = client.send("GET", f"/assign/short-nudge?learner=l{number}&issuer=crm").json()
        assert own == said
    mail = client.send("GET", f"/assign/short-nudge?learner={quote('Ann@EXAMPLE.com')}", key="any")
    unit = learner_unit("mailto", "Ann@example.com")
    assert mail.json()["variant"] == assign("short-nudge", unit, HALVES)


def test_by_team(known: Book) -> None:
    reply = _client(known).send("GET", f"/assign/team-ritual?team={quote('Équipe 3')}")
    assert reply.json()["variant"] == assign("team-ritual", "Équipe 3", HALVES)


def test_a_stopped_experiment_gives_everybody_the_control_until_it_goes_on(known: Book) -> None:
    client = _client(known)
    paths = [f"/assign/short-nudge?learner=l{n}&issuer=desk" for n in range(20)]
    before = [client.send("GET", path).json()["variant"] for path in paths]
    running = known.entry("short-nudge")
    known.take(Entry(running.name, running.definition, [Switch(False, 2_000, "a complaint")]))
    stopped = [client.send("GET", path).json() for path in paths]
    assert {(each["variant"], each["running"]) for each in stopped} == {("control", False)}
    known.take(running)
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
def test_refusals(known: Book, target: str, status: int, rule: str) -> None:
    reply = _client(known).send("GET", target)
    assert (reply.status, reply.error["rule"]) == (status, rule)


def test_a_key_for_all_sources_has_to_say_the_issuer(known: Book) -> None:
    reply = _client(known).send("GET", "/assign/short-nudge?learner=a", key="any")
    assert (reply.status, reply.error["field"]) == (400, "issuer")


def test_a_key_is_needed_and_its_rate_counts(known: Book) -> None:
    target = "/assign/short-nudge?learner=a&issuer=b"
    assert _client(known).send("GET", target, authorization=None).status == 401
    client = _client(known, requests_per_second=1)
    assert [client.send("GET", target).status for _ in range(2)] == [200, 429]


def test_only_get(known: Book) -> None:
    reply = _client(known).send("POST", "/assign/short-nudge?learner=a")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


def test_a_broken_definition_is_said_and_nothing_is_guessed(known: Book) -> None:
    known.take(Entry("short-nudge", BY_LEARNER.replace("weight = 50", "weight = 0")))
    reply = _client(known).send("GET", "/assign/short-nudge?learner=a")
    assert (reply.status, reply.error["rule"]) == (503, "definition")


def test_before_the_topic_was_read_nothing_is_guessed() -> None:
    reply = _client(None).send("GET", "/assign/short-nudge?learner=a")
    assert (reply.status, reply.error["rule"]) == (503, "not-ready")
