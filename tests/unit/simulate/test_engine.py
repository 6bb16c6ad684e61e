"""The simulated organisation: seeded, in order, valid, and lively."""

from collections import Counter
from random import Random

import msgspec
import pytest

from schemas.event import parse_events
from schemas.vocabulary import load
from schemas.xapi.request import parse_statements
from uptake.feed.demo import HISTORY_SECONDS, live_rate
from uptake.feed.disturbance import Disturbance
from uptake.simulate.engine import Emission, Simulation
from uptake.simulate.happening import Scene, Story
from uptake.simulate.organisation import REGIONS, TEAMS, Organisation, organisation
from uptake.simulate.stories import EVENTS_A_STORY, STORIES

BEGINS = 1_700_000_000_000
MINUTE = 60_000


def _simulation(begins: int = BEGINS, seed: int = 3) -> Simulation:
    return Simulation(organisation(3), seed, begins, lambda _: 20.0)


def test_the_organisation() -> None:
    people = organisation(3).people
    assert organisation(3) == organisation(3)
    assert len({person.name for person in people}) == 120
    assert {person.team for person in people} == set(TEAMS)
    assert {person.region for person in people} == set(REGIONS)
    assert len({person.manager for person in people}) == len(TEAMS)
    assert 80 < sum(person.eligible for person in people) < 120


def test_a_team_has_one_manager_and_one_region() -> None:
    places = {(person.team, person.manager, person.region) for person in organisation(3).people}
    assert len(places) == len(TEAMS)


def test_a_seed_and_a_begin_give_the_same_events() -> None:
    first = list(_simulation().until(BEGINS + MINUTE))
    assert first == list(_simulation().until(BEGINS + MINUTE))
    ids = {_id(emission) for emission in first}
    for other in (_simulation(begins=BEGINS + 1), _simulation(seed=4)):
        assert ids.isdisjoint(_id(emission) for emission in other.until(BEGINS + MINUTE))


def test_it_does_not_matter_in_which_pieces_time_passes() -> None:
    pieces = _simulation()
    got = [each for end in range(0, 61) for each in pieces.until(BEGINS + end * 1000)]
    assert got == list(_simulation().until(BEGINS + MINUTE))


def test_events_come_in_the_order_of_time_with_ids_of_their_own() -> None:
    made = list(_simulation().until(BEGINS + 5 * MINUTE))
    times = [emission.item.at for emission in made]
    assert times == sorted(times)
    assert times[0] >= BEGINS
    assert times[-1] < BEGINS + 5 * MINUTE
    assert len({_id(emission) for emission in made}) == len(made)


def test_the_rate_is_about_what_is_wanted() -> None:
    simulation = Simulation(organisation(3), 3, BEGINS, live_rate(BEGINS + HISTORY_SECONDS * 1000))
    live = BEGINS + HISTORY_SECONDS * 1000
    history = sum(1 for _ in simulation.until(live))
    assert 5_000 < history < 15_000
    for second in range(30, 241, 30):
        count = sum(1 for _ in simulation.until(live + second * 1000))
        assert 20 * 30 < count < 60 * 30


def test_every_event_is_valid_at_its_door() -> None:
    bodies: dict[str, list[bytes]] = {"lms": [], "ticketing": [], "crm": []}
    for emission in _simulation().until(BEGINS + 2 * MINUTE):
        bodies[emission.source].append(emission.item.json())
    for source, events in bodies.items():
        assert events, source
        body = b"[" + b",".join(events) + b"]"
        if source == "lms":
            assert len(parse_statements(body, 100_000)) == len(events)
        else:
            assert len(parse_events(source, body, 100_000)) == len(events)


def test_every_event_has_a_signal() -> None:
    vocabulary = load(None)
    unknown: set[tuple[str, str]] = set()
    for emission in _simulation().until(BEGINS + 2 * MINUTE):
        event = msgspec.json.decode(emission.item.json())
        verb, kind, attributes = event["verb"], event["object"].get("type"), {}
        if emission.source == "lms":
            definition = event["object"].get("definition", {"type": ""})
            verb, kind = verb["id"], definition["type"]
            attributes = {"interaction": definition.get("interactionType", "")}
        names = (vocabulary.expand(verb), vocabulary.expand(kind))
        if vocabulary.signal(*names, event.get("attributes", attributes)) == "unmapped":
            unknown.add(names)
    assert not unknown


def test_the_mean_length_of_a_story() -> None:
    people, rng = organisation(3), Random(1)
    tellers, weights = zip(*STORIES, strict=True)
    told = 10_000
    steps = 0
    for teller in rng.choices(tellers, weights, k=told):
        scene = Scene(people, rng.choice(people.people), "1", BEGINS, BEGINS)
        steps += _length(teller(scene, rng))
    assert steps / told == pytest.approx(EVENTS_A_STORY, rel=0.03)


def test_a_ticket_stays_in_its_team() -> None:
    people: Organisation = organisation(3)
    person, rng = people.people[0], Random(1)
    assert {people.colleague(person, rng).team for _ in range(50)} == {person.team}


def test_disturbance_loses_nothing_and_repeats_only_what_left_before() -> None:
    simulation, disturbance = _simulation(), Disturbance(Random(1))
    sent: set[str] = set()
    left: dict[str, int] = {}
    repeats = late = 0
    for second in range(1, 901):
        happened = list(simulation.until(BEGINS + second * 1000)) if second < 600 else []
        now = {_id(emission) for emission in happened}
        sent |= now
        leaving = [_id(emission) for emission in disturbance.pass_on(happened, float(second))]
        assert len(set(leaving)) == len(leaving)
        repeats += sum(each in left for each in leaving)
        late += sum(each not in now and each not in left for each in leaving)
        left |= dict.fromkeys(leaving, second)
    assert set(left) == sent
    assert 0 < repeats < 0.03 * len(sent)
    assert 0 < late < 0.03 * len(sent)


def test_what_began_is_told_to_its_end() -> None:
    end = BEGINS + MINUTE
    cut = list(_simulation().until(end))
    whole = list(_simulation().to_the_end(end))
    assert whole[: len(cut)] == cut
    assert whole[-1].item.at > end
    tickets = Counter(
        (event["object"]["id"], event["verb"])
        for event in (msgspec.json.decode(each.item.json()) for each in whole)
        if event["object"].get("type") == "as:issue" and event["verb"] in ("as:create", "as:close")
    )
    opened = {thing for thing, verb in tickets if verb == "as:create"}
    assert opened == {thing for thing, verb in tickets if verb == "as:close"}


def _length(story: Story) -> int:
    steps = 0
    try:
        next(story)
        while True:
            steps += 1
            story.send("id of the step before")
    except StopIteration:
        return steps


def _id(emission: Emission) -> str:
    event = msgspec.json.decode(emission.item.json(), type=dict[str, object])
    return str(event["id"])
