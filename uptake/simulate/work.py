"""Stories of the main job: tickets and deals, and the nudges in their moments of need.

A story draws everything from the random numbers it is given, so a seed tells the same stories.
"""

from collections.abc import Generator
from random import Random

from uptake.simulate.happening import Happening, Scene, Story
from uptake.simulate.organisation import MEAN_SKILL, Person
from uptake.simulate.truth import Nudge, Truth

OPPORTUNITY = "https://w3id.org/uptake/types/opportunity"
WON = "https://w3id.org/uptake/verbs/won"
LOST = "https://w3id.org/uptake/verbs/lost"
REPLIED = "http://id.tincanapi.com/verb/replied"

PLACEMENTS = ("sidebar", "banner")
PROMPTS = ("ask-first", "check-list", "second-look")
REOPENED_OF_NOT_FIRST = 0.4
ESCALATED = 0.15


def ticket(scene: Scene, rng: Random) -> Story:
    """A ticket from opening to closing; it may change hands, go up or come back. Its assignment is
    a moment of need."""
    thing = f"https://desk.example/ticket/{scene.number}"
    agent = scene.person

    def step(verb: str, **attributes: object) -> Happening:
        return Happening("ticketing", agent, verb, thing, "as:issue", attributes)

    yield 0.0, step("as:create", priority=rng.choice(("low", "normal", "high")))
    yield scene.wait(rng, 10.0), step("as:assign")
    nudge = scene.truth.ticketing_nudge
    shown = rng.random() < nudge.shown
    if shown:
        yield from _nudge(scene, rng, "ticketing", nudge, "ticket-assigned", thing)
    first_contact = rng.random() < first_contact_share(scene, shown)
    reopened = not first_contact and rng.random() < REOPENED_OF_NOT_FIRST
    replies = rng.randrange(2) if first_contact or reopened else rng.randint(2, 3)
    for _ in range(replies):
        yield scene.wait(rng), step(REPLIED, public=True)
    if rng.random() < ESCALATED:
        agent = scene.organisation.colleague(agent, rng)
        yield scene.wait(rng), step("as:assign", escalated=True)
    yield scene.wait(rng), step("as:resolve")
    if reopened:
        yield scene.wait(rng, 60.0), step("as:open")
        yield scene.wait(rng), step("as:resolve")
    yield scene.wait(rng, 60.0), step("as:close", sla_met=rng.random() < 0.6 + 0.35 * agent.skill)


def first_contact_share(scene: Scene, shown: bool) -> float:
    """The probability that this ticket is resolved at first contact."""
    truth: Truth = scene.truth
    share = truth.first_contact + truth.skill_lift * (scene.person.skill - MEAN_SKILL)
    share += truth.practice_lift * scene.practice(truth.practice_delay_weeks)
    if scene.person.team in scene.organisation.rollout and scene.day >= truth.rollout_day:
        share += truth.rollout_lift
    return share + (truth.ticketing_nudge.lift if shown else 0.0)


def deal(scene: Scene, rng: Random) -> Story:
    """A sales opportunity that is won, lost or still open. A change of its stage is a moment of
    need."""
    thing = f"https://crm.example/opportunity/{scene.number}"

    def step(verb: str, **attributes: object) -> Happening:
        return Happening("crm", scene.person, verb, thing, OPPORTUNITY, attributes)

    yield 0.0, step("as:create", product=rng.choice(("Basic", "Plus", "Pro")))
    nudge, shown = scene.truth.crm_nudge, False
    for stage in ("qualified", "proposal")[: rng.randrange(3)]:
        yield scene.wait(rng), step("as:update", stage=stage)
        if not shown and rng.random() < nudge.shown:
            shown = True
            yield from _nudge(scene, rng, "crm", nudge, "stage-changed", thing)
    if rng.random() < 0.8:
        won = rng.random() < 0.25 + 0.4 * scene.person.skill + (nudge.lift if shown else 0.0)
        verb, stage = (WON, "won") if won else (LOST, "lost")
        value = 100 * rng.randrange(5, 60)
        yield scene.wait(rng, 60.0), step(verb, stage=stage, value=value)


def idle_nudge(scene: Scene, rng: Random) -> Story:
    """A hint that nobody needs just then: outside any moment, and dismissed or left alone."""
    thing = f"https://desk.example/nudge/{scene.number}"
    attributes: dict[str, object] = {"placement": rng.choice(PLACEMENTS)}

    def step(verb: str) -> Happening:
        return Happening("ticketing", scene.person, verb, thing, "as:alert", attributes)

    yield 0.0, step("as:receive")
    if rng.random() < 0.6:
        yield scene.wait(rng, 5.0), step("as:ignore")


def _nudge(
    scene: Scene, rng: Random, source: str, nudge: Nudge, moment: str, of: str
) -> Generator[tuple[float, Happening], str, None]:
    """Shown in the moment that `of` opened, perhaps opened, perhaps acted on; else dismissed or
    left alone."""
    thing = f"https://{'desk' if source == 'ticketing' else 'crm'}.example/nudge/{scene.number}"
    placement = rng.choice(PLACEMENTS)
    attributes: dict[str, object] = {
        "moment": of,
        "moment_kind": moment,
        "placement": placement,
        "prompt": rng.choice(PROMPTS),
    }
    person: Person = scene.person

    def step(verb: str) -> Happening:
        return Happening(source, person, verb, thing, "as:alert", attributes)

    yield scene.wait(rng, 2.0), step("as:receive")
    opened = nudge.opened + (nudge.banner_opened if placement == "banner" else 0.0)
    if rng.random() < opened:
        yield scene.wait(rng, 5.0), step("as:open")
        if rng.random() < nudge.acted:
            yield scene.wait(rng, 10.0), step("as:accept")
    elif rng.random() < 0.5:
        yield scene.wait(rng, 5.0), step("as:ignore")
