"""Tests that hold however often one looks: the mixture sequential probability ratio test.

Source: Johari, Koomen, Pekelis, Walsh (2022), Operations Research 70, "Always valid inference". The
likelihood ratio of a difference d with variance s2, mixed over a normal prior of variance t2, is

    L = sqrt(s2 / (s2 + t2)) exp(t2 d^2 / (2 s2 (s2 + t2)))

With n pairs and a variance V of one pair, s2 = V / n, and this is the form of the papers. Written
by s2 it also holds for arms of different size: s2 = v1 / n1 + v2 / n2.

Under the null, L is a martingale that starts at 1, so it ever reaches 1 / a with a probability of
at most a. The running minimum of 1 / L is therefore a p-value at every look.
"""

from collections.abc import Iterable
from math import exp, inf, log, sqrt
from typing import NamedTuple

from reports.statistics.proportions import Interval

_LARGEST_EXPONENT = 700.0


class Moments(NamedTuple):
    """What an arm's values add up to: they merge by adding. A share has total = squares =
    successes."""

    cases: int
    total: float
    squares: float

    @classmethod
    def of_share(cls, successes: int, cases: int) -> "Moments":
        if not 0 <= successes <= cases:
            raise ValueError(f"{successes} successes of {cases} cases")
        return cls(cases, successes, successes)

    def plus(self, other: "Moments") -> "Moments":
        return Moments(
            self.cases + other.cases, self.total + other.total, self.squares + other.squares
        )

    @property
    def mean(self) -> float:
        """Raises ZeroDivisionError without cases."""
        return self.total / self.cases

    @property
    def variance(self) -> float:
        """Of one value (divided by n), never below 0."""
        return max(0.0, self.squares / self.cases - self.mean**2)


class Difference(NamedTuple):
    """A difference of means and the variance of that difference."""

    value: float
    variance: float


def difference(variant: Moments, control: Moments) -> Difference | None:
    """variant - control; None while either has no cases or nothing varies: no test says anything
    then."""
    if variant.cases == 0 or control.cases == 0:
        return None
    variance = variant.variance / variant.cases + control.variance / control.cases
    return Difference(variant.mean - control.mean, variance) if variance > 0 else None


def likelihood_ratio(found: Difference, prior_variance: float) -> float:
    """L of the module's head; with an exponent of 700 at most."""
    s2, t2 = found.variance, prior_variance
    exponent = t2 * found.value**2 / (2 * s2 * (s2 + t2))
    return sqrt(s2 / (s2 + t2)) * exp(min(exponent, _LARGEST_EXPONENT))


def half_width(variance: float, prior_variance: float, alpha: float) -> float:
    """Of the interval around the difference whose error over all looks is at most `alpha`."""
    s2, t2 = variance, prior_variance
    return sqrt(s2 * (s2 + t2) / t2 * (log((s2 + t2) / s2) - 2 * log(alpha)))


class Always(NamedTuple):
    """What a series of looks says. `p`: always-valid p-value. `interval`: what the intervals of all
    looks have in common; None when no look could say anything. When they have nothing in common
    (which happens with a probability below alpha, or when the difference changes over time) it is
    the last one, and `consistent` is false."""

    p: float
    interval: Interval | None
    consistent: bool


def always_valid(looks: Iterable[Difference | None], prior_variance: float, alpha: float) -> Always:
    """The p-value and interval at the last of `looks`, which are in the order of time.

    Equal looks in equal order give equal answers: take them at the same ends of panes, not at the
    moments somebody asked.
    """
    if prior_variance <= 0 or not 0 < alpha < 1:
        raise ValueError("the prior variance is above 0, alpha between 0 and 1")
    p, low, high = 1.0, -inf, inf
    last: Interval | None = None
    for look in looks:
        if look is None:
            continue
        p = min(p, 1 / likelihood_ratio(look, prior_variance))
        half = half_width(look.variance, prior_variance, alpha)
        last = Interval(look.value - half, look.value + half)
        low, high = max(low, last.low), min(high, last.high)
    if last is None:
        return Always(p, None, True)
    return Always(p, Interval(low, high), True) if low <= high else Always(p, last, False)
