"""Did the arms get the sizes they should? Sample ratio mismatch (SRM).

Two tests: the chi-square, for one look, with its customary alarm below .001; and one that may be
looked at all the time. Source of the second: Lindon and Malek (2022), "Anytime-valid inference for
multinomial count data": e is the Dirichlet-multinomial likelihood of the counts with the prior
concentration k * shares, over their multinomial likelihood at `shares`.
"""

from collections.abc import Sequence
from math import exp, lgamma, log
from typing import NamedTuple

from reports.statistics.normal import chi_square_tail

ALARM = 0.001
CONCENTRATION = 100.0
_LARGEST_EXPONENT = 700.0


class ChiSquare(NamedTuple):
    statistic: float
    p: float


def chi_square(counts: Sequence[int], weights: Sequence[float]) -> ChiSquare:
    """Of the counts of the arms against `weights` (any positive scale). At least one count."""
    total, whole = sum(counts), sum(weights)
    _check(counts, weights)
    expected = [total * weight / whole for weight in weights]
    statistic = sum((c - e) ** 2 / e for c, e in zip(counts, expected, strict=True))
    return ChiSquare(statistic, chi_square_tail(statistic, len(counts) - 1))


def evidence(
    counts: Sequence[int], weights: Sequence[float], concentration: float = CONCENTRATION
) -> float:
    """e of the module's head: under the right shares it ever reaches 1 / a with probability <= a.
    1.0 without any count; exp(700) where it would be more."""
    _check(counts, weights)
    whole = sum(weights)
    shares = [weight / whole for weight in weights]
    prior = [concentration * share for share in shares]
    value = lgamma(concentration) - lgamma(concentration + sum(counts))
    for count, a, share in zip(counts, prior, shares, strict=True):
        value += lgamma(a + count) - lgamma(a) - count * log(share)
    return exp(min(value, _LARGEST_EXPONENT))


def mismatch(counts: Sequence[int], weights: Sequence[float], alpha: float = ALARM) -> bool:
    """Whether to alarm at this look; holds its error `alpha` over all looks together."""
    return evidence(counts, weights) > 1 / alpha


def _check(counts: Sequence[int], weights: Sequence[float]) -> None:
    if len(counts) != len(weights) or len(counts) < 2:
        raise ValueError("as many counts as weights are needed, and at least two")
    if min(counts) < 0 or min(weights) <= 0:
        raise ValueError("counts are not negative, weights above 0")
