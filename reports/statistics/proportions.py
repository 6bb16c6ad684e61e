"""Shares and their differences, with intervals.

Sources: Wilson, E. B. (1927), JASA 22; Newcombe, R. G. (1998), Statistics in Medicine 17, 873-890
(method 10: two Wilson intervals combined).
"""

from math import ceil, sqrt
from statistics import NormalDist
from typing import NamedTuple

from reports.statistics.normal import quantile, two_sided


class Interval(NamedTuple):
    """Both ends are inside."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


class Share(NamedTuple):
    """`successes` of `cases`."""

    successes: int
    cases: int

    @property
    def value(self) -> float:
        """Raises ZeroDivisionError without cases."""
        return self.successes / self.cases


def wilson(share: Share, confidence: float = 0.95) -> Interval | None:
    """The score interval of a share; None without cases."""
    if not 0 <= share.successes <= share.cases:
        raise ValueError(f"{share.successes} successes of {share.cases} cases")
    if share.cases == 0:
        return None
    z = quantile(confidence)
    n, p = share.cases, share.value
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if share.successes == 0 else centre - half
    high = 1.0 if share.successes == share.cases else centre + half
    return Interval(low, high)


def newcombe(first: Share, second: Share, confidence: float = 0.95) -> Interval | None:
    """Interval of first - second; None when either has no cases."""
    one, two = wilson(first, confidence), wilson(second, confidence)
    if one is None or two is None:
        return None
    p, q = first.value, second.value
    return Interval(
        p - q - sqrt((p - one.low) ** 2 + (two.high - q) ** 2),
        p - q + sqrt((one.high - p) ** 2 + (q - two.low) ** 2),
    )


def fixed_z(first: Share, second: Share) -> tuple[float, float]:
    """(z, p) of the pooled two-sample test. Holds for one look that was planned before; under
    repeated looks use `sequential`. Raises ZeroDivisionError when nothing varies."""
    pooled = (first.successes + second.successes) / (first.cases + second.cases)
    error = sqrt(pooled * (1 - pooled) * (1 / first.cases + 1 / second.cases))
    z = (first.value - second.value) / error
    return z, two_sided(z)


def sample_per_arm(base: float, other: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Cases an arm that tell `other` from `base` (shares) at a two-sided level `alpha`."""
    if base == other or not (0 < base < 1 and 0 < other < 1):
        raise ValueError("two different shares between 0 and 1 are needed")
    mean = (base + other) / 2
    under_null = quantile(1 - alpha) * sqrt(2 * mean * (1 - mean))
    spread = sqrt(base * (1 - base) + other * (1 - other))
    under_effect = NormalDist().inv_cdf(power) * spread
    return ceil((under_null + under_effect) ** 2 / (other - base) ** 2)
