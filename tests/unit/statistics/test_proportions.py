"""Shares against the numbers of domain.md, sections 4 and 7, Newcombe 1998, and statsmodels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics.normal import chi_square_tail, quantile, two_sided
from reports.statistics.proportions import (
    Interval,
    Share,
    fixed_z,
    newcombe,
    sample_per_arm,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "cases", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (45, 120, 0.2935, 0.4642),
        (1, 5, 0.0362, 0.6245),
    ],
)
def test_domain_4_wilson(successes: int, cases: int, low: float, high: float) -> None:
    interval = wilson(Share(successes, cases))
    assert interval == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("base", "other", "needed"),
    [(0.10, 0.12, 3841), (0.20, 0.25, 1094), (0.05, 0.055, 31234), (0.30, 0.36, 963)],
)
def test_domain_7_sample_per_arm(base: float, other: float, needed: int) -> None:
    assert sample_per_arm(base, other) == needed
    assert sample_per_arm(other, base) == needed


def test_domain_7_fixed_z_would_call_a_winner() -> None:
    z, p = fixed_z(Share(150, 1000), Share(120, 1000))
    assert z == pytest.approx(1.9630, abs=5e-5)
    assert p == pytest.approx(0.0496, abs=5e-5)


def test_newcombe_1998_table_ii_method_10() -> None:
    interval = newcombe(Share(56, 70), Share(48, 80))
    assert interval == pytest.approx((0.0524, 0.3339), abs=5e-5)
    nothing = newcombe(Share(0, 10), Share(0, 20))
    assert nothing == pytest.approx((-0.1611, 0.2775), abs=5e-5)


@given(st.integers(0, 300), st.integers(0, 300))
def test_intervals_hold_the_share_and_mirror(successes: int, failures: int) -> None:
    share = Share(successes, successes + failures)
    interval = wilson(share)
    if interval is None:
        assert share.cases == 0
        return
    assert 0 <= interval.low <= interval.high <= 1
    assert interval.holds(share.value)
    mirrored = wilson(Share(failures, share.cases))
    assert mirrored is not None
    assert mirrored.low == pytest.approx(1 - interval.high)


def test_without_cases_nothing_is_said() -> None:
    assert wilson(Share(0, 0)) is None
    assert newcombe(Share(0, 0), Share(1, 2)) is None


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="5 successes of 4 cases"):
        wilson(Share(5, 4))
    with pytest.raises(ValueError, match="different shares"):
        sample_per_arm(0.2, 0.2)
    with pytest.raises(ValueError, match="confidence"):
        quantile(1.0)


def test_against_statsmodels() -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for first, second in ((Share(3, 40), Share(11, 50)), (Share(700, 900), Share(1, 7))):
        low, high = proportion.confint_proportions_2indep(
            *first, *second, method="newcomb", compare="diff"
        )
        assert newcombe(first, second) == pytest.approx((low, high))
        low, high = proportion.proportion_confint(*first, alpha=0.1, method="wilson")
        assert wilson(first, 0.9) == pytest.approx((low, high))
        z, p = proportion.proportions_ztest((first[0], second[0]), (first[1], second[1]))
        assert fixed_z(first, second) == pytest.approx((z, p))


def test_tails_against_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for freedom in range(1, 9):
        for statistic in (0.0, 0.3, 4.0, 25.0, 120.0):
            expected = stats.chi2.sf(statistic, freedom)
            assert chi_square_tail(statistic, freedom) == pytest.approx(expected, rel=1e-9)
    assert two_sided(-2.5) == pytest.approx(2 * stats.norm.sf(2.5))


def test_an_interval_has_both_ends() -> None:
    assert Interval(0.1, 0.2).holds(0.2)
    assert not Interval(0.1, 0.2).holds(0.21)
