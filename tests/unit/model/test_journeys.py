"""Journeys of the bundled catalog, case by case, as timelines."""

from collections.abc import Mapping, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import NOBODY, Attribute
from streams.catalog import load
from streams.model.journeys import JourneyRules, WalkedStep

DAY = 86_400_000
HOUR = 3_600_000
CATALOG = load()

Timeline = Sequence[tuple[float, str] | tuple[float, str, Mapping[str, Attribute]]]
Cases = list[tuple[float, int, int]]
"""(day, num, den)"""


def walk(timeline: Timeline) -> list[WalkedStep]:
    """(day, step[, attributes]) -> steps; the place in the timeline is the event id."""
    steps = []
    for n, what in enumerate(timeline):
        attributes: dict[str, Attribute] = dict(what[2]) if len(what) == 3 else {}
        at = round(what[0] * DAY)
        steps.append(WalkedStep(at, bytes([n]) * 16, what[1], b"a" * 16, NOBODY, attributes))
    return steps


def counted(journey: str, timeline: Timeline, indicator: str) -> Cases:
    """(day, num, den) of the indicator's cases."""
    made = JourneyRules(journey, CATALOG).contributions(walk(timeline))
    return sorted(
        (one.occurred_at / DAY, one.num, one.den)
        for one, times in made.items()
        for _ in range(times)
        if one.indicator == indicator
    )


@pytest.mark.parametrize(
    ("timeline", "wanted"),
    [
        ([(0, "opened"), (1, "resolved")], [(1, 1, 1)]),
        ([(0, "opened"), (1, "resolved"), (3, "reopened"), (4, "resolved")], [(1, 0, 1)]),
        ([(0, "opened"), (1, "resolved"), (7, "reopened")], [(1, 1, 1)]),
        ([(0, "opened"), (1, "resolved"), (6, "reopened")], [(1, 0, 1)]),
        ([(0, "opened"), (2, "closed")], [(2, 1, 1)]),
        ([(0, "opened")], []),
        (
            [(0, "opened"), (1, "replied", {"public": True}), (2, "resolved")],
            [(2, 1, 1)],
        ),
        (
            [
                (0, "opened"),
                (1, "replied", {"public": True}),
                (1.5, "replied", {"public": True}),
                (2, "resolved"),
            ],
            [(2, 0, 1)],
        ),
        (
            [
                (0, "opened"),
                (1, "replied", {"public": False}),
                (1.2, "replied", {"public": 1}),
                (1.5, "replied", {"public": True}),
                (2, "resolved"),
            ],
            [(2, 1, 1)],
        ),
    ],
)
def test_first_contact_resolution(timeline: Timeline, wanted: Cases) -> None:
    assert counted("ticket", timeline, "first_contact_resolution") == wanted


@pytest.mark.parametrize(
    ("timeline", "wanted"),
    [
        ([(0, "opened"), (1, "resolved"), (1.1, "resolved"), (6, "closed")], [(1, 1, 0)]),
        (
            [(0, "opened"), (1, "resolved"), (2, "reopened"), (3, "closed")],
            [(1, 1, 0), (3, 1, 0)],
        ),
        ([(1, "resolved")], [(1, 1, 0)]),
    ],
)
def test_resolutions_are_counted_once_an_episode(timeline: Timeline, wanted: Cases) -> None:
    assert counted("ticket", timeline, "tickets_resolved") == wanted


@pytest.mark.parametrize(
    ("timeline", "wanted"),
    [
        ([(0, "opened"), (7, "escalated")], [(0, 1, 1)]),
        ([(0, "opened"), (7.01, "escalated")], [(0, 0, 1)]),
        ([(1, "escalated"), (2, "opened")], [(2, 0, 1)]),
    ],
)
def test_escalation_within_seven_days(timeline: Timeline, wanted: Cases) -> None:
    assert counted("ticket", timeline, "escalation_rate") == wanted


def test_service_level_looks_at_the_first_closing_that_knows() -> None:
    timeline: Timeline = [
        (0, "opened"),
        (1, "closed"),
        (2, "closed", {"sla_met": False}),
        (3, "closed", {"sla_met": True}),
    ]
    assert counted("ticket", timeline, "sla_met") == [(2, 0, 1)]


@pytest.mark.parametrize(
    ("timeline", "wanted"),
    [
        ([(0, "opened"), (10, "won")], [(10, 10 * DAY, 1)]),
        ([(1, "won"), (2, "opened"), (5, "won")], [(5, 3 * DAY, 1)]),
        ([(1, "won")], []),
        ([(0, "opened"), (4, "opened"), (10, "won")], [(10, 10 * DAY, 1)]),
    ],
)
def test_days_to_close(timeline: Timeline, wanted: Cases) -> None:
    assert counted("deal", timeline, "days_to_close") == wanted


def test_win_rate_stands_at_the_first_end() -> None:
    assert counted("deal", [(0, "opened"), (3, "lost"), (4, "won")], "win_rate") == [(3, 0, 1)]


steps = st.lists(
    st.tuples(
        st.integers(0, 12), st.sampled_from(["opened", "resolved", "reopened", "closed", "replied"])
    ),
    max_size=10,
)


@given(steps, st.randoms(use_true_random=False))
def test_differences_add_up_in_any_order(timeline: list[tuple[float, str]], random: Random) -> None:
    rules = JourneyRules("ticket", CATALOG)
    arriving = walk(timeline)
    wanted = rules.contributions(
        sorted(arriving, key=lambda step: (step.occurred_at, step.event_id))
    )
    twice = arriving + arriving[: random.randrange(len(arriving) + 1)]
    random.shuffle(twice)
    kept: list[WalkedStep] = []
    total: dict[object, int] = {}
    for step in twice:
        for one, times in rules.difference(kept, step):
            total[one] = total.get(one, 0) + times
    assert {one: times for one, times in total.items() if times} == wanted
