"""Do two indicators move together, one some periods after the other? Descriptive, no cause.

The interval is Fisher's on the z scale. Numbers that drift slowly look more related than they are,
so the number of pairs is first reduced by what each series says of its own next value (Quenouille
1947; Pyper and Peterman 1998, with one lag): n' = n (1 - a b) / (1 + a b), a and b the two lag-one
autocorrelations, where their product is above 0.
"""

from collections.abc import Iterable, Mapping
from math import atanh, sqrt, tanh
from typing import NamedTuple

from reports.statistics.normal import quantile
from reports.statistics.proportions import Interval

Series = Mapping[int, float]
"""Period (whole numbers that follow each other) -> value. Periods may be missing."""

FEWEST_PAIRS = 5
_ALMOST_ONE = 1 - 1e-12


class Lagged(NamedTuple):
    """`correlation` of leading(t) with lagging(t + lag) over `pairs` periods. `effective`: pairs
    after the reduction. `interval`: None when there are too few."""

    lag: int
    correlation: float
    pairs: int
    effective: float
    interval: Interval | None


def lagged(leading: Series, lagging: Series, lag: int, confidence: float = 0.95) -> Lagged | None:
    """Of one cohort; None with fewer than five pairs, or when one of the two does not move."""
    periods = sorted(period for period in leading if period + lag in lagging)
    x = [leading[period] for period in periods]
    y = [lagging[period + lag] for period in periods]
    found = correlation(x, y) if len(periods) >= FEWEST_PAIRS else None
    if found is None:
        return None
    effective = _effective(len(periods), _next(leading, periods), _shifted(lagging, periods, lag))
    return Lagged(lag, found, len(periods), effective, fisher(found, effective, confidence))


def pooled(
    cohorts: Iterable[tuple[Series, Series]], lag: int, confidence: float = 0.95
) -> Lagged | None:
    """Over all cohorts, each measured from its own mean, so that a cohort that is high in both does
    not count as moving together. A cohort costs one pair; one with fewer than two pairs is out."""
    x: list[float] = []
    y: list[float] = []
    lost = 0
    effective = 0.0
    for leading, lagging in cohorts:
        periods = sorted(period for period in leading if period + lag in lagging)
        if len(periods) < 2:
            continue
        own = [leading[period] for period in periods]
        other = [lagging[period + lag] for period in periods]
        x += _centred(own)
        y += _centred(other)
        lost += 1
        next_own, next_other = _next(leading, periods), _shifted(lagging, periods, lag)
        effective += _effective(len(periods), next_own, next_other)
    found = correlation(x, y) if len(x) - lost >= FEWEST_PAIRS else None
    if found is None:
        return None
    interval = fisher(found, effective - lost + 1, confidence)
    return Lagged(lag, found, len(x), effective, interval)


def correlation(x: list[float], y: list[float]) -> float | None:
    """Pearson's; None when either does not move."""
    x, y = _centred(x), _centred(y)
    xx, yy = sum(a * a for a in x), sum(b * b for b in y)
    if xx <= 0 or yy <= 0:
        return None
    return max(-1.0, min(1.0, sum(a * b for a, b in zip(x, y, strict=True)) / sqrt(xx * yy)))


def fisher(found: float, pairs: float, confidence: float = 0.95) -> Interval | None:
    """Interval of a correlation over `pairs` independent pairs; None with three or fewer."""
    if pairs <= 3:
        return None
    centre = atanh(max(-_ALMOST_ONE, min(_ALMOST_ONE, found)))
    half = quantile(confidence) / sqrt(pairs - 3)
    return Interval(tanh(centre - half), tanh(centre + half))


def _effective(pairs: int, a: float, b: float) -> float:
    product = max(0.0, a * b)
    return pairs * (1 - product) / (1 + product)


def _shifted(series: Series, periods: list[int], lag: int) -> float:
    return _next(series, [period + lag for period in periods])


def _next(series: Series, periods: list[int]) -> float:
    """Correlation of the values with those of the following period; 0 where it cannot be said."""
    known = set(periods)
    first = [period for period in periods if period + 1 in known]
    if len(first) < 3:
        return 0.0
    found = correlation([series[p] for p in first], [series[p + 1] for p in first])
    return 0.0 if found is None else found


def _centred(values: list[float]) -> list[float]:
    if not values:
        return []
    mean = sum(values) / len(values)
    return [value - mean for value in values]
