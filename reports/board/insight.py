"""The insight of the week: which shift, of all the numbers, deserves attention. Pure functions.

The rule, in its order:

1. Compared are two whole periods that have ended, side by side, for each team and indicator.
2. A comparison counts only if at least `least` people stand behind each of the two values, the
   value is not provisional, and the shift is large enough to matter: 5 points of a share, a tenth
   of a count.
3. It is certain only if its p-value holds against all comparisons that were made: Benjamini and
   Hochberg (1995), false discovery rate 5 %. Shares: two-proportion z-test, pooled. Counts: exact
   comparison of two Poisson rates in its normal form, (a - b) / sqrt(a + b). Numbers of people are
   no independent counts: like means, whose spread is not known here, they are never chosen.
4. Of the certain ones, the largest weight wins: size of the shift (Cohen's h of shares, log ratio
   of counts) times the square root of the people, times 1 if it is a leading indicator, which a
   team can act on now, or 0.7 if a lagging one, times 1.2 if it went the wrong way.
5. If none is certain, there is none, and the board says so.
"""

from collections.abc import Mapping, Sequence
from math import asin, log, sqrt
from typing import NamedTuple

from reports.board.read import Cohort, Indicator, Point
from reports.statistics.normal import two_sided
from reports.statistics.proportions import Share, fixed_z

DISCOVERY_RATE = 0.05
LEAST_POINTS = 0.05
LEAST_RATIO = 0.1
_LAGGING = 0.7
_WRONG_WAY = 1.2


class Shift(NamedTuple):
    """One comparison. `p`: two-sided; `weight`: see the module's head."""

    indicator: Indicator
    cohort: Cohort
    before: Point
    now: Point
    p: float
    weight: float

    @property
    def is_good(self) -> bool:
        """Whether it went the way that is good."""
        up = (self.now.value or 0.0) > (self.before.value or 0.0)
        return up == (self.indicator.good == "up")


class Insight(NamedTuple):
    """What was chosen, of how many comparisons; `certain`: all that passed."""

    chosen: Shift | None
    compared: int
    certain: list[Shift]


Values = Mapping[tuple[str, Cohort], Point]


def choose(indicators: Sequence[Indicator], now: Values, before: Values, least: int) -> Insight:
    """The insight of two periods: values by (indicator, cohort)."""
    by_name = {indicator.name: indicator for indicator in indicators}
    shifts = []
    for (name, cohort), point in sorted(now.items()):
        earlier = before.get((name, cohort))
        if earlier is None or point.provisional or min(point.people, earlier.people) < least:
            continue
        shift = _compare(by_name[name], cohort, earlier, point)
        if shift is not None:
            shifts.append(shift)
    certain = [shift for shift in _discoveries(shifts) if _matters(shift)]
    certain.sort(key=lambda shift: (-shift.weight, shift.indicator.name, shift.cohort))
    return Insight(certain[0] if certain else None, len(shifts), certain)


def _compare(indicator: Indicator, cohort: Cohort, before: Point, now: Point) -> Shift | None:
    if indicator.measure in ("mean", "people", "share_of_eligible"):
        return None
    if indicator.measure == "rate":
        tested = _proportions(before.share, now.share)
    else:
        tested = _counts(before.numerator, now.numerator)
    if tested is None:
        return None
    p, size = tested
    shift = Shift(indicator, cohort, before, now, p, 0.0)
    weight = abs(size) * sqrt(min(now.people, before.people))
    weight *= 1.0 if indicator.kind == "leading" else _LAGGING
    return shift._replace(weight=weight if shift.is_good else weight * _WRONG_WAY)


def _proportions(before: Share, now: Share) -> tuple[float, float] | None:
    """(p, Cohen's h); None where nothing can vary."""
    if not before.cases or not now.cases or before.value == now.value in (0, 1):
        return None
    _, p = fixed_z(now, before)
    return p, 2 * asin(sqrt(now.value)) - 2 * asin(sqrt(before.value))


def _counts(before: float, now: float) -> tuple[float, float] | None:
    """(p, log ratio); None where nothing happened in one of them."""
    if before <= 0 or now <= 0:
        return None
    return two_sided((now - before) / sqrt(now + before)), log(now / before)


def _matters(shift: Shift) -> bool:
    now, before = shift.now.value or 0.0, shift.before.value or 0.0
    if shift.indicator.is_share:
        return abs(now - before) >= LEAST_POINTS
    return abs(now - before) >= LEAST_RATIO * before


def _discoveries(shifts: Sequence[Shift]) -> list[Shift]:
    """Those that Benjamini and Hochberg's procedure keeps."""
    ordered = sorted(shifts, key=lambda shift: shift.p)
    kept = 0
    for rank, shift in enumerate(ordered, 1):
        if shift.p <= DISCOVERY_RATE * rank / len(ordered):
            kept = rank
    return ordered[:kept]
