"""What the organisation of the browser tests does: two teams, one too small to be shown."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time
from typing import Any
from uuid import uuid4

from schemas.experiments.book import Entry, Switch
from schemas.settings_load import load
from sinks.clickhouse.client import Store
from streams import experiments
from tests.fixtures.exact import settle
from tests.fixtures.running import Running, deal
from uptake.rubrics import store as rubrics
from uptake.rubrics.load import load as load_rubric

EXPERIMENT = "short-hint"
ISSUER = "https://people.example"
_EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
_RUBRIC = {"rubric": "discovery-call", "rubric_version": 1}
_QUESTION = "http://adlnet.gov/expapi/activities/cmi.interaction"
_SCENARIO = "http://id.tincanapi.com/activitytype/scenario"
_CHALLENGE = "tin:activitytype/checklist-item"
_EXPERIMENTS = "uptake:types/experiment"
TEAMS = {"Alder": 12, "Birch": 3}
PEOPLE = [(f"{team}-{n}", team) for team, size in TEAMS.items() for n in range(size)]


def fill(up: Running) -> None:
    """The directory, then what its people did just now."""
    lines = [{"issuer": ISSUER, "learner": person, "team": team} for person, team in PEOPLE]
    up.send("/directory", lines)
    settle(up)
    for person, _ in PEOPLE:
        open_deal(up, person)
    settings = load(Path(up.config)).settings
    with Store(settings.clickhouse) as store:
        rubrics.save(store, load_rubric(_EXAMPLES / "rubric-discovery-call.toml"))
    switch = Switch(True, int(time() * 1000), "planned")
    experiments.write(settings.kafka, Entry(EXPERIMENT, definition(EXPERIMENT), [switch]))
    up.send("/events/lms", [each for person, _ in PEOPLE for each in _learned(person)])
    settle(up)


def definition(name: str) -> str:
    """Of an experiment."""
    return f"""
name = "{name}"
owner = "enablement"
purpose = "Is a hint of one line better than three?"
told = "You may see shorter hints for a while."
unit = "learner"
minimum_units = 20
variants = [
    {{ name = "control", weight = 50, description = "three lines" }},
    {{ name = "new", weight = 50, description = "one line" }},
]
outcome = {{ indicator = "experiment.clicked", good = "up", smallest_effect = 0.1 }}
guardrails = [{{ indicator = "escalation_rate", good = "down", smallest_effect = 0.05 }}]
"""


def open_deal(up: Running, person: str) -> None:
    """Another one each time."""
    unique = f"{person}-{datetime.now(UTC).timestamp()}"
    thing = {
        "id": f"https://crm.example/opportunity/{unique}",
        "type": "https://w3id.org/uptake/types/opportunity",
    }
    up.send("/events/crm", [{**deal(person, 0), "occurred_at": _now(), "object": thing}])


def suggestion_of(person: str) -> str:
    """Its id."""
    return f"https://w3id.org/uptake/suggestions/team-huddle/{person}"


def _suggested(person: str) -> dict[str, Any]:
    return _event(
        person,
        "as:receive",
        suggestion_of(person),
        "uptake:types/suggestion",
        attributes={"kind": "team-huddle"},
    )


def _learned(person: str) -> list[dict[str, Any]]:
    """What makes every page have something to show."""
    sure = {"levels": {"": 4 + len(person) % 2}, "lowest": 1, "highest": 5}
    likert = {"interaction": "likert"}
    number = int(person.rpartition("-")[2])
    arm = {"variant": "new" if number % 2 else "control"}
    ratings = [
        {"levels": {"open-questions": level}, "rater": rater, "rater_issuer": ISSUER, **_RUBRIC}
        for rater, level in (("rater-a", 1 + number % 4), ("rater-b", 1 + (number // 3) % 4))
    ]
    scene = f"https://lms.example/scenario/{person}"
    return [
        _suggested(person),
        _event(person, "adl:answered", scene, _QUESTION, rating=sure, attributes=likert),
        *(_event(person, "adl:scored", scene, _SCENARIO, rating=each) for each in ratings),
        {
            **_event(person, "uptake:verbs/exposed", EXPERIMENT, _EXPERIMENTS, attributes=arm),
            # Looks are taken at the ends of hours.
            "occurred_at": _now(timedelta(hours=2)),
        },
        _event(person, "as:assign", f"{scene}/1", _CHALLENGE, parent="https://lms.example/m/1"),
    ]


def _event(person: str, verb: str, thing: str, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "occurred_at": _now(),
        "learner": person,
        "issuer": ISSUER,
        "verb": verb,
        "object": {"id": thing, "type": kind},
        **more,
    }


def _now(ago: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) - ago).isoformat(timespec="milliseconds").replace("+00:00", "Z")
