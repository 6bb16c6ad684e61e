"""Stories of practice and feedback: role-plays, checks scored by raters, the manager's part."""

from pathlib import Path
from random import Random

from uptake.simulate.form import timestamp
from uptake.simulate.happening import Happening, Scene, Story
from uptake.simulate.learning import ADL, OWN, TOPICS, WAS_ASSIGNED
from uptake.simulate.organisation import Person

SCENARIO = "http://id.tincanapi.com/activitytype/scenario"
INTERACTION = "http://adlnet.gov/expapi/activities/cmi.interaction"
PERFORMANCE = "http://adlnet.gov/expapi/activities/performance"
SUGGESTION = f"{OWN}/types/suggestion"
REVIEWED = "http://id.tincanapi.com/verb/reviewed"
SUBMIT = "http://activitystrea.ms/submit"
RUBRICS = "https://w3id.org/xapi/acrossx/extensions/rubrics"
QUALITY = "http://id.tincanapi.com/extension/quality-rating"
OBSERVER = "http://id.tincanapi.com/extension/observer"

RUBRIC_FILE = Path(__file__).with_name("rubric.toml")
"""What the checks are scored by."""
RUBRIC: dict[str, object] = {"rubric": "two-minute-check", "rubric_version": 1}
CRITERIA = ("clarity", "diagnosis")
RATERS_A_CHECK = 2
DUE_SECONDS = 120.0


def roleplay(scene: Scene, rng: Random) -> Story:
    """A role-play is assigned with a due time, submitted in time, late or never, and looked at by a
    colleague whose feedback is rated."""
    truth = scene.truth
    thing = f"https://lms.example/roleplay/{scene.number}"
    due_seconds = DUE_SECONDS * scene.pace.waits
    attributes: dict[str, object] = {"due": timestamp(scene.begins + int(due_seconds * 1000))}

    def step(person: Person, verb: str, score: float | None = None) -> Happening:
        return Happening("lms", person, verb, thing, SCENARIO, attributes, score=score)

    yield 0.0, step(scene.person, WAS_ASSIGNED)
    fate = rng.random()
    if fate < truth.submitted_in_time:
        yield rng.uniform(0.05, 0.95) * due_seconds, step(scene.person, SUBMIT)
    elif fate < truth.submitted_in_time + truth.submitted_late:
        yield rng.uniform(1.05, 2.0) * due_seconds, step(scene.person, SUBMIT)
    else:
        return
    quality = 1 + sum(rng.random() < truth.feedback_quality for _ in range(4))
    rating = {"raw": quality, "min": 1, "max": 5, "scaled": in_unit(quality)}
    giver = scene.organisation.colleague(scene.person, rng)
    yield (
        scene.wait(rng),
        Happening(
            "lms", giver, REVIEWED, thing, SCENARIO,
            score=in_unit(quality), extensions={QUALITY: rating},
        ),
    )  # fmt: skip


def check(scene: Scene, rng: Random) -> Story:
    """A learner says how confident they are, then does a two-minute scenario that two raters
    score by the rubric of RUBRIC_FILE."""
    truth, person = scene.truth, scene.person
    topic = rng.choice(TOPICS)
    level = 3 + (rng.random() < 0.25 + 0.5 * person.skill)
    surer = person.region == truth.over_confident_region
    level += surer and rng.random() < 4 * truth.over_confidence
    yield (
        0.0,
        Happening(
            "lms", person, f"{ADL}/answered", f"https://lms.example/confidence/{topic}",
            INTERACTION, score=in_unit(level), response=f"level-{level}", interaction="likert",
        ),
    )  # fmt: skip
    thing = f"https://lms.example/scenario/{topic}/{scene.number}"
    shown = {criterion: 3 + (rng.random() < person.skill) for criterion in CRITERIA}
    for rater in rng.sample(scene.organisation.raters, RATERS_A_CHECK):
        levels = {name: level + deviation(scene, rng, rater) for name, level in shown.items()}
        mean = sum(levels.values()) / len(levels)
        yield (
            scene.wait(rng),
            Happening(
                "lms", person, f"{ADL}/scored", thing, SCENARIO, RUBRIC,
                score=in_unit(mean), instructor=rater, extensions={RUBRICS: levels},
            ),
        )  # fmt: skip


def deviation(scene: Scene, rng: Random, rater: Person) -> int:
    """How many levels a rater is off; with levels of 3 and 4 the scale is never left."""
    truth = scene.truth
    off = rng.choices((-1, 0, 1), (truth.rater_noise, 1 - 2 * truth.rater_noise, truth.rater_noise))
    drifts = rater is scene.organisation.raters[truth.drifting_rater]
    drifted = drifts and scene.day >= truth.drift_day and rng.random() < truth.drift_levels
    return off[0] - drifted


def suggestion(scene: Scene, rng: Random) -> Story:
    """A manager is offered a suggestion for the team, tries it, reports back whether it worked."""
    truth = scene.truth
    manager = scene.organisation.managers[scene.person.team]
    kind = rng.choice(sorted(truth.worked))
    thing = f"{OWN}/suggestions/{kind}/{scene.number}"
    attributes: dict[str, object] = {"kind": kind}

    def step(verb: str, success: bool | None = None) -> Happening:
        return Happening("lms", manager, verb, thing, SUGGESTION, attributes, success=success)

    yield 0.0, step("http://activitystrea.ms/receive")
    if rng.random() >= truth.tried:
        return
    yield scene.wait(rng, 60.0), step(f"{ADL}/attempted")
    if rng.random() < truth.reported:
        yield scene.wait(rng, 60.0), step(f"{ADL}/responded", rng.random() < truth.worked[kind])


def observation(scene: Scene, rng: Random) -> Story:
    """A manager notes what was seen at work: a level, no text."""
    person = scene.person
    manager = scene.organisation.managers[person.team]
    thing = f"https://lms.example/observation/{rng.choice(TOPICS)}/{scene.number}"
    level = 3 + (rng.random() < person.skill)
    yield (
        0.0,
        Happening(
            "lms", person, f"{ADL}/scored", thing, PERFORMANCE, {"purpose": "coaching"},
            score=in_unit(level), instructor=manager, extensions={OBSERVER: manager.name},
        ),
    )  # fmt: skip


def in_unit(level: float) -> float:
    """A level of 1 to 5 as 0 to 1."""
    return (level - 1) / 4
