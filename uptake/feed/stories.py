"""What happens in the simulated organisation: stories, each a few steps of one thing.

A story is a generator of (seconds since the step before, what happens). It draws everything from
the random numbers it is given, so a seed tells the same stories.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from uptake.feed.organisation import Organisation, Person

ADL = "http://adlnet.gov/expapi/verbs"
MODULE = "http://adlnet.gov/expapi/activities/module"
VIDEO_VERBS = "https://w3id.org/xapi/video/verbs"
VIDEO = "https://w3id.org/xapi/video/activity-type/video"
OPPORTUNITY = "https://w3id.org/uptake/types/opportunity"
WON = "https://w3id.org/uptake/verbs/won"
REPLIED = "http://id.tincanapi.com/verb/replied"
LOST = "https://w3id.org/uptake/verbs/lost"

TOPICS = ("listening", "objections", "handover", "pricing", "follow-up", "diagnosis")
LESSON_SECONDS = 20
"""A new lesson comes out this often."""
LESSONS_ON_OFFER = 40

STEP_SECONDS = 20.0


@dataclass(frozen=True)
class Happening:
    """One event, before it has an id and a time. `source` decides its form."""

    source: str
    person: Person
    verb: str
    object_id: str
    object_type: str
    attributes: dict[str, object] = field(default_factory=dict)
    success: bool | None = None
    score: float | None = None


@dataclass(frozen=True)
class Scene:
    """What a story starts from: `number` is unique in its run, `begins` is in ms."""

    organisation: Organisation
    person: Person
    number: str
    begins: int


Story = Iterator[tuple[float, Happening]]


def lesson(scene: Scene, rng: Random) -> Story:
    """A learner takes a micro-lesson; those with more skill finish more often."""
    issue = scene.begins // 1000 // LESSON_SECONDS - rng.randrange(LESSONS_ON_OFFER)
    thing = f"https://lms.example/module/{TOPICS[issue % len(TOPICS)]}/{issue}"

    def step(verb: str, success: bool | None = None, score: float | None = None) -> Happening:
        verb = f"{ADL}/{verb}"
        return Happening("lms", scene.person, verb, thing, MODULE, success=success, score=score)

    yield 0.0, step("initialized")
    yield _wait(rng), step("progressed")
    if rng.random() > 0.4 + 0.5 * scene.person.skill:
        yield _wait(rng), step("terminated")
        return
    yield _wait(rng), step("completed")
    score = round(min(1.0, max(0.0, rng.gauss(0.4 + 0.4 * scene.person.skill, 0.15))), 2)
    yield _wait(rng, 2.0), step("passed" if score >= 0.6 else "failed", score >= 0.6, score)


def video(scene: Scene, rng: Random) -> Story:
    """A learner watches a short video, with pauses, to the end or not."""
    issue = scene.begins // 1000 // LESSON_SECONDS - rng.randrange(LESSONS_ON_OFFER)
    thing = f"https://lms.example/video/{TOPICS[issue % len(TOPICS)]}/{issue}"

    def step(verb: str) -> Happening:
        base = ADL if verb in {"initialized", "completed", "terminated"} else VIDEO_VERBS
        return Happening("lms", scene.person, f"{base}/{verb}", thing, VIDEO)

    yield 0.0, step("initialized")
    yield _wait(rng, 2.0), step("played")
    for _ in range(rng.randrange(3)):
        yield _wait(rng), step(rng.choice(("paused", "seeked")))
        yield _wait(rng, 5.0), step("played")
    if rng.random() < 0.6:
        yield _wait(rng), step("completed")
    yield _wait(rng, 5.0), step("terminated")


def ticket(scene: Scene, rng: Random) -> Story:
    """A ticket from opening to closing; it may change hands, go up or come back."""
    thing = f"https://desk.example/ticket/{scene.number}"
    agent = scene.person

    def step(verb: str, **attributes: object) -> Happening:
        return Happening("ticketing", agent, verb, thing, "as:issue", attributes)

    yield 0.0, step("as:create", priority=rng.choice(("low", "normal", "high")))
    yield _wait(rng, 10.0), step("as:assign")
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        yield _wait(rng), step(REPLIED, public=rng.random() < 0.8)
    if rng.random() < 0.15:
        agent = scene.organisation.colleague(agent, rng)
        yield _wait(rng), step("as:assign", escalated=True)
    yield _wait(rng), step("as:resolve")
    if rng.random() > 0.75 + 0.2 * agent.skill:
        yield _wait(rng, 60.0), step("as:open")
        yield _wait(rng), step("as:resolve")
    yield _wait(rng, 60.0), step("as:close", sla_met=rng.random() < 0.6 + 0.35 * agent.skill)


def deal(scene: Scene, rng: Random) -> Story:
    """A sales opportunity that is won, lost or still open."""
    thing = f"https://crm.example/opportunity/{scene.number}"

    def step(verb: str, **attributes: object) -> Happening:
        return Happening("crm", scene.person, verb, thing, OPPORTUNITY, attributes)

    yield 0.0, step("as:create", product=rng.choice(("Basic", "Plus", "Pro")))
    for stage in ("qualified", "proposal")[: rng.randrange(3)]:
        yield _wait(rng), step("as:update", stage=stage)
    if rng.random() < 0.8:
        won = rng.random() < 0.25 + 0.4 * scene.person.skill
        verb, stage = (WON, "won") if won else (LOST, "lost")
        yield _wait(rng, 60.0), step(verb, stage=stage, value=100 * rng.randrange(5, 60))


def nudge(scene: Scene, rng: Random) -> Story:
    """A hint in the ticketing tool: shown, perhaps opened, perhaps acted on."""
    thing = f"https://desk.example/nudge/{scene.number}"
    moment = rng.choice(("before-reply", "ticket-reassigned", "before-closing"))

    def step(verb: str) -> Happening:
        attributes: dict[str, object] = {"moment": moment}
        return Happening("ticketing", scene.person, verb, thing, "as:alert", attributes)

    yield 0.0, step("as:receive")
    if rng.random() < 0.3:
        yield _wait(rng, 5.0), step("as:ignore")
        return
    if rng.random() < 0.7:
        yield _wait(rng, 5.0), step("as:open")
        if rng.random() < 0.6:
            yield _wait(rng, 10.0), step("as:accept")


def _wait(rng: Random, mean: float = STEP_SECONDS) -> float:
    """Seconds to the next step."""
    return rng.expovariate(1 / mean)


StoryTeller = Callable[[Scene, Random], Story]

STORIES: tuple[tuple[StoryTeller, float], ...] = (
    (lesson, 3.0),
    (video, 2.0),
    (ticket, 2.0),
    (deal, 2.0),
    (nudge, 1.0),
)
"""Each story and how often it is told, compared with the others."""

EVENTS_A_STORY = 4.2
"""Mean length of a story over STORIES; the tests hold it to the stories."""
