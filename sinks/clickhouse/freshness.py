"""Many observations of one histogram at once.

prometheus_client takes one observation at a time (about a microsecond each, as much as making a
row). This reaches into its Histogram; a test fails when the library changes there.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from prometheus_client import Histogram


def observe_many(histogram: Histogram, values: Sequence[float]) -> None:
    """What `observe` would do for each of the values. `histogram` has its labels set."""
    ordered = sorted(values)
    bounds = histogram._upper_bounds
    ends = [0, *(_not_above(ordered, bound) for bound in bounds)]
    for bucket, (begin, end) in zip(histogram._buckets, pairwise(ends), strict=True):
        if end > begin:
            bucket.inc(end - begin)
    histogram._sum.inc(sum(ordered))


def _not_above(ordered: Sequence[float], bound: float) -> int:
    """How many of the ordered values are at most `bound`."""
    return bisect_left(ordered, True, key=lambda value: value > bound)
