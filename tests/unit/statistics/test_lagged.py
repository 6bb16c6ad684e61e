"""Lagged correlation: what is found, how wide, and when nothing is said (item 7 of the issue)."""

from math import sqrt
from random import Random

import pytest

from reports.statistics.lagged import Series, fisher, lagged, pooled


def test_fisher_interval_by_hand() -> None:
    """r = .5, n = 28: atanh(.5) = .549306, 1.959964 / 5 = .391993."""
    interval = fisher(0.5, 28)
    assert interval == pytest.approx((0.156028, 0.735820), abs=1e-5)
    assert fisher(0.9, 3) is None


def test_against_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = Random(4)
    x = {t: rng.gauss(0, 1) for t in range(40)}
    y = {t + 2: value + rng.gauss(0, 1) for t, value in x.items()}
    found = lagged(x, y, 2)
    expected = stats.pearsonr(list(x.values()), list(y.values()))
    assert found is not None
    assert found.correlation == pytest.approx(expected.statistic)
    interval = expected.confidence_interval()
    assert fisher(found.correlation, 40) == pytest.approx((interval.low, interval.high))


def test_the_lag_is_found() -> None:
    rng = Random(1)
    leading = {week: rng.gauss(0, 1) for week in range(60)}
    lagging = {week + 2: 0.7 * v + 0.5 * rng.gauss(0, 1) for week, v in leading.items()}
    found = {lag: lagged(leading, lagging, lag) for lag in range(5)}
    best = found[2]
    assert best is not None
    assert best.pairs == 60
    assert best.interval is not None
    assert best.interval.low > 0.5
    for lag in (0, 1, 3, 4):
        other = found[lag]
        assert other is not None
        assert other.interval is not None
        assert other.interval.holds(0.0)


def test_missing_periods_are_left_out() -> None:
    leading = {t: float(t % 3) for t in range(12) if t != 4}
    lagging = {t: float(t % 3) for t in range(12) if t != 9}
    found = lagged(leading, lagging, 3)
    assert found is not None
    assert found.pairs == 12 - 3 - 2
    assert found.correlation == pytest.approx(1.0)


def test_too_few_pairs_or_no_movement_say_nothing() -> None:
    assert lagged({1: 1.0, 2: 2.0}, {1: 1.0, 2: 2.0}, 0) is None
    still = dict.fromkeys(range(10), 0.5)
    assert lagged(still, {t: float(t) for t in range(10)}, 0) is None


def _walk(rng: Random) -> Series:
    value, series = 0.0, {}
    for week in range(60):
        value = 0.95 * value + rng.gauss(0, 1)
        series[week] = value
    return series


def test_two_unrelated_drifting_series_are_seldom_called_related() -> None:
    rng = Random(2)
    plain = reduced = 0
    for _ in range(300):
        found = lagged(_walk(rng), _walk(rng), 0)
        assert found is not None
        assert found.effective <= found.pairs
        naive = fisher(found.correlation, found.pairs)
        assert naive is not None
        plain += not naive.holds(0.0)
        reduced += found.interval is not None and not found.interval.holds(0.0)
    assert plain > 100
    assert reduced < 0.1 * 300


def test_cohorts_that_differ_in_level_alone_do_not_move_together() -> None:
    rng = Random(3)
    cohorts = []
    for level in range(12):
        cohorts.append(
            (
                {t: level + rng.gauss(0, 0.3) for t in range(20)},
                {t: level + rng.gauss(0, 0.3) for t in range(20)},
            )
        )
    found = pooled(cohorts, 0)
    assert found is not None
    assert found.pairs == 240
    assert found.interval is not None
    assert found.interval.holds(0.0)
    flat = lagged(
        {i * 20 + t: v for i, (x, _) in enumerate(cohorts) for t, v in x.items()},
        {i * 20 + t: v for i, (_, y) in enumerate(cohorts) for t, v in y.items()},
        0,
    )
    assert flat is not None
    assert flat.correlation > 0.9


def test_pooling_narrows_the_interval() -> None:
    rng = Random(5)
    cohorts: list[tuple[Series, Series]] = []
    for _ in range(10):
        x = {t: rng.gauss(0, 1) for t in range(15)}
        cohorts.append((x, {t + 1: v + rng.gauss(0, 1) for t, v in x.items()}))
    found, single = pooled(cohorts, 1), lagged(*cohorts[0], 1)
    assert found is not None
    assert single is not None
    assert found.interval is not None
    assert single.interval is not None
    assert found.interval.holds(1 / sqrt(2))
    width = found.interval.high - found.interval.low
    assert width < (single.interval.high - single.interval.low) / 2
