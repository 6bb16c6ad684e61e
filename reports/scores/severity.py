"""How severe each rater is against the others, and whether that drifts."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import Literal

from msgspec import Struct

from reports.scores.ratings import Ratings
from reports.scores.verdicts import LEAST_ITEMS

WEIGHT = 0.2
"""Weight of the newest deviation in the moving average."""
LIMIT = 3.0
"""Control limits, in standard deviations of the moving average."""
LEAST_BASELINE = 20
"""Deviations that a baseline needs. Limits from so few are guesses: of raters who do not drift, 27
in 100 cross them within the next 50 items, against 7 with known limits and 17 with a baseline of
50 (simulated, normal deviations). An alarm is a reason to look, not a finding."""


class Severity(Struct, frozen=True):
    """`mean`: own level minus the mean of the others, in levels; above 0 is lenient.

    `margin`: three standard errors of it; None with fewer than two items. One rater who stands
    apart pulls the others a little to the other side: look at the widest deviation first.
    """

    items: int
    mean: float
    margin: float | None

    @property
    def word(self) -> str:
        """Severe, lenient, like the others, or too few items."""
        if self.margin is None or self.items < LEAST_ITEMS:
            # Two equal deviations have a margin of 0 and say nothing.
            return "too few items"
        if abs(self.mean) <= self.margin:
            return "like the others"
        return "lenient" if self.mean > 0 else "severe"


class DriftPoint(Struct, frozen=True):
    """The moving average after one more item, with its limits, in levels."""

    average: float
    low: float
    high: float

    @property
    def out(self) -> bool:
        return not self.low <= self.average <= self.high


class Baseline(Struct, frozen=True):
    """A rater's usual deviation from the others and its standard deviation, in levels."""

    centre: float
    sigma: float


def deviations(ratings: Ratings, rater: str) -> list[float]:
    """Own level minus the mean of the others, for each item that others rated too, in order."""
    found = []
    for given in ratings.values():
        others = [level for name, level in given.items() if name != rater]
        if rater in given and others:
            found.append(given[rater] - fmean(others))
    return found


def severity(ratings: Ratings, rater: str) -> Severity | None:
    """None: no item of this rater was rated by somebody else too."""
    found = deviations(ratings, rater)
    if not found:
        return None
    margin = 3 * stdev(found) / sqrt(len(found)) if len(found) > 1 else None
    return Severity(items=len(found), mean=fmean(found), margin=margin)


def baseline(usual: Sequence[float]) -> Baseline | None:
    """From a rater's earlier deviations; None: too few of them."""
    if len(usual) < LEAST_BASELINE:
        return None
    return Baseline(centre=fmean(usual), sigma=stdev(usual))


class Drift(Struct, frozen=True):
    """`points`: items behind the baseline. `first_out`: the place of the first of them, from 1, at
    which the moving average left its limits; None: it never did."""

    word: Literal["too few items", "steady", "drifts"]
    points: int
    first_out: int | None


def drift_of(ratings: Ratings, rater: str) -> Drift:
    """The first items of a rater are the baseline, those behind them are held against it. Items
    are in the order of time."""
    found = deviations(ratings, rater)
    usual = baseline(found[:LEAST_BASELINE])
    later = found[LEAST_BASELINE:]
    if usual is None or not later or usual.sigma == 0:
        # Without any spread every later item would be an alarm.
        return Drift("too few items", len(later), None)
    out = (place for place, point in enumerate(drift(later, usual), 1) if point.out)
    first = next(out, None)
    return Drift("steady" if first is None else "drifts", len(later), first)


def drift(found: Sequence[float], usual: Baseline) -> list[DriftPoint]:
    """An EWMA chart (Roberts 1959) of deviations in order of time, with its final limits.

    The limits are 3 sigma sqrt(w / (2 - w)); with w = .2 that is one sigma of a single deviation.
    """
    reach = LIMIT * usual.sigma * sqrt(WEIGHT / (2 - WEIGHT))
    average = usual.centre
    points = []
    for deviation in found:
        average += WEIGHT * (deviation - average)
        points.append(DriftPoint(average, usual.centre - reach, usual.centre + reach))
    return points
