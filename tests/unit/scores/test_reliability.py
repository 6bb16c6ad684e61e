"""Which coefficient says how reliable one rating is."""

import pytest

from reports.scores.icc import icc
from reports.scores.reliability import reliability

# Shrout and Fleiss 1979 (domain.md, section 6), twice: enough items.
ROWS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]] * 2


def given(rows: list[list[int]]) -> dict[str, dict[str, float]]:
    return {
        f"i{place}": {f"r{rater}": float(level) for rater, level in enumerate(row)}
        for place, row in enumerate(rows)
    }


def test_crossed_ratings() -> None:
    found = reliability(given(ROWS))
    crossed = icc(ROWS)
    assert crossed is not None
    assert found.single == crossed.two_single
    assert found.single == pytest.approx(0.29, abs=0.04)
    assert "ICC(2,1) over 12 items" in found.told


def test_each_item_by_raters_of_its_own() -> None:
    ratings = given(ROWS)
    for place, item in enumerate(ratings.values()):
        del item[f"r{place % 4}"]
    pairs = [list(item.values())[:2] for item in ratings.values()]
    single = icc(pairs)
    assert single is not None
    found = reliability(ratings)
    assert (found.single, found.items) == (single.one_single, 12)
    assert "ICC(1,1)" in found.told


def test_when_it_cannot_be_said() -> None:
    assert reliability(given(ROWS[:6])).single is None
    assert reliability({}).told == "0 items were rated twice, at least 10 are needed"
    same = reliability(given([[3, 3]] * 12))
    assert (same.single, same.told) == (None, "everyone gave the same level everywhere")
