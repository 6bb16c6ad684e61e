"""Stories of learning: lessons with their micro-challenges, videos, experiments."""

from collections.abc import Generator
from random import Random

from schemas.experiments.assignment import assign, learner_unit
from schemas.xapi.terms import VOIDED
from uptake.simulate.happening import Happening, Scene, Story
from uptake.simulate.organisation import ISSUER
from uptake.simulate.truth import Trial

ADL = "http://adlnet.gov/expapi/verbs"
MODULE = "http://adlnet.gov/expapi/activities/module"
VIDEO_VERBS = "https://w3id.org/xapi/video/verbs"
VIDEO = "https://w3id.org/xapi/video/activity-type/video"
ITEM = "http://id.tincanapi.com/activitytype/checklist-item"
WAS_ASSIGNED = "https://w3id.org/xapi/acrossx/verbs/was-assigned"
OWN = "https://w3id.org/uptake"

TOPICS = ("listening", "objections", "handover", "pricing", "follow-up", "diagnosis")
LESSONS_ON_OFFER = 40
KINDS = ("social", "consolidation", "curiosity")
WEIGHTS = {"control": 50, "new": 50}
"""Of every experiment of the simulation."""


def lesson(scene: Scene, rng: Random) -> Story:
    """A learner takes a micro-lesson; those with more skill finish more often. It ends with
    micro-challenges."""
    issue, thing = _issue(scene, rng, "module")

    def step(verb: str, success: bool | None = None, score: float | None = None) -> Happening:
        verb = f"{ADL}/{verb}"
        return Happening("lms", scene.person, verb, thing, MODULE, success=success, score=score)

    yield 0.0, step("initialized")
    yield scene.wait(rng), step("progressed")
    if rng.random() > 0.4 + 0.5 * scene.person.skill:
        yield scene.wait(rng), step("terminated")
        return
    yield scene.wait(rng), step("completed")
    score = round(min(1.0, max(0.0, rng.gauss(0.4 + 0.4 * scene.person.skill, 0.15))), 2)
    yield scene.wait(rng, 2.0), step("passed" if score >= 0.6 else "failed", score >= 0.6, score)
    for number in range(challenges(issue)):
        yield from _challenge(scene, rng, thing, number)


def challenges(issue: int) -> int:
    """How many micro-challenges a lesson offers: 3 to 5; one in twelve 2, one in twelve 6."""
    return {0: 2, 1: 6}.get(issue % 12, 3 + issue % 3)


def _challenge(
    scene: Scene, rng: Random, module: str, number: int
) -> Generator[tuple[float, Happening], str, None]:
    """Offered, perhaps checked off (perhaps wrongly, and taken back), perhaps recalled."""
    truth = scene.truth
    kind = KINDS[number % len(KINDS)]
    thing = f"{module}/challenge/{number + 1}/{scene.number}"
    well_written = rng.random() < 0.5
    attributes: dict[str, object] = {"kind": kind, "well_written": well_written}

    def step(verb: str, voids: str = "") -> Happening:
        return Happening(
            "lms", scene.person, verb, thing, ITEM, attributes, parent=module, voids=voids
        )

    yield scene.wait(rng, 1.0), step(WAS_ASSIGNED)
    share = truth.checked_well_written if well_written else truth.checked_badly_written
    if rng.random() >= share + truth.practice_checked * scene.practice():
        return
    checked = yield scene.wait(rng, 30.0), step(f"{ADL}/completed")
    if rng.random() < truth.unchecked:
        yield scene.wait(rng, 5.0), step(VOIDED, voids=checked)
    elif kind == "consolidation" and rng.random() < truth.recalled:
        yield scene.wait(rng, 90.0), step(f"{OWN}/verbs/recalled")


def video(scene: Scene, rng: Random) -> Story:
    """A learner watches a short video, with pauses, to the end or not."""
    _, thing = _issue(scene, rng, "video")

    def step(verb: str) -> Happening:
        base = ADL if verb in {"initialized", "completed", "terminated"} else VIDEO_VERBS
        return Happening("lms", scene.person, f"{base}/{verb}", thing, VIDEO)

    yield 0.0, step("initialized")
    yield scene.wait(rng, 2.0), step("played")
    for _ in range(rng.randrange(3)):
        yield scene.wait(rng), step(rng.choice(("paused", "seeked")))
        yield scene.wait(rng, 5.0), step("played")
    if rng.random() < 0.6:
        yield scene.wait(rng), step("completed")
    yield scene.wait(rng, 5.0), step("terminated")


def trial(scene: Scene, rng: Random) -> Story:
    """A learner is shown a variant of an experiment. What a learner does with it is drawn once, so
    that being shown it again does not make another unit."""
    chosen: Trial = rng.choice(scene.truth.trials)
    thing = f"{OWN}/experiments/{chosen.name}"
    variant = assign(chosen.name, learner_unit(ISSUER, scene.person.name), WEIGHTS)
    attributes: dict[str, object] = {"variant": variant}
    fate = Random(f"{scene.organisation.seed} {chosen.name} {scene.person.name}")

    def step(verb: str) -> Happening:
        kind = f"{OWN}/types/experiment"
        return Happening("ticketing", scene.person, verb, thing, kind, attributes)

    yield 0.0, step(f"{OWN}/verbs/exposed")
    if fate.random() >= chosen.clicked + (chosen.effect if variant == "new" else 0.0):
        return
    yield scene.wait(rng, 5.0), step(f"{ADL}/interacted")
    if fate.random() < chosen.completed:
        yield scene.wait(rng), step(f"{ADL}/completed")
        if fate.random() < chosen.applied:
            yield scene.wait(rng, 60.0), step(f"{OWN}/verbs/applied")


def _issue(scene: Scene, rng: Random, kind: str) -> tuple[int, str]:
    """One of the lessons on offer: (number, IRI)."""
    issue = scene.begins // 1000 // scene.pace.lesson_seconds - rng.randrange(LESSONS_ON_OFFER)
    return issue, f"https://lms.example/{kind}/{TOPICS[issue % len(TOPICS)]}/{issue}"
