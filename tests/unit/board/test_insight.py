"""The insight is chosen by the rule of reports/board/insight.py, and by nothing else."""

from math import asin, erfc, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.board.insight import DISCOVERY_RATE, choose
from reports.board.read import Cohort, Indicator, Point
from tests.unit.board.values import count, indicator, rate

ALDER = Cohort("team", "Alder")
BIRCH = Cohort("team", "Birch")


def only(one: Indicator, before: Point, now: Point, least: int = 10) -> tuple[int, bool]:
    """How many comparisons, and whether one was chosen."""
    key = (one.name, ALDER)
    found = choose([one], {key: now}, {key: before}, least)
    return found.compared, found.chosen is not None


def test_a_clear_shift_is_chosen_with_its_p_value() -> None:
    one = indicator()
    key = (one.name, ALDER)
    found = choose([one], {key: rate(150, 1000)}, {key: rate(120, 1000)}, 10)
    # domain.md, section 7: fixed z for 150/1000 against 120/1000 is 1.9630, p .0496.
    assert found.compared == 1
    assert found.chosen is None, "3 points matter less than the rule asks for"
    found = choose([one], {key: rate(600, 1000)}, {key: rate(500, 1000)}, 10)
    assert found.chosen is not None
    pooled = 0.55
    z = 0.1 / sqrt(pooled * 0.45 * 2 / 1000)
    assert found.chosen.p == pytest.approx(erfc(z / sqrt(2)))
    h = 2 * asin(sqrt(0.6)) - 2 * asin(sqrt(0.5))
    assert found.chosen.weight == pytest.approx(h * sqrt(20) * 0.7)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (rate(500, 1000, people=9), rate(600, 1000)),
        (rate(500, 1000), rate(600, 1000, people=9)),
        (rate(5, 10), rate(6, 10)),
        (rate(500, 1000), rate(500, 1000)),
        (rate(1000, 1000), rate(1000, 1000)),
    ],
)
def test_what_is_small_uncertain_or_unmoved_is_not_chosen(before: Point, now: Point) -> None:
    assert not only(indicator(), before, now)[1]


def test_a_provisional_value_is_not_compared() -> None:
    counted = indicator(measure="count")
    assert only(counted, count(100), count(300, provisional=True)) == (0, False)
    assert only(counted, count(100), count(300)) == (1, True)


@pytest.mark.parametrize("measure", ["people", "share_of_eligible", "mean"])
def test_measures_whose_spread_is_not_known_are_never_chosen(measure: str) -> None:
    assert only(indicator(measure=measure), rate(10, 1000), rate(900, 1000)) == (0, False)


def test_leading_comes_before_lagging_and_worse_before_better() -> None:
    leading, lagging = indicator("a", kind="leading"), indicator("b")
    now = {(each.name, ALDER): rate(600, 1000) for each in (leading, lagging)}
    before = {(each.name, ALDER): rate(500, 1000) for each in (leading, lagging)}
    found = choose([leading, lagging], now, before, 10)
    assert [shift.indicator.name for shift in found.certain] == ["a", "b"]
    now = {("b", ALDER): rate(600, 1000), ("b", BIRCH): rate(400, 1000)}
    before = {("b", ALDER): rate(500, 1000), ("b", BIRCH): rate(500, 1000)}
    found = choose([lagging], now, before, 10)
    assert found.chosen is not None
    assert found.chosen.cohort == BIRCH
    assert not found.chosen.is_good


@given(
    shares=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=1, max_size=30)
)
def test_no_more_is_certain_than_the_false_discovery_rate_allows(
    shares: list[tuple[int, int]],
) -> None:
    one = indicator()
    cohorts = [Cohort("team", f"T{i:02}") for i in range(len(shares))]
    before = {(one.name, c): rate(p, 200) for c, (p, _) in zip(cohorts, shares, strict=True)}
    now = {(one.name, c): rate(q, 200) for c, (_, q) in zip(cohorts, shares, strict=True)}
    found = choose([one], now, before, 10)
    if found.certain:
        worst = max(shift.p for shift in found.certain)
        assert worst <= DISCOVERY_RATE
        assert found.chosen == max(found.certain, key=lambda shift: shift.weight)


def test_one_borderline_shift_among_many_equal_ones_is_chance() -> None:
    one = indicator()
    cohorts = [Cohort("team", f"T{i:02}") for i in range(30)]
    before = {(one.name, cohort): rate(100, 200) for cohort in cohorts}
    now = dict(before)
    now[one.name, cohorts[0]] = rate(121, 200)
    alone = choose(
        [one], {(one.name, ALDER): rate(121, 200)}, {(one.name, ALDER): rate(100, 200)}, 5
    )
    assert alone.chosen is not None
    assert choose([one], now, before, 5).chosen is None
