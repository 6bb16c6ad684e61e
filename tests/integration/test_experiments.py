"""`uptake experiment` with a broker and a store: from a new definition to a verdict, and back."""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from schemas.experiments.assignment import assign, learner_unit
from schemas.experiments.book import Drafts, Entry, Switch
from schemas.experiments.definition import DefinitionError
from schemas.settings import Settings
from sinks.clickhouse import rows
from streams import admin, experiments
from tests.fixtures.brokers import Broker
from tests.fixtures.short_way import ShortWay
from tests.integration.collector_process import running_collector, until
from uptake.cli.app import app
from uptake.experiments import LooksError
from uptake.simulate.form import timestamp

NEW = [
    "new", "short-hint", "--owner", "enablement",
    "--purpose", "Is a hint of one line \"better\" than three?",
    "--told", "You may see shorter hints for a while.",
    "--indicator", "first_contact_resolution", "--base", "0.3", "--effect", "0.06",
    "--guardrail", "escalation_rate",
]  # fmt: skip
OWN = "https://w3id.org/uptake"
DAY = 86_400_000
Run = Callable[..., Result]
HALVES = {"control": 50, "new": 50}


@pytest.fixture
def broker(embedded_broker: Broker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Broker:
    monkeypatch.setenv("UPTAKE_KAFKA_BOOTSTRAP", embedded_broker.bootstrap)
    monkeypatch.setenv("UPTAKE_KAFKA_MEMORY_ONLY", "true")
    admin.ensure(embedded_broker.apply(Settings()))
    return embedded_broker


@pytest.fixture
def run(broker: Broker, tmp_path: Path) -> Run:
    """A command of `uptake experiment`, with drafts in the folder of this test."""

    def invoke(*words: str) -> Result:
        folder = ("--folder", str(tmp_path)) if words[0] in ("new", "check", "start") else ()
        result = CliRunner().invoke(app, ["experiment", *words, *folder])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


def test_from_new_to_stopped_and_back(broker: Broker, run: Run, tmp_path: Path) -> None:
    assert run(*NEW).exit_code == 0
    assert Drafts(tmp_path).experiment("short-hint").minimum_units == 963
    assert "1,926 learners in 2 variants" in run("check", "short-hint").output
    assert run("status").output == ""
    with running_collector(broker, tmp_path) as collector, collector.client() as client:
        target = "/assign/short-hint?learner=l7&issuer=desk"
        until(lambda: client.get(target).status_code == 404)
        assert "runs now" in run("start", "short-hint").output
        variant = assign("short-hint", learner_unit("desk", "l7"), HALVES)
        until(lambda: client.get(target).status_code == 200)
        assert client.get(target).json()["variant"] == variant
        assert "running, 0.0 of 14 to 56 days" in run("status").output
        assert "runs already" in run("start", "short-hint").output
        assert "is stopped" in run("stop", "short-hint", "--why", "a complaint").output
        until(lambda: client.get(target).json()["running"] is False)
        assert client.get(target).json()["variant"] == "control"
    assert "stopped (a complaint)" in run("status").output
    assert "runs now" in run("start", "short-hint", "--why", "settled").output
    book = experiments.read(broker.apply(Settings()).kafka)
    assert [each.why for each in book.switches("short-hint")] == [
        "planned", "a complaint", "settled",
    ]  # fmt: skip


def test_what_is_refused(run: Run, tmp_path: Path) -> None:
    run(*NEW)
    with pytest.raises(DefinitionError, match="there already"):
        run(*NEW)
    looks = tmp_path / "looks.json"
    looks.write_text("{}")
    run("start", "short-hint")
    with pytest.raises(LooksError):
        run("status", "short-hint", "--looks", str(looks))
    assert run("status", "--looks", str(looks)).exit_code == 2
    assert run(*NEW[:-4], "--effect", "0.8", *NEW[-2:]).exit_code == 2
    with pytest.raises(DefinitionError, match="There is no experiment"):
        run("stop", "nothing", "--why", "x")
    words = ["other" if word == "short-hint" else word for word in NEW]
    words[-1] = "escalation_rates"
    run(*words)
    for command in ("check", "start"):
        with pytest.raises(DefinitionError, match="did you mean escalation_rate"):
            run(command, "other")
    look = {
        "days": 21,
        "exposed": {"control": 4000, "new": 4000},
        "outcome": {"control": [4000, 1200, 1200], "new": [4000, 1480, 1480]},
    }
    looks.write_text(json.dumps([look]))
    output = run("status", "short-hint", "--looks", str(looks), "--json").output
    verdict = json.loads(output)
    assert verdict["word"] == "better"
    assert "+7.0 points" in verdict["sentence"]
    assert verdict["outcome"][0]["variant"] == "new"


def test_the_verdict_comes_from_the_stored_events(
    broker: Broker, way: ShortWay, run: Run, tmp_path: Path
) -> None:
    """domain.md, section 7: exposed when shown, SRM, always-valid p, guardrails."""
    words = ["experiment.clicked" if word == "first_contact_resolution" else word for word in NEW]
    run(*words)
    text = Drafts(tmp_path).text("short-hint")
    assert text is not None
    text = text.replace("minimum_units = 963", "minimum_units = 150")
    begun = int(time.time() * 1000) - 30 * DAY
    entry = Entry("short-hint", text, [Switch(True, begun, "planned")])
    experiments.write(broker.apply(Settings()).kafka, entry)
    draw = random.Random(7)
    sent = []
    truth = {"control": [0, 0], "new": [0, 0]}
    for number in range(400):
        variant = assign("short-hint", learner_unit("desk", f"l{number}"), HALVES)
        at = begun + number * DAY // 20
        sent.append(exposure(number, "verbs/exposed", variant, at))
        sent.append(exposure(number, "verbs/exposed", variant, at + 1000))
        clicked = draw.random() < (0.2 if variant == "control" else 0.6)
        truth[variant][0] += 1
        truth[variant][1] += clicked
        if clicked:
            sent.append(exposure(number, "adl:interacted", variant, at + 2000))
    # Before it was shown does not count, and two variants make a unit belong to neither.
    sent.append(exposure(900, "adl:interacted", "control", begun - 5))
    sent.append(exposure(900, "verbs/exposed", "control", begun))
    truth["control"][0] += 1
    sent += [exposure(901, "verbs/exposed", each, begun) for each in ("control", "new")]
    assert way.post("/events/lms", sent).status == 200
    found = json.loads(run("status", "short-hint", "--json").output)
    assert found["balance"]["exposed"] == {name: of[0] for name, of in truth.items()}
    assert found["last"]["outcome"] == {name: [of[0], of[1], of[1]] for name, of in truth.items()}
    assert (found["word"], found["balance"]["alarm"]) == ("better", False)
    assert found["outcome"][0]["p"] < 0.01
    # What the sink stores of the topic is what an embedded broker is given back.
    way.store.insert("experiments", rows.experiments([entry]))
    assert experiments.stored(way.settings.clickhouse) == [entry]
    told = run("status", "short-hint").output
    assert "1 learners are left out: they were shown more than one variant" in told
    assert "always-valid p" in told


def exposure(number: int, verb: str, variant: str, at: int) -> dict[str, object]:
    return {
        "occurred_at": timestamp(at),
        "learner": f"l{number}",
        "issuer": "desk",
        "verb": verb if ":" in verb else f"{OWN}/{verb}",
        "object": {"id": f"{OWN}/experiments/short-hint", "type": f"{OWN}/types/experiment"},
        "attributes": {"variant": variant},
    }
