"""Kaplan-Meier against the published curves of domain.md section 4, and scipy."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics.survival import Observed, kaplan_meier, log_rank, up_to

_TREATED_EVENTS = [6, 6, 6, 7, 10, 13, 16, 22, 23]
_TREATED_CENSORED = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
TREATED = Observed(Counter(_TREATED_EVENTS), Counter(_TREATED_CENSORED))
PLACEBO = Observed(
    Counter([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]), {}
)

_times = st.dictionaries(st.integers(0, 40), st.integers(0, 5), max_size=12)
observed = st.builds(Observed, _times, _times)


def test_domain_4_kaplan_meier() -> None:
    curve = kaplan_meier(TREATED)
    expected = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}
    assert {p.time: round(p.survival, 4) for p in curve.points} == expected
    assert curve.median == 23
    assert curve.at(5) == 1
    assert curve.at(12) == pytest.approx(0.7529, abs=5e-5)
    assert kaplan_meier(PLACEBO).median == 8


def test_domain_4_log_rank() -> None:
    statistic, p = log_rank(TREATED, PLACEBO)
    assert statistic == pytest.approx(16.793, abs=5e-4)
    assert p == pytest.approx(4.17e-5, rel=0.01)
    assert log_rank(PLACEBO, TREATED)[0] == pytest.approx(statistic)


def test_greenwood_error_of_the_published_curve() -> None:
    """Kleinbaum and Klein, Survival Analysis, print .0764 at 6, .0869 at 7 and .1346 at 23."""
    errors = {p.time: p.error for p in kaplan_meier(TREATED).points}
    assert errors[6] == pytest.approx(0.0764, abs=5e-5)
    assert errors[7] == pytest.approx(0.0869, abs=5e-5)
    assert errors[23] == pytest.approx(0.1346, abs=5e-5)


def test_against_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    censored = stats.CensoredData(uncensored=_TREATED_EVENTS, right=_TREATED_CENSORED)
    curve = stats.ecdf(censored).sf
    interval = curve.confidence_interval(0.9, method="log-log")
    points = kaplan_meier(TREATED, 0.9).points
    for point in points:
        place = list(curve.quantiles).index(point.time)
        assert point.survival == pytest.approx(curve.probabilities[place])
        low, high = interval.low.probabilities[place], interval.high.probabilities[place]
        assert point.interval == pytest.approx((low, high))


def test_censoring_at_a_limit() -> None:
    cut = up_to(20, TREATED)
    assert cut.censored[20] == 1 + 2 + 5
    assert list(kaplan_meier(cut).points) == list(kaplan_meier(TREATED).points[:5])
    assert kaplan_meier(cut).median is None
    assert kaplan_meier(cut).quantile(0.3) == 13


def test_the_mean_of_those_who_acted_is_biased_and_the_median_is_not_seen() -> None:
    """Ten shown, two acted at once: not a time to act of one minute."""
    curve = kaplan_meier(Observed({1: 2}, {1440: 8}))
    assert curve.median is None
    assert curve.at(1440) == pytest.approx(0.8)


def test_everybody_had_it() -> None:
    curve = kaplan_meier(Observed({3: 2, 5: 2}, {}))
    assert [(p.survival, p.interval is None) for p in curve.points] == [(0.5, False), (0.0, True)]
    assert curve.median == 3
    assert kaplan_meier(Observed({}, {})).points == ()


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        kaplan_meier(Observed({3: -1}, {}))


@given(observed, observed)
def test_tables_merge_in_any_order(one: Observed, two: Observed) -> None:
    assert kaplan_meier(one.merged(two)) == kaplan_meier(two.merged(one))


@given(observed)
def test_a_curve_falls_and_stays_within_its_interval(given_: Observed) -> None:
    before = 1.0
    for point in kaplan_meier(given_).points:
        assert 0 <= point.survival < before
        before = point.survival
        if point.interval is not None:
            assert 0 <= point.interval.low <= point.survival <= point.interval.high <= 1


@given(_times)
def test_without_censoring_it_is_the_share_that_is_left(events: dict[int, int]) -> None:
    curve = kaplan_meier(Observed(events, {}))
    total = sum(events.values())
    for time in events:
        left = sum(n for when, n in events.items() if when > time)
        assert total == 0 or curve.at(time) == pytest.approx(left / total)
