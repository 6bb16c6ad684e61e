"""Every true effect is found again in the events, by plain counting, within its interval.

The intervals are of 99 %. The events come with all troubles: twice, late, in another order, and
some are taken back.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from math import sqrt
from statistics import fmean, pvariance

import pytest

from reports.statistics.lagged import pooled
from reports.statistics.normal import quantile
from reports.statistics.proportions import Interval, Share, newcombe, wilson
from schemas.experiments.assignment import assign, learner_unit
from tests.unit.simulate.counted import Seen, read, voided
from uptake.simulate.engine import Emission
from uptake.simulate.learning import WEIGHTS
from uptake.simulate.organisation import ISSUER, Person
from uptake.simulate.run import DAY_MS, Plan
from uptake.simulate.troubles import Troubles
from uptake.simulate.truth import DEFAULT, Nudge, Trial

MONDAY = 20_458 * DAY_MS
"""2026-01-05."""
PLAN = Plan(
    learners=360,
    days=56,
    begins=MONDAY,
    seed=5,
    events=9.0,
    troubles=Troubles(twice=0.02, late=0.02, shuffled=50),
)
CONFIDENCE = 0.99
PEOPLE: dict[str, Person] = {person.name: person for person in PLAN.organisation.people}


@pytest.fixture(scope="module")
def emissions() -> list[Emission]:
    return list(PLAN.emissions())


@pytest.fixture(scope="module")
def seen(emissions: list[Emission]) -> list[Seen]:
    return read(emissions)


@pytest.fixture(scope="module")
def of(seen: list[Seen]) -> dict[str, list[Seen]]:
    """Signal -> its events."""
    found: dict[str, list[Seen]] = defaultdict(list)
    for each in seen:
        found[each.signal].append(each)
    return found


def _share(cases: Iterable[bool]) -> Share:
    every = list(cases)
    return Share(sum(every), len(every))


def _holds(share: Share, truth: float) -> bool:
    interval = wilson(share, CONFIDENCE)
    return interval is not None and interval.holds(truth)


def _difference(cases: dict[bool, list[bool]]) -> Interval:
    interval = newcombe(_share(cases[True]), _share(cases[False]), CONFIDENCE)
    assert interval is not None
    return interval


def _means(one: list[float], two: list[float], confidence: float = CONFIDENCE) -> Interval:
    """Of the difference of two means."""
    error = sqrt(pvariance(one) / len(one) + pvariance(two) / len(two))
    middle, half = fmean(one) - fmean(two), quantile(confidence) * error
    return Interval(middle - half, middle + half)


def _mean(values: list[float]) -> Interval:
    half = quantile(CONFIDENCE) * sqrt(pvariance(values) / len(values))
    return Interval(fmean(values) - half, fmean(values) + half)


def _things(events: Iterable[Seen]) -> set[str]:
    return {each.thing for each in events}


def _day(each: Seen) -> float:
    return (each.at.timestamp() * 1000 - MONDAY) / DAY_MS


@pytest.fixture(scope="module")
def first_contact(of: dict[str, list[Seen]]) -> Callable[[Seen], bool]:
    """Whether the ticket of an event was resolved at first contact."""
    replies: dict[str, int] = defaultdict(int)
    resolved = {each.thing: each.at for each in reversed(of["ticket.resolved"])}
    for each in of["ticket.replied"]:
        replies[each.thing] += each.at < resolved[each.thing]
    reopened = _things(of["ticket.reopened"])
    return lambda each: replies[each.thing] <= 1 and each.thing not in reopened


@pytest.fixture(scope="module")
def moments(of: dict[str, list[Seen]]) -> set[str]:
    """Tickets and deals with a nudge in their moment of need."""
    return {each.attributes["moment"] for each in of["nudge.shown"] if "moment" in each.attributes}


def test_the_nudge_works_in_the_ticketing_tool(
    of: dict[str, list[Seen]], moments: set[str], first_contact: Callable[[Seen], bool]
) -> None:
    cases: dict[bool, list[bool]] = {True: [], False: []}
    for each in of["ticket.opened"]:
        cases[each.thing in moments].append(first_contact(each))
    found = _difference(cases)
    assert found.holds(DEFAULT.ticketing_nudge.lift)
    assert found.low > 0


def test_the_nudge_does_nothing_in_the_crm(of: dict[str, list[Seen]], moments: set[str]) -> None:
    cases: dict[bool, list[bool]] = {True: [], False: []}
    updated = _things(of["deal.updated"])
    for each in [*of["deal.won"], *of["deal.lost"]]:
        if each.thing in updated:
            cases[each.thing in moments].append(each.signal == "deal.won")
    assert _difference(cases).holds(0.0)


@pytest.mark.parametrize(("tool", "nudge"), [
    ("desk", DEFAULT.ticketing_nudge), ("crm", DEFAULT.crm_nudge),
])  # fmt: skip
def test_open_and_action_rates_by_tool_and_placement(
    of: dict[str, list[Seen]], tool: str, nudge: Nudge
) -> None:
    opened, acted = _things(of["nudge.opened"]), _things(of["nudge.acted"])
    shown = [
        each for each in of["nudge.shown"]
        if "moment" in each.attributes and each.thing.startswith(f"https://{tool}.")
    ]  # fmt: skip
    for placement, less in (("sidebar", 0.0), ("banner", nudge.banner_opened)):
        placed = [each.thing for each in shown if each.attributes["placement"] == placement]
        assert _holds(_share(thing in opened for thing in placed), nudge.opened + less)
        click_to_act = _share(thing in acted for thing in placed if thing in opened)
        assert _holds(click_to_act, nudge.acted)


def test_the_rollout_lifts_first_contact_resolution(
    of: dict[str, list[Seen]], first_contact: Callable[[Seen], bool]
) -> None:
    """Difference of differences, by team."""
    cells: dict[tuple[str, bool], list[bool]] = defaultdict(list)
    for each in of["ticket.opened"]:
        team = PEOPLE[each.learner].team
        cells[team, _day(each) >= DEFAULT.rollout_day].append(first_contact(each))
    change = {
        team: fmean(cells[team, True]) - fmean(cells[team, False])
        for team in PLAN.organisation.teams
    }
    reached = PLAN.organisation.rollout
    changed = [by for team, by in change.items() if team in reached]
    unchanged = [by for team, by in change.items() if team not in reached]
    assert _means(changed, unchanged).holds(DEFAULT.rollout_lift)
    assert _means(changed, unchanged, 0.95).low > 0


def test_practice_moves_first_contact_resolution_two_weeks_later(
    of: dict[str, list[Seen]], first_contact: Callable[[Seen], bool]
) -> None:
    checked = _things(of["challenge.checked"])
    practised: dict[tuple[str, int], list[bool]] = defaultdict(list)
    for each in of["challenge.offered"]:
        practised[PEOPLE[each.learner].team, int(_day(each) // 7)].append(each.thing in checked)
    outcomes: dict[tuple[str, int], list[bool]] = defaultdict(list)
    for each in of["ticket.opened"]:
        outcomes[PEOPLE[each.learner].team, int(_day(each) // 7)].append(first_contact(each))
    cohorts = [
        (
            {week: fmean(cases) for (name, week), cases in practised.items() if name == team},
            {week: fmean(cases) for (name, week), cases in outcomes.items() if name == team},
        )
        for team in PLAN.organisation.teams
    ]
    found = {lag: pooled(cohorts, lag, CONFIDENCE) for lag in range(4)}
    right = found[DEFAULT.practice_delay_weeks]
    assert right is not None
    assert right.interval is not None
    assert right.interval.low > 0.2
    for lag in (0, 1, 3):
        other = found[lag]
        assert other is not None
        assert other.correlation < right.interval.low


def test_well_written_challenges_are_done_more_often(of: dict[str, list[Seen]]) -> None:
    checked = _things(of["challenge.checked"])
    cases: dict[bool, list[bool]] = {True: [], False: []}
    for each in of["challenge.offered"]:
        cases[each.attributes["well_written"]].append(each.thing in checked)
    kept = 1 - DEFAULT.unchecked
    truth = (DEFAULT.checked_well_written - DEFAULT.checked_badly_written) * kept
    assert _difference(cases).holds(truth)


def test_some_challenges_are_unchecked_and_some_recalled(
    emissions: list[Emission], of: dict[str, list[Seen]]
) -> None:
    gone = len(voided(emissions))
    assert _holds(Share(gone, gone + len(of["challenge.checked"])), DEFAULT.unchecked)
    recalled = _things(of["challenge.recalled"])
    consolidation = [
        each.thing in recalled for each in of["challenge.checked"]
        if each.attributes["kind"] == "consolidation"
    ]  # fmt: skip
    assert _holds(_share(consolidation), DEFAULT.recalled)


def test_modules_with_too_few_or_too_many_challenges_can_be_flagged(
    of: dict[str, list[Seen]],
) -> None:
    numbers: dict[str, set[str]] = defaultdict(set)
    for each in of["challenge.offered"]:
        numbers[each.parent].add(each.thing.removeprefix(each.parent).split("/")[2])
    counts = {len(each) for each in numbers.values()}
    assert counts == {2, 3, 4, 5, 6}
    odd = {module for module, each in numbers.items() if not 3 <= len(each) <= 5}
    assert odd == {module for module in numbers if int(module.rsplit("/", 1)[1]) % 12 in (0, 1)}


def test_one_region_is_over_confident(of: dict[str, list[Seen]]) -> None:
    def apart(signal: str) -> Interval:
        there: list[float] = []
        elsewhere: list[float] = []
        for each in of[signal]:
            assert each.score is not None
            surer = PEOPLE[each.learner].region == DEFAULT.over_confident_region
            (there if surer else elsewhere).append(each.score)
        return _means(there, elsewhere)

    confidence, performance = apart("confidence.reported"), apart("rubric.scored")
    assert confidence.holds(DEFAULT.over_confidence)
    assert confidence.low > 0.1
    assert performance.high < 0.05
    assert performance.low > -0.05


def test_a_rater_drifts(of: dict[str, list[Seen]]) -> None:
    rated: dict[str, dict[str, float]] = defaultdict(dict)
    when: dict[str, float] = {}
    for each in of["rubric.scored"]:
        rated[each.thing][each.rater] = fmean(each.levels.values())
        when[each.thing] = _day(each)
    assert {len(each) for each in rated.values()} == {2}
    drifting = PLAN.organisation.raters[DEFAULT.drifting_rater].name

    def severity(rater: str, after: bool) -> list[float]:
        # A day of margin: a check that began before the drift is scored a little later.
        far = [t for t in rated if rater in rated[t] and abs(when[t] - DEFAULT.drift_day) > 1]
        return [
            2 * rated[t][rater] - sum(rated[t].values())
            for t in far if (when[t] > DEFAULT.drift_day) == after
        ]  # fmt: skip

    before, after = severity(drifting, False), severity(drifting, True)
    assert _mean(before).holds(0.0)
    assert _mean(after).holds(-DEFAULT.drift_levels)
    assert _means(after, before).high < 0
    steady = PLAN.organisation.raters[1].name
    assert _means(severity(steady, True), severity(steady, False)).high > 0


@pytest.mark.parametrize("trial", DEFAULT.trials, ids=lambda trial: str(trial.name))
def test_experiments(of: dict[str, list[Seen]], trial: Trial) -> None:
    exposed = {
        each.learner: each.attributes["variant"]
        for each in of["experiment.exposed"] if each.thing.endswith(f"/{trial.name}")
    }  # fmt: skip
    for learner, variant in exposed.items():
        assert assign(trial.name, learner_unit(ISSUER, learner), WEIGHTS) == variant
    clicked = {
        each.learner for each in of["experiment.clicked"] if each.thing.endswith(f"/{trial.name}")
    }
    cases: dict[bool, list[bool]] = {True: [], False: []}
    for learner, variant in exposed.items():
        cases[variant == "new"].append(learner in clicked)
    assert len(exposed) > 300
    assert _difference(cases).holds(trial.effect)


def test_the_manager_loop(of: dict[str, list[Seen]]) -> None:
    tried, offered = _things(of["suggestion.tried"]), _things(of["suggestion.offered"])
    assert _holds(Share(len(tried), len(offered)), DEFAULT.tried)
    assert _holds(Share(len(of["suggestion.reported"]), len(tried)), DEFAULT.reported)
    for kind, truth in DEFAULT.worked.items():
        told = [each for each in of["suggestion.reported"] if each.attributes["kind"] == kind]
        assert _holds(_share(each.success is True for each in told), truth)
    assert {each.learner.split("-")[0] for each in of["suggestion.offered"]} == {"manager"}


def test_role_plays_and_feedback(of: dict[str, list[Seen]]) -> None:
    submitted = {each.thing: each.at for each in of["roleplay.submitted"]}
    due = {each.thing: each.attributes["due"] for each in of["roleplay.assigned"]}
    in_time = [
        thing in submitted and submitted[thing] <= datetime.fromisoformat(limit)
        for thing, limit in due.items()
    ]
    assert _holds(_share(in_time), DEFAULT.submitted_in_time)
    quality = [each.score for each in of["feedback.given"] if each.score is not None]
    assert _mean(quality).holds(DEFAULT.feedback_quality)


def test_nothing_is_unmapped(of: dict[str, list[Seen]]) -> None:
    assert "unmapped" not in of
    assert len(of["observation.logged"]) > 100
