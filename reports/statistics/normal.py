"""Quantiles and tails of the two distributions that the rest needs."""

from functools import cache
from math import erfc, exp, gamma, sqrt
from statistics import NormalDist

_STANDARD = NormalDist()


@cache
def quantile(confidence: float) -> float:
    """z with `confidence` of the standard normal between -z and z; 0.95 -> 1.959964."""
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence}")
    return _STANDARD.inv_cdf((1 + confidence) / 2)


def two_sided(z: float) -> float:
    """The p-value of a standard normal deviate, both sides."""
    return erfc(abs(z) / sqrt(2))


def chi_square_tail(statistic: float, freedom: int) -> float:
    """P(X >= statistic) of a chi-square with `freedom` degrees of freedom.

    The upper regularised gamma Q(freedom / 2, statistic / 2) by the recurrence
    Q(a + 1, x) = Q(a, x) + x^a exp(-x) / gamma(a + 1), from Q(1/2) or Q(1).
    """
    if freedom < 1 or statistic < 0:
        raise ValueError("a chi-square has at least one degree of freedom and is not negative")
    x = statistic / 2
    a, tail = (1.0, exp(-x)) if freedom % 2 == 0 else (0.5, erfc(sqrt(x)))
    while a < freedom / 2:
        tail += x**a * exp(-x) / gamma(a + 1)
        a += 1
    return tail
