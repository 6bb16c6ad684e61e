"""From what units were shown and did, in any order, to cumulative looks. Pure.

A unit is a learner or a team. It belongs to the variant that it was shown first, from then on; one
that was shown two variants is left out and counted as mixed, since what it did belongs to neither.
A unit has one value of an indicator: of a rate or a time the mean of its own cases, so that units
with many cases do not count more; of a count how often; else whether at all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from reports.experiments.verdict import Look
from reports.statistics.sequential import Moments
from schemas.experiments.book import Switch, running_ms
from schemas.experiments.definition import Experiment

HOUR_MS: Final = 3_600_000
Kind = Literal["whether", "count", "mean"]


class Shown(NamedTuple):
    """A unit, the variant it was shown first and when (ms), and how many variants it was shown."""

    unit: str
    variant: str
    at: int
    variants: int


class Done(NamedTuple):
    """Something a unit did at a time (ms), as a contribution to an indicator."""

    unit: str
    at: int
    num: int
    den: int


class Measured(NamedTuple):
    """An indicator's contributions; a mean is `scale` times num by den."""

    kind: Kind
    scale: float
    done: Sequence[Done]


class Counted(NamedTuple):
    """`mixed` and `unknown`: units left out, since they were shown several variants, or one that
    the definition does not have."""

    looks: list[Look]
    mixed: int
    unknown: int


def counted(
    experiment: Experiment,
    switches: Sequence[Switch],
    shown: Iterable[Shown],
    measured: Mapping[str, Measured],
    now: int,
) -> Counted:
    """A look at the end of each hour from the first exposure on, of those that are over."""
    everyone = list(shown)
    kept = [one for one in everyone if one.variants == 1 and one.variant in experiment.weights]
    mixed = sum(one.variants > 1 for one in everyone)
    unknown = len(everyone) - len(kept) - mixed
    kept.sort(key=lambda one: one.at)
    of = {one.unit: one for one in kept}
    arms = {name: _Arms(experiment, each, of) for name, each in measured.items()}
    exposed = dict.fromkeys(experiment.weights, 0)
    looks: list[Look] = []
    next_shown = 0
    for end in _ends(kept, now):
        while next_shown < len(kept) and kept[next_shown].at < end:
            exposed[kept[next_shown].variant] += 1
            for each in arms.values():
                each.expose(kept[next_shown])
            next_shown += 1
        moments = {name: each.up_to(end) for name, each in arms.items()}
        outcome = moments[experiment.outcome.indicator]
        guardrails = {each.indicator: moments[each.indicator] for each in experiment.guardrails}
        looks.append(Look(running_ms(switches, end), dict(exposed), outcome, guardrails))
    return Counted(looks, mixed, unknown)


def _ends(kept: Sequence[Shown], now: int) -> Iterator[int]:
    if kept:
        yield from range((kept[0].at // HOUR_MS + 1) * HOUR_MS, now + 1, HOUR_MS)


class _Arms:
    """The moments of one indicator, by variant. A unit's value changes as it does more."""

    def __init__(self, experiment: Experiment, measured: Measured, of: Mapping[str, Shown]) -> None:
        self._kind = measured.kind
        self._scale = measured.scale
        self._of = of
        mine = (one for one in measured.done if one.unit in of and one.at >= of[one.unit].at)
        self._done = sorted(mine, key=lambda one: one.at)
        self._next = 0
        self._sums: dict[str, tuple[int, int]] = {}
        self._moments = {name: Moments(0, 0.0, 0.0) for name in experiment.weights}

    def expose(self, one: Shown) -> None:
        """Who has done nothing yet counts with 0, but where the value is a mean of cases."""
        if self._kind != "mean":
            self._add(one.variant, 0.0, 1)

    def up_to(self, end: int) -> dict[str, Moments]:
        """What is known at `end`, by variant."""
        while self._next < len(self._done) and self._done[self._next].at < end:
            self._take(self._done[self._next])
            self._next += 1
        return dict(self._moments)

    def _take(self, one: Done) -> None:
        before = self._sums.get(one.unit)
        num, den = before or (0, 0)
        after = (num + one.num, den + one.den) if self._kind == "mean" else (num + 1, 0)
        self._sums[one.unit] = after
        variant = self._of[one.unit].variant
        old, new = self._value(before), self._value(after)
        if old is not None:
            self._add(variant, old, -1)
        if new is not None:
            self._add(variant, new, 1)

    def _value(self, sums: tuple[int, int] | None) -> float | None:
        if self._kind == "mean":
            return self._scale * sums[0] / sums[1] if sums is not None and sums[1] else None
        times = sums[0] if sums is not None else 0
        return float(times if self._kind == "count" else times > 0)

    def _add(self, variant: str, value: float, times: int) -> None:
        change = Moments(times, times * value, times * value * value)
        self._moments[variant] = self._moments[variant].plus(change)
