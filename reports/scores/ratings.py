"""What raters gave, and how it is cut for the statistics."""

from collections import Counter
from collections.abc import Mapping, Sequence

Ratings = Mapping[str, Mapping[str, float]]
"""Item -> rater -> level, of one criterion. Who did not rate an item is not there."""


def raters(ratings: Ratings) -> list[str]:
    """Everyone who rated at least one item, in order of name."""
    return sorted({rater for given in ratings.values() for rater in given})


def units(ratings: Ratings) -> list[list[float]]:
    """The levels of each item, without saying whose they are."""
    return [list(given.values()) for given in ratings.values()]


def complete(ratings: Ratings, by: Sequence[str]) -> list[list[float]]:
    """One row an item that all of `by` rated, one column a rater in their order."""
    return [
        [given[rater] for rater in by]
        for given in ratings.values()
        if all(rater in given for rater in by)
    ]


def dominant_share(ratings: Ratings) -> float | None:
    """The share of all ratings that the most frequent level has; None: there are no ratings."""
    counts = Counter(level for given in ratings.values() for level in given.values())
    total = counts.total()
    return max(counts.values()) / total if total else None
