"""Agreement of two raters beyond chance (Cohen 1960, 1968), and of many (Fleiss 1971)."""

from collections.abc import Sequence
from typing import Literal

from reports.scores.ratings import Ratings

Weights = Literal["none", "linear", "quadratic"]
Table = Sequence[Sequence[float]]
"""Square: rows are the levels of the first rater, columns those of the second; counts or shares."""


def confusion(
    ratings: Ratings, first: str, second: str, levels: Sequence[float]
) -> list[list[int]]:
    """How often `first` gave one level and `second` another, over the items both rated.

    `levels` are all levels of the criterion, lowest first. Raises ValueError for a rating that
    is none of them.
    """
    table = [[0] * len(levels) for _ in levels]
    place = {level: index for index, level in enumerate(levels)}
    for item, given in ratings.items():
        for rater in (first, second):
            if rater in given and given[rater] not in place:
                raise ValueError(f"item {item}: {given[rater]} is no level of this criterion")
        if first in given and second in given:
            table[place[given[first]]][place[given[second]]] += 1
    return table


def percent_agreement(table: Table, apart: int = 0) -> float | None:
    """The share (0 to 1) of items whose two levels are at most `apart` steps from each other."""
    total = sum(map(sum, table))
    near = sum(
        count for i, row in enumerate(table) for j, count in enumerate(row) if abs(i - j) <= apart
    )
    return near / total if total else None


def kappa(table: Table, weights: Weights | Table = "none") -> float | None:
    """Weighted kappa, 1 - sum(w o) / sum(w e), from a square table of counts or shares.

    `weights` are costs of disagreement: a rule, or a table with zeros where the raters agree.
    None: no rating, or chance alone already agrees fully (both gave one and the same level).
    """
    cost = _costs(len(table), weights) if isinstance(weights, str) else weights
    total = sum(map(sum, table))
    if not total:
        return None
    rows = [sum(row) for row in table]
    columns = [sum(column) for column in zip(*table, strict=True)]
    cells = [(i, j) for i in range(len(table)) for j in range(len(table))]
    observed = sum(cost[i][j] * table[i][j] for i, j in cells) / total
    expected = sum(cost[i][j] * rows[i] * columns[j] for i, j in cells) / total**2
    return 1 - observed / expected if expected else None


def _costs(size: int, weights: Weights) -> list[list[float]]:
    power = {"none": 0, "linear": 1, "quadratic": 2}[weights]
    return [
        [float(abs(i - j) ** power) if i != j else 0.0 for j in range(size)] for i in range(size)
    ]


def fleiss_kappa(counts: Sequence[Sequence[int]]) -> float | None:
    """Kappa of many raters: one row an item, one column a level, equally many raters a row.

    None: fewer than two raters, or all gave one level. Raises ValueError for unequal rows.
    """
    sizes = {sum(row) for row in counts}
    if len(sizes) > 1:
        raise ValueError("every item needs the same number of raters")
    number = sizes.pop() if sizes else 0
    if number < 2:
        return None
    total = number * len(counts)
    expected = sum((sum(column) / total) ** 2 for column in zip(*counts, strict=True))
    agreeing = sum(count * (count - 1) for row in counts for count in row)
    observed = agreeing / (total * (number - 1))
    return (observed - expected) / (1 - expected) if expected < 1 else None
