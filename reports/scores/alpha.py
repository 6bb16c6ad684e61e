"""Krippendorff's alpha: any number of raters, missing ratings, levels of any kind."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

Metric = Literal["nominal", "ordinal", "interval", "ratio"]
_Distance = Callable[[float, float], float]


def krippendorff_alpha(units: Iterable[Sequence[float]], metric: Metric) -> float | None:
    """1 - observed / expected disagreement (Krippendorff 2011, "Computing alpha-reliability").

    `units`: the levels that each item got, from whomever; an item with fewer than two drops out.
    None: nothing to compare, or only one level was ever given.
    """
    counted = [Counter(unit) for unit in units if len(unit) > 1]
    totals: Counter[float] = Counter()
    for unit in counted:
        totals.update(unit)
    distance = _distance(metric, totals)
    number = totals.total()
    expected = _disagreement(totals, distance)
    if not expected:
        return None
    observed = sum(_disagreement(unit, distance) / (unit.total() - 1) for unit in counted)
    return 1 - (number - 1) * observed / expected


def _disagreement(counts: Counter[float], distance: _Distance) -> float:
    """The distances of all pairs of different levels, each weighted with how often it occurs."""
    levels = sorted(counts)
    return 2 * sum(
        counts[low] * counts[high] * distance(low, high)
        for place, low in enumerate(levels)
        for high in levels[place + 1 :]
    )


def _distance(metric: Metric, totals: Counter[float]) -> _Distance:
    """The squared distance of two different levels, the lower one first."""
    if metric == "nominal":
        return lambda low, high: 1.0
    if metric == "interval":
        return lambda low, high: (high - low) ** 2
    if metric == "ratio":
        return lambda low, high: ((high - low) / (high + low)) ** 2
    up_to: dict[float, float] = {}
    before = 0
    for level in sorted(totals):
        # The rank of a level: the middle of the places that its ratings take.
        up_to[level] = before + totals[level] / 2
        before += totals[level]
    return lambda low, high: (up_to[high] - up_to[low]) ** 2
