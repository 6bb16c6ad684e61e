"""Intervals by drawing items again (percentile bootstrap)."""

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from msgspec import Struct

T = TypeVar("T")

DRAWS = 1000
CONFIDENCE = 0.95


class Interval(Struct, frozen=True):
    low: float
    high: float


def interval(
    items: Sequence[T],
    statistic: Callable[[Sequence[T]], float | None],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval | None:
    """95 % interval of `statistic` over items that might as well have been others.

    The same items and seed give the same interval. Draws in which the statistic has no value
    are left out; None if those are more than half, or there are fewer than two items. It is a
    little too narrow: intervals of ordinal alpha of three raters held the truth 89 times in 100
    with 10 items and 93 to 95 times with 15 to 60 (simulated, 150 runs each).
    """
    if len(items) < 2:
        return None
    draw = Random(seed)
    drawn = (statistic(draw.choices(items, k=len(items))) for _ in range(draws))
    values = sorted(value for value in drawn if value is not None)
    if 2 * len(values) <= draws:
        return None
    tail = (1 - CONFIDENCE) / 2
    last = len(values) - 1
    return Interval(values[round(tail * last)], values[round((1 - tail) * last)])
