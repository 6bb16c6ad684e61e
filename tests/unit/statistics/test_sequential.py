"""Always-valid tests: the numbers of domain.md section 7, and their error under peeking."""

from itertools import accumulate
from math import isfinite, sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics.balance import chi_square, evidence, mismatch
from reports.statistics.normal import two_sided
from reports.statistics.proportions import Share, fixed_z
from reports.statistics.sequential import (
    Difference,
    Moments,
    always_valid,
    difference,
    half_width,
    likelihood_ratio,
)

V_PAIR = 0.2331
T = 0.02
"""domain.md gives t = .02; the formulas take its square."""

RUNS = 400
STEP = 25
FIRST_LOOK = 100
LAST_LOOK = 3_000


@pytest.mark.parametrize(
    ("pairs", "ratio", "half"), [(1000, 2.0547, 0.050785), (5000, 1835.56, 0.020724)]
)
def test_domain_7_msprt(pairs: int, ratio: float, half: float) -> None:
    found = Difference(0.15 - 0.12, V_PAIR / pairs)
    assert likelihood_ratio(found, T**2) == pytest.approx(ratio, rel=1e-5)
    assert half_width(found.variance, T**2, 0.05) == pytest.approx(half, abs=1e-6)


def test_domain_7_the_sequential_test_does_not_call_what_the_fixed_one_does() -> None:
    variant, control = Moments.of_share(150, 1000), Moments.of_share(120, 1000)
    found = difference(variant, control)
    assert found is not None
    assert found.variance * 1000 == pytest.approx(V_PAIR)
    assert 1.96 * sqrt(found.variance) == pytest.approx(0.029925, abs=1e-6)
    assert fixed_z(Share(150, 1000), Share(120, 1000))[1] < 0.05
    assert always_valid([found], T**2, 0.05).p == pytest.approx(1 / 2.0547, rel=1e-4)


@pytest.mark.parametrize(
    ("counts", "statistic", "p"),
    [
        ((821588, 815482), 22.774, 1.82e-6),
        ((600, 400), 40.0, 2.54e-10),
        ((1000, 1100), 4.7619, 0.0291),
        ((5000, 5300), 8.7379, 0.0031),
    ],
)
def test_domain_7_srm_chi_square(counts: tuple[int, int], statistic: float, p: float) -> None:
    found = chi_square(counts, (1, 1))
    assert found.statistic == pytest.approx(statistic, abs=5e-4)
    assert found.p == pytest.approx(p, rel=0.01)


@pytest.mark.parametrize(
    ("counts", "e"),
    [
        ((50, 50), 0.70622),
        ((60, 40), 1.93265),
        ((1000, 1100), 2.06811),
        ((5000, 5300), 7.41324),
    ],
)
def test_domain_7_srm_continuous(counts: tuple[int, int], e: float) -> None:
    assert evidence(counts, (1, 1)) == pytest.approx(e, abs=5e-6)
    assert not mismatch(counts, (1, 1))
    assert mismatch((821588, 815482), (1, 1)) == (evidence((821588, 815482), (1, 1)) > 1000)


def test_evidence_stays_a_number_that_json_can_carry() -> None:
    assert isfinite(evidence((900_000, 100_000), (1, 1)))
    huge = Difference(0.9, 1e-9)
    assert isfinite(likelihood_ratio(huge, 0.01))
    assert always_valid([huge], 0.01, 0.05).p < 1e-200


def test_srm_takes_the_weights() -> None:
    assert not mismatch((9_000, 1_000), (90, 10))
    assert mismatch((8_000, 2_000), (90, 10))
    assert chi_square((450, 50), (0.9, 0.1)).statistic == 0
    with pytest.raises(ValueError, match="as many"):
        evidence((1, 2, 3), (1, 1))


def _looks(rng: Random, shares: tuple[float, float]) -> list[Difference | None]:
    """One experiment, looked at after every STEP cases an arm, from FIRST_LOOK on."""
    steps = range(0, LAST_LOOK, STEP)
    arms = [
        list(accumulate(sum(rng.random() < share for _ in range(STEP)) for _ in steps))
        for share in shares
    ]
    sizes = range(STEP, LAST_LOOK + 1, STEP)
    return [
        difference(Moments.of_share(a, n), Moments.of_share(b, n))
        for n, a, b in zip(sizes, *arms, strict=True)
        if n >= FIRST_LOOK
    ]


def test_domain_7_under_the_null_constant_peeking_keeps_the_error() -> None:
    rng = Random(7)
    sequential = fixed = 0
    for _ in range(RUNS):
        looks = _looks(rng, (0.12, 0.12))
        sequential += always_valid(looks, 0.05**2, 0.05).p < 0.05
        fixed += any(d and two_sided(d.value / sqrt(d.variance)) < 0.05 for d in looks)
    # 5 % of 400 is 20, with a standard deviation of 4.4.
    assert sequential <= 20 + 2 * 4.4
    # The usual p-value under the same peeking: what the test is there to prevent.
    assert fixed > 0.2 * RUNS


def test_the_interval_over_all_looks_holds_the_true_difference() -> None:
    rng = Random(8)
    missed = 0
    called = 0
    for _ in range(100):
        found = always_valid(_looks(rng, (0.20, 0.12)), 0.05**2, 0.05)
        assert found.interval is not None
        missed += not found.interval.holds(0.08)
        called += found.p < 0.05
    assert missed <= 5 + 2 * 2.2
    assert called > 95


def test_srm_alarm_keeps_its_error_under_constant_peeking() -> None:
    rng = Random(9)
    alarms = 0
    for _ in range(RUNS):
        counts = [0, 0]
        for _ in range(60):
            ones = sum(rng.random() < 0.5 for _ in range(50))
            counts[0] += ones
            counts[1] += 50 - ones
            if mismatch(counts, (1, 1), alpha=0.05):
                alarms += 1
                break
    assert alarms <= 20 + 2 * 4.4


@given(
    st.lists(
        st.tuples(st.floats(-1, 1), st.floats(1e-6, 1.0)).map(lambda pair: Difference(*pair)),
        min_size=1,
        max_size=20,
    )
)
def test_p_only_falls_and_the_last_look_counts(looks: list[Difference]) -> None:
    before = 1.0
    for end in range(1, len(looks) + 1):
        found = always_valid(looks[:end], 0.01, 0.05)
        assert 0 <= found.p <= before
        before = found.p
        assert found.interval is not None
        if not found.consistent:
            half = half_width(looks[end - 1].variance, 0.01, 0.05)
            assert found.interval.low == pytest.approx(looks[end - 1].value - half)


def test_nothing_varies_nothing_is_said() -> None:
    assert difference(Moments.of_share(0, 50), Moments.of_share(0, 50)) is None
    assert difference(Moments.of_share(0, 0), Moments.of_share(3, 50)) is None
    found = always_valid([None], 0.01, 0.05)
    assert found == (1.0, None, True)


@given(st.lists(st.integers(0, 50), min_size=1), st.lists(st.integers(0, 50), min_size=1))
def test_moments_merge(one: list[int], two: list[int]) -> None:
    def of(values: list[int]) -> Moments:
        return Moments(len(values), sum(values), sum(v * v for v in values))

    assert of(one).plus(of(two)) == of(one + two)
    mean = sum(one) / len(one)
    variance = sum((v - mean) ** 2 for v in one) / len(one)
    assert of(one).variance == pytest.approx(variance, abs=1e-6)
