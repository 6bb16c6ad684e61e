"""What must hold for any ratings: invariances, bounds, and where there is no value."""

from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reports.scores.alpha import Metric, krippendorff_alpha
from reports.scores.icc import icc
from reports.scores.kappa import Weights, confusion, fleiss_kappa, kappa, percent_agreement
from reports.scores.ratings import complete, dominant_share

_LEVEL = st.integers(1, 4).map(float)
_UNITS = st.lists(st.lists(_LEVEL, max_size=5), min_size=2, max_size=12)
_TABLES = st.integers(2, 4).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 9), min_size=n, max_size=n), min_size=n, max_size=n)
)
_ROWS = st.integers(2, 4).flatmap(
    lambda k: st.lists(
        st.lists(st.integers(1, 9).map(float), min_size=k, max_size=k), min_size=2, max_size=8
    )
)
_METRICS: st.SearchStrategy[Metric] = st.sampled_from(["nominal", "ordinal", "interval"])
_WEIGHTS: st.SearchStrategy[Weights] = st.sampled_from(["none", "linear", "quadratic"])


def _same(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return first == pytest.approx(second, abs=1e-9)


@given(_UNITS, _METRICS, st.randoms())
def test_alpha_does_not_depend_on_the_order_of_items_or_raters(
    units: list[list[float]], metric: Metric, draw: "object"
) -> None:
    shuffled = [sorted(unit) for unit in reversed(units)]
    assert _same(krippendorff_alpha(units, metric), krippendorff_alpha(shuffled, metric))


@given(_UNITS, _METRICS, st.floats(0.5, 20), st.floats(-50, 50))
def test_alpha_does_not_depend_on_the_unit_of_the_levels(
    units: list[list[float]], metric: Metric, scale: float, shift: float
) -> None:
    moved = [[level * scale + shift for level in unit] for unit in units]
    assert _same(krippendorff_alpha(units, metric), krippendorff_alpha(moved, metric))


@given(_UNITS)
def test_ordinal_alpha_sees_only_the_order_of_levels(units: list[list[float]]) -> None:
    stretched = [[level**3 for level in unit] for unit in units]
    assert _same(krippendorff_alpha(units, "ordinal"), krippendorff_alpha(stretched, "ordinal"))


@given(_UNITS, _METRICS, st.lists(_LEVEL, max_size=4))
def test_items_with_one_rating_do_not_change_alpha(
    units: list[list[float]], metric: Metric, lone: list[float]
) -> None:
    more = [*units, *([level] for level in lone)]
    assert _same(krippendorff_alpha(units, metric), krippendorff_alpha(more, metric))


@given(_UNITS, _METRICS)
def test_alpha_is_at_most_one_and_one_exactly_for_raters_who_agree(
    units: list[list[float]], metric: Metric
) -> None:
    alpha = krippendorff_alpha(units, metric)
    assume(alpha is not None)
    agree = all(len(set(unit)) == 1 for unit in units if len(unit) > 1)
    assert alpha is not None
    assert alpha <= 1
    assert (alpha == 1) == agree


@given(_TABLES, _WEIGHTS)
def test_kappa_does_not_depend_on_who_is_first(table: list[list[int]], weights: Weights) -> None:
    turned = [list(column) for column in zip(*table, strict=True)]
    assert _same(kappa(table, weights), kappa(turned, weights))


@given(_TABLES, _WEIGHTS)
def test_kappa_of_counts_is_kappa_of_shares(table: list[list[int]], weights: Weights) -> None:
    total = sum(map(sum, table))
    assume(total)
    shares = [[count / total for count in row] for row in table]
    assert _same(kappa(table, weights), kappa(shares, weights))


@given(_TABLES)
def test_plain_kappa_does_not_depend_on_the_order_of_levels(table: list[list[int]]) -> None:
    turned = [row[::-1] for row in table[::-1]]
    assert _same(kappa(table), kappa(turned))


@given(_TABLES, _WEIGHTS)
def test_kappa_is_at_most_one(table: list[list[int]], weights: Weights) -> None:
    value = kappa(table, weights)
    assert value is None or value <= 1 + 1e-12


@given(_TABLES)
def test_with_two_levels_all_weights_are_one(table: list[list[int]]) -> None:
    pair = [row[:2] for row in table[:2]]
    assert _same(kappa(pair), kappa(pair, "linear"))
    assert _same(kappa(pair), kappa(pair, "quadratic"))


@given(_ROWS, st.floats(0.5, 20), st.floats(-50, 50))
def test_correlation_does_not_depend_on_the_unit(
    rows: list[list[float]], scale: float, shift: float
) -> None:
    moved = [[value * scale + shift for value in row] for row in rows]
    first, second = icc(rows), icc(moved)
    assert first is not None
    assert second is not None
    assume(first.between_items > 1e-9 or first.error > 1e-9)
    whole = first.between_items + (first.raters - 1) * first.error
    assume(whole + first.raters * (first.between_raters - first.error) / first.items > 1e-9)
    assert _same(first.two_single, second.two_single)
    assert _same(first.three_single, second.three_single)


@given(_ROWS, st.floats(0.5, 5))
def test_only_absolute_agreement_falls_when_one_rater_is_severe(
    rows: list[list[float]], severity: float
) -> None:
    consistent = [[row[0]] * len(row) for row in rows]
    assume(len({row[0] for row in rows}) > 1)
    severe = [[*row[:-1], row[-1] - severity] for row in consistent]
    found = icc(severe)
    assert found is not None
    assert found.three_single == pytest.approx(1)
    assert found.two_single is not None
    assert found.two_single < 1


def test_no_value_where_there_is_nothing_to_compare() -> None:
    assert kappa([[0, 0], [0, 0]]) is None
    assert kappa([[5, 0], [0, 0]]) is None
    assert percent_agreement([[0]]) is None
    assert fleiss_kappa([]) is None
    assert fleiss_kappa([[1, 0], [0, 1]]) is None
    assert fleiss_kappa([[3, 0], [3, 0]]) is None
    assert krippendorff_alpha([], "nominal") is None
    assert krippendorff_alpha([[2.0], [3.0]], "interval") is None
    assert krippendorff_alpha([[2.0, 2.0], [2.0, 2.0]], "ordinal") is None
    assert icc([[1.0, 2.0]]) is None
    assert icc([[1.0], [2.0]]) is None
    flat = icc([[3.0, 3.0], [3.0, 3.0]])
    assert flat is not None
    assert flat.two_single is None
    assert dominant_share({"x": {}}) is None


def test_ratings_that_do_not_fit_are_refused() -> None:
    levels: Sequence[float] = [1, 2, 3]
    with pytest.raises(ValueError, match=r"item q: 7.* no level"):
        confusion({"q": {"a": 7}}, "a", "b", levels)
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa([[2, 0], [1, 0]])
    with pytest.raises(ValueError, match="every rater"):
        icc([[1, 2], [1]])


def test_missing_ratings_leave_the_item_out_of_the_pair() -> None:
    ratings = {"p": {"a": 1.0, "b": 2.0}, "q": {"a": 2.0}, "r": {"b": 1.0, "c": 1.0}}
    assert confusion(ratings, "a", "b", [1, 2]) == [[0, 1], [0, 0]]
    assert complete(ratings, ["a", "b"]) == [[1.0, 2.0]]
