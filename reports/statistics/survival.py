"""Time to an event when some were not seen to have it yet: Kaplan-Meier, from counts that merge.

Sources: Kaplan and Meier (1958), JASA 53; Greenwood (1926); the interval on the log(-log) scale
as in Kalbfleisch and Prentice. Everything is computed from two tables, time -> how many had the
event then and time -> how many were last seen then without it, which partitions and panes can add
up.
"""

from collections.abc import Mapping
from itertools import accumulate
from math import exp, log, sqrt
from typing import NamedTuple

from reports.statistics.normal import chi_square_tail, quantile
from reports.statistics.proportions import Interval

Counts = Mapping[int, int]
"""Time (whole number of any unit; of a bucket: its end) -> how many."""


class Observed(NamedTuple):
    """Who had the event when, and who was last seen when without it."""

    events: Counts
    censored: Counts

    def merged(self, other: "Observed") -> "Observed":
        return Observed(_sum(self.events, other.events), _sum(self.censored, other.censored))


class Point(NamedTuple):
    """At `time`, `events` of `at_risk` had the event. `interval` is None where the curve has no
    spread (still at 1, or at 0)."""

    time: int
    at_risk: int
    events: int
    survival: float
    error: float
    interval: Interval | None


class Curve(NamedTuple):
    """One point for each time with an event, in order; `cases`: all that were observed."""

    cases: int
    points: tuple[Point, ...]

    def at(self, time: int) -> float:
        """The share without the event after `time`."""
        share = 1.0
        for point in self.points:
            if point.time > time:
                break
            share = point.survival
        return share

    def quantile(self, share: float) -> int | None:
        """The first time by which at least `share` had the event (0.5: median); None: not seen."""
        for point in self.points:
            # The product of fractions may miss an exact half by a rounding.
            if point.survival <= 1 - share + 1e-12:
                return point.time
        return None

    @property
    def median(self) -> int | None:
        return self.quantile(0.5)


def up_to(limit: int, observed: Observed) -> Observed:
    """Censored at `limit`: what happened later was not seen, and who is seen longer than that is
    last seen then."""
    later = sum(n for time, n in observed.events.items() if time > limit)
    later += sum(n for time, n in observed.censored.items() if time > limit)
    events = {time: n for time, n in observed.events.items() if time <= limit}
    censored = {time: n for time, n in observed.censored.items() if time <= limit}
    return Observed(events, _sum(censored, {limit: later} if later else {}))


def kaplan_meier(observed: Observed, confidence: float = 0.95) -> Curve:
    """The curve. Who is censored at a time is at risk at that time (the usual convention)."""
    cases = _checked(observed)
    z = quantile(confidence)
    points = []
    survival, greenwood = 1.0, 0.0
    at_risk = _at_risk(observed)
    for time in sorted(time for time, n in observed.events.items() if n):
        n, d = at_risk[time], observed.events[time]
        survival *= (n - d) / n
        if n == d:
            points.append(Point(time, n, d, 0.0, 0.0, None))
            break
        greenwood += d / (n * (n - d))
        error = survival * sqrt(greenwood)
        points.append(Point(time, n, d, survival, error, _log_log(survival, greenwood, z)))
    return Curve(cases, tuple(points))


def log_rank(first: Observed, second: Observed) -> tuple[float, float]:
    """(chi-square with one degree of freedom, p) that both come from one curve. Raises
    ZeroDivisionError when there is nothing to compare."""
    one, both = _at_risk(first), _at_risk(first.merged(second))
    excess, variance = 0.0, 0.0
    all_events = _sum(first.events, second.events)
    for time, d in all_events.items():
        n = both[time]
        n1 = one.get(time, _remaining(first, time))
        excess += first.events.get(time, 0) - d * n1 / n
        if n > 1:
            variance += d * (n1 / n) * (1 - n1 / n) * (n - d) / (n - 1)
    statistic = excess**2 / variance
    return statistic, chi_square_tail(statistic, 1)


def _log_log(survival: float, greenwood: float, z: float) -> Interval:
    """S^exp(+-z sqrt(greenwood) / log S): stays within 0 and 1."""
    spread = z * sqrt(greenwood) / abs(log(survival))
    return Interval(survival ** exp(spread), survival ** exp(-spread))


def _at_risk(observed: Observed) -> dict[int, int]:
    """How many are still observed, and without the event, just before each time."""
    leaving = _sum(observed.events, observed.censored)
    times = sorted(leaving)
    gone = accumulate((leaving[time] for time in times), initial=0)
    cases = sum(leaving.values())
    return {time: cases - before for time, before in zip(times, gone, strict=False)}


def _remaining(observed: Observed, time: int) -> int:
    leaving = _sum(observed.events, observed.censored)
    return sum(n for when, n in leaving.items() if when >= time)


def _sum(one: Counts, two: Counts) -> dict[int, int]:
    return {time: one.get(time, 0) + two.get(time, 0) for time in {**one, **two}}


def _checked(observed: Observed) -> int:
    counts = [*observed.events.values(), *observed.censored.values()]
    times = [*observed.events, *observed.censored]
    if min(counts, default=0) < 0 or min(times, default=0) < 0:
        raise ValueError("times and counts are not negative")
    return sum(counts)
