"""The same statistics as established libraries give, on tables drawn at random.

statsmodels is in the extra `reports`; krippendorff, pingouin and scikit-learn are used where
whoever runs the tests has them.
"""

import random
from typing import Any

import pytest

from reports.scores.alpha import Metric, krippendorff_alpha
from reports.scores.icc import icc
from reports.scores.kappa import Weights, confusion, fleiss_kappa, kappa

_SEEDS = range(4)
_METRICS: list[Metric] = ["nominal", "ordinal", "interval", "ratio"]


def _rated(seed: int, items: int, raters: int, levels: int) -> list[list[int]]:
    """Rows of items whose raters agree to some degree."""
    draw = random.Random(seed)
    truth = [draw.randint(1, levels) for _ in range(items)]
    return [
        [min(levels, max(1, level + draw.choice([-1, 0, 0, 0, 1]))) for _ in range(raters)]
        for level in truth
    ]


def _table(rows: list[list[int]], levels: int) -> list[list[int]]:
    ratings = {str(i): {"a": row[0], "b": row[1]} for i, row in enumerate(rows)}
    return confusion(ratings, "a", "b", range(1, levels + 1))


@pytest.mark.parametrize("seed", _SEEDS)
def test_kappa_as_statsmodels(seed: int) -> None:
    agreement = pytest.importorskip("statsmodels.stats.inter_rater")
    table = _table(_rated(seed, 40, 2, 4), 4)
    for ours, theirs in (("none", None), ("linear", "linear"), ("quadratic", "quadratic")):
        weights: Any = ours
        expected = agreement.cohens_kappa(table, wt=theirs, return_results=False)
        assert kappa(table, weights) == pytest.approx(expected)


@pytest.mark.parametrize("seed", _SEEDS)
@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_kappa_as_scikit_learn(seed: int, weights: Weights) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rows = _rated(seed, 40, 2, 5)
    first, second = zip(*rows, strict=True)
    name = None if weights == "none" else weights
    expected = metrics.cohen_kappa_score(first, second, labels=[1, 2, 3, 4, 5], weights=name)
    assert kappa(_table(rows, 5), weights) == pytest.approx(expected)


@pytest.mark.parametrize("seed", _SEEDS)
def test_fleiss_kappa_as_statsmodels(seed: int) -> None:
    agreement = pytest.importorskip("statsmodels.stats.inter_rater")
    rows = _rated(seed, 20, 6, 4)
    counts = [[row.count(level) for level in (1, 2, 3, 4)] for row in rows]
    assert fleiss_kappa(counts) == pytest.approx(agreement.fleiss_kappa(counts))


@pytest.mark.parametrize("seed", _SEEDS)
@pytest.mark.parametrize("metric", _METRICS)
def test_alpha_as_the_krippendorff_library(seed: int, metric: Metric) -> None:
    library = pytest.importorskip("krippendorff")
    draw = random.Random(seed + 1000)
    rows = _rated(seed, 25, 4, 5)
    holes = [[None if draw.random() < 0.3 else value for value in row] for row in rows]
    by_rater = [
        [float("nan") if value is None else value for value in column]
        for column in zip(*holes, strict=True)
    ]
    units = [[value for value in row if value is not None] for row in holes]
    expected = library.alpha(reliability_data=by_rater, level_of_measurement=metric)
    assert krippendorff_alpha(units, metric) == pytest.approx(expected)


@pytest.mark.parametrize("seed", _SEEDS)
def test_intraclass_correlation_as_pingouin(seed: int) -> None:
    pingouin = pytest.importorskip("pingouin")
    pandas = pytest.importorskip("pandas")
    rows = _rated(seed, 15, 4, 6)
    long = [(i, j, value) for i, row in enumerate(rows) for j, value in enumerate(row)]
    frame = pandas.DataFrame(long, columns=["item", "rater", "level"])
    found = pingouin.intraclass_corr(frame, targets="item", raters="rater", ratings="level")
    ours = icc(rows)
    assert ours is not None
    expected = list(found["ICC"])
    got = [
        ours.one_single, ours.two_single, ours.three_single,
        ours.one_mean, ours.two_mean, ours.three_mean,
    ]  # fmt: skip
    assert got == pytest.approx(expected)


@pytest.mark.parametrize("seed", _SEEDS)
def test_mean_squares_as_an_analysis_of_variance(seed: int) -> None:
    """Mean squares of a two-way linear model without interaction, from statsmodels."""
    formula = pytest.importorskip("statsmodels.formula.api")
    anova = pytest.importorskip("statsmodels.stats.anova")
    pandas = pytest.importorskip("pandas")
    rows = _rated(seed, 12, 3, 5)
    long = [(i, j, value) for i, row in enumerate(rows) for j, value in enumerate(row)]
    frame = pandas.DataFrame(long, columns=["item", "rater", "level"])
    table = anova.anova_lm(formula.ols("level ~ C(item) + C(rater)", frame).fit())
    squares = (table["sum_sq"] / table["df"]).to_dict()
    ours = icc(rows)
    assert ours is not None
    assert ours.between_items == pytest.approx(squares["C(item)"])
    assert ours.between_raters == pytest.approx(squares["C(rater)"])
    assert ours.error == pytest.approx(squares["Residual"])
