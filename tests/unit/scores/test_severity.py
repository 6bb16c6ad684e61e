"""Severity of raters and its drift."""

from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.scores.severity import (
    WEIGHT,
    Baseline,
    baseline,
    deviations,
    drift,
    severity,
)


def test_severity_is_the_mean_distance_from_the_others() -> None:
    ratings = {
        "x": {"a": 4.0, "b": 3.0, "c": 2.0},
        "y": {"a": 4.0, "b": 3.0},
        "z": {"a": 1.0},
        "w": {"b": 2.0, "c": 2.0},
    }
    assert deviations(ratings, "a") == [1.5, 1.0]
    found = severity(ratings, "a")
    assert found is not None
    assert (found.items, found.mean) == (2, 1.25)
    assert severity(ratings, "nobody") is None


def test_a_severe_and_a_lenient_rater_are_told_from_the_others() -> None:
    draw = Random(5)
    ratings = {}
    for item in range(40):
        level = draw.randint(2, 4)
        ratings[str(item)] = {
            "as agreed": level + draw.choice([-0.5, 0, 0.5]),
            "as agreed too": level + draw.choice([-0.5, 0, 0.5]),
            "severe": level - 1 + draw.choice([-0.5, 0, 0.5]),
            "lenient": level + 1 + draw.choice([-0.5, 0, 0.5]),
        }
    words = {}
    for rater in ratings["0"]:
        found = severity(ratings, rater)
        assert found is not None
        words[rater] = found.word
    assert words == {
        "as agreed": "like the others",
        "as agreed too": "like the others",
        "severe": "severe",
        "lenient": "lenient",
    }


@pytest.mark.parametrize("items", [1, 2, 9])
def test_a_few_items_say_nothing_about_severity(items: int) -> None:
    found = severity({str(item): {"a": 4.0, "b": 1.0} for item in range(items)}, "a")
    assert found is not None
    assert found.word == "too few items"
    ten = severity({str(item): {"a": 4.0, "b": 1.0} for item in range(10)}, "a")
    assert ten is not None
    assert ten.word == "lenient"


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=20),
    st.integers(-3, 3),
)
def test_two_raters_are_opposite_and_a_shift_of_all_levels_changes_nothing(
    pairs: list[tuple[int, int]], shift: int
) -> None:
    ratings = {str(i): {"a": float(a), "b": float(b)} for i, (a, b) in enumerate(pairs)}
    moved = {
        str(i): {"a": float(a + shift), "b": float(b + shift)} for i, (a, b) in enumerate(pairs)
    }
    ours, theirs, after = severity(ratings, "a"), severity(ratings, "b"), severity(moved, "a")
    assert ours is not None
    assert theirs is not None
    assert ours.mean == -theirs.mean
    assert ours == after


def test_section_6_limits_are_one_sigma_of_a_single_deviation() -> None:
    (point,) = drift([0.5], Baseline(centre=0.5, sigma=0.8))
    assert point.low == pytest.approx(0.5 - 0.8)
    assert point.high == pytest.approx(0.5 + 0.8)
    assert point.average == 0.5
    assert not point.out


def test_the_average_is_exponentially_weighted() -> None:
    points = drift([1.0, 0.0, 2.0], Baseline(centre=0.0, sigma=1.0))
    first = WEIGHT * 1.0
    second = (1 - WEIGHT) * first
    third = (1 - WEIGHT) * second + WEIGHT * 2.0
    assert [point.average for point in points] == pytest.approx([first, second, third])


def _run_length(draw: Random, shift: float) -> int:
    """Items until the first point outside the limits."""
    found: list[float] = []
    while True:
        found += [draw.gauss(shift, 1) for _ in range(50)]
        points = drift(found, Baseline(centre=0.0, sigma=1.0))
        for place, point in enumerate(points):
            if point.out:
                return place + 1


def test_drift_is_found_as_fast_as_published() -> None:
    """Lucas and Saccucci 1990, weight .2: about 10.5 items on average for a shift of 1 sigma, and
    500 without one, both at limits 2.962; ours are 3, so a little slower."""
    draw = Random(11)
    assert fmean(_run_length(draw, 1.0) for _ in range(250)) == pytest.approx(10.8, abs=1.0)
    still = [_run_length(draw, 0.0) > 50 for _ in range(100)]
    assert fmean(still) > 0.85


def test_a_baseline_needs_enough_items() -> None:
    assert baseline([0.0, 1.0] * 9) is None
    usual = baseline([0.0, 1.0] * 10)
    assert usual is not None
    assert usual.centre == 0.5
    assert usual.sigma == pytest.approx(0.5130, abs=5e-5)


def test_a_rater_who_grows_severe_leaves_the_limits_downwards() -> None:
    draw = Random(3)
    usual = baseline([draw.choice([-1.0, 0.0, 0.0, 1.0]) for _ in range(30)])
    assert usual is not None
    points = drift([draw.choice([-2.0, -1.0, -1.0, 0.0]) for _ in range(30)], usual)
    assert points[-1].out
    assert points[-1].average < points[-1].low
