"""Agreement against published numbers. Sections are those of the project's domain notes."""

import pytest

from reports.scores.alpha import Metric, krippendorff_alpha
from reports.scores.icc import icc
from reports.scores.kappa import Table, Weights, fleiss_kappa, kappa, percent_agreement

SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]
FLEISS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]
FOUR_LEVELS = [[11, 3, 1, 0], [1, 14, 3, 0], [0, 4, 17, 6], [0, 0, 3, 12]]
COHEN_1968 = [[0.44, 0.07, 0.09], [0.05, 0.20, 0.05], [0.01, 0.03, 0.06]]
KRIPPENDORFF_2011 = """
1 2 3 3 2 1 4 1 2 - - -
1 2 3 3 2 2 4 1 2 5 - 3
- 3 3 3 2 3 4 2 2 5 1 -
1 2 3 3 2 4 4 1 2 5 1 -
"""
KRIPPENDORFF_SECOND = """
- - - - - 3 4 1 2 1 1 3 3 - 3
1 - 2 1 3 3 4 3 - - - - - - -
- - 2 1 3 4 4 - 2 1 1 3 3 - 4
"""


def units(text: str) -> list[list[float]]:
    """Items from one line a rater; a dash is a missing rating."""
    lines = [line.split() for line in text.strip().splitlines()]
    return [[float(value) for value in item if value != "-"] for item in zip(*lines, strict=True)]


@pytest.mark.parametrize(
    ("table", "weights", "expected"),
    [
        ([[20, 5], [10, 15]], "none", 0.4),
        ([[45, 15], [25, 15]], "none", 0.1304),
        ([[25, 35], [5, 35]], "none", 0.2593),
        (COHEN_1968, "none", 0.4915),
        (COHEN_1968, [[0, 1, 3], [1, 0, 6], [3, 6, 0]], 0.3478),
        (FOUR_LEVELS, "none", 0.6204),
        (FOUR_LEVELS, "linear", 0.7411),
        (FOUR_LEVELS, "quadratic", 0.8464),
    ],
)
def test_section_6_kappa(table: Table, weights: Weights | Table, expected: float) -> None:
    assert kappa(table, weights) == pytest.approx(expected, abs=5e-5)


def test_section_6_percent_agreement() -> None:
    assert percent_agreement([[20, 5], [10, 15]]) == 0.7
    assert percent_agreement(FOUR_LEVELS) == pytest.approx(54 / 75)
    assert percent_agreement(FOUR_LEVELS, apart=1) == pytest.approx(74 / 75)


def test_section_6_fleiss_kappa() -> None:
    assert fleiss_kappa(FLEISS) == pytest.approx(0.2099, abs=5e-5)


@pytest.mark.parametrize(
    ("text", "metric", "expected"),
    [
        (KRIPPENDORFF_2011, "nominal", 0.7434),
        (KRIPPENDORFF_2011, "ordinal", 0.8154),
        (KRIPPENDORFF_2011, "interval", 0.8491),
        (KRIPPENDORFF_2011, "ratio", 0.7974),
        (KRIPPENDORFF_SECOND, "nominal", 0.6914),
        (KRIPPENDORFF_SECOND, "ordinal", 0.8067),
        (KRIPPENDORFF_SECOND, "interval", 0.8108),
    ],
)
def test_section_6_krippendorff_alpha(text: str, metric: Metric, expected: float) -> None:
    assert krippendorff_alpha(units(text), metric) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("one_single", 0.1657),
        ("two_single", 0.2898),
        ("three_single", 0.7148),
        ("one_mean", 0.4428),
        ("two_mean", 0.6201),
        ("three_mean", 0.9093),
        ("between_items", 11.2417),
        ("between_raters", 32.4861),
        ("error", 1.0194),
        ("within_items", 6.2639),
    ],
)
def test_section_6_intraclass_correlation(name: str, expected: float) -> None:
    assert getattr(icc(SHROUT_FLEISS), name) == pytest.approx(expected, abs=5e-5)
