"""Verdicts in words, and the threshold that gave each."""

import pytest

from reports.scores.verdicts import of_alpha, of_criterion, of_icc, of_kappa


@pytest.mark.parametrize(
    ("value", "word", "threshold"),
    [
        (0.81, "near perfect", 0.81),
        (0.8099, "substantial", 0.61),
        (0.61, "substantial", 0.61),
        (0.41, "moderate", 0.41),
        (0.21, "fair", 0.21),
        (0.2, "slight or none", 0.21),
        (-0.3, "slight or none", 0.21),
    ],
)
def test_section_6_bands_of_kappa(value: float, word: str, threshold: float) -> None:
    verdict = of_kappa(value)
    assert (verdict.word, verdict.threshold) == (word, threshold)
    assert f"{threshold:g}" in verdict.text


@pytest.mark.parametrize(
    ("value", "word", "threshold"),
    [
        (0.80, "rely on it", 0.80),
        (0.7999, "tentative conclusions only", 0.667),
        (0.667, "tentative conclusions only", 0.667),
        (0.6669, "no conclusions", 0.667),
    ],
)
def test_section_6_bands_of_alpha(value: float, word: str, threshold: float) -> None:
    verdict = of_alpha(value)
    assert (verdict.word, verdict.threshold) == (word, threshold)


@pytest.mark.parametrize(
    ("value", "word"),
    [(0.91, "excellent"), (0.9, "excellent"), (0.75, "good"), (0.5, "moderate"), (0.49, "poor")],
)
def test_section_6_bands_of_intraclass_correlation(value: float, word: str) -> None:
    assert of_icc(value).word == word


def test_the_text_tells_value_and_both_bounds() -> None:
    assert of_alpha(0.7) .text == (
        "tentative conclusions only: alpha 0.7000 is at least 0.667 and below 0.8"
    )  # fmt: skip
    assert of_alpha(0.1).text == "no conclusions: alpha 0.1000 is below 0.667"


def test_few_items_carry_no_verdict() -> None:
    verdict = of_criterion(1.0, items=9, dominant=0.5)
    assert verdict.word == "too few items"
    assert verdict.threshold == 10


def test_one_level_only_carries_no_verdict() -> None:
    assert of_criterion(None, items=30, dominant=1.0).word == "one level only"


def test_section_6_a_dominant_level_is_told_beside_the_verdict() -> None:
    verdict = of_criterion(0.3, items=30, dominant=0.9)
    assert verdict.word == "no conclusions"
    assert "90% of the ratings are one level" in verdict.text
    assert "look at percent agreement" in verdict.text
    assert "percent agreement" not in of_criterion(0.3, items=30, dominant=0.79).text


def test_an_interval_that_reaches_below_the_threshold_is_told() -> None:
    verdict = of_criterion(0.9, items=12, dominant=None, low=0.6)
    assert verdict.word == "rely on it"
    assert "as low as 0.60, below 0.8: rate more items" in verdict.text
    assert "as low" not in of_criterion(0.9, items=60, dominant=None, low=0.85).text
    assert "as low" not in of_criterion(0.3, items=60, dominant=None, low=0.1).text
