"""Intraclass correlation of fully crossed ratings (Shrout and Fleiss 1979)."""

from collections.abc import Sequence

from msgspec import Struct


class Icc(Struct, frozen=True):
    """Mean squares of a two-way table and the correlations that follow from them.

    `single`: of one rating; `mean`: of the mean of all raters. `one`: each item has its own
    raters; `two`: raters are a sample and must agree absolutely; `three`: these raters only,
    and a constant difference between them does not count. `two_single` is ICC(2,1), in other
    notation ICC(A,1). None: every rating is the same.
    """

    items: int
    raters: int
    between_items: float
    between_raters: float
    within_items: float
    error: float

    @property
    def one_single(self) -> float | None:
        return self._part(self.within_items, self.raters - 1, 0.0)

    @property
    def two_single(self) -> float | None:
        return self._part(self.error, self.raters - 1, self.raters * self._raters_share)

    @property
    def three_single(self) -> float | None:
        return self._part(self.error, self.raters - 1, 0.0)

    @property
    def one_mean(self) -> float | None:
        return self._part(self.within_items, 0, 0.0)

    @property
    def two_mean(self) -> float | None:
        return self._part(self.error, 0, self._raters_share)

    @property
    def three_mean(self) -> float | None:
        return self._part(self.error, 0, 0.0)

    @property
    def _raters_share(self) -> float:
        return (self.between_raters - self.error) / self.items

    def _part(self, noise: float, times: int, more: float) -> float | None:
        whole = self.between_items + times * noise + more
        return (self.between_items - noise) / whole if whole > 0 else None


def icc(rows: Sequence[Sequence[float]]) -> Icc | None:
    """From one row an item, one column a rater, nothing missing.

    None: fewer than two items or two raters. Raises ValueError for rows of unequal length.
    """
    items = len(rows)
    raters = len(rows[0]) if rows else 0
    if any(len(row) != raters for row in rows):
        raise ValueError("every item needs a rating of every rater")
    if items < 2 or raters < 2:
        return None
    middle = sum(map(sum, rows)) / (items * raters)
    row_means = [sum(row) / raters for row in rows]
    column_means = [sum(column) / items for column in zip(*rows, strict=True)]
    between_items = raters * sum((mean - middle) ** 2 for mean in row_means)
    between_raters = items * sum((mean - middle) ** 2 for mean in column_means)
    within = sum(
        (value - mean) ** 2 for row, mean in zip(rows, row_means, strict=True) for value in row
    )
    error = sum(
        (value - row_mean - column_mean + middle) ** 2
        for row, row_mean in zip(rows, row_means, strict=True)
        for value, column_mean in zip(row, column_means, strict=True)
    )
    return Icc(
        items=items,
        raters=raters,
        between_items=between_items / (items - 1),
        between_raters=between_raters / (raters - 1),
        within_items=within / (items * (raters - 1)),
        error=error / ((items - 1) * (raters - 1)),
    )
