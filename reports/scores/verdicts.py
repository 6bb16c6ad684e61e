"""What a value of agreement means in words, always with the threshold that says so."""

from collections.abc import Sequence

from msgspec import Struct

Band = tuple[float, str]
"""From this value on, this word."""

KAPPA: Sequence[Band] = (
    (0.81, "near perfect"),
    (0.61, "substantial"),
    (0.41, "moderate"),
    (0.21, "fair"),
)
"""Landis and Koch 1977."""
ALPHA: Sequence[Band] = ((0.80, "rely on it"), (0.667, "tentative conclusions only"))
"""Krippendorff 2004."""
ICC: Sequence[Band] = ((0.9, "excellent"), (0.75, "good"), (0.5, "moderate"))
"""Koo and Li 2016."""

LEAST_ITEMS = 10
"""Items that two raters share before a verdict is given; a choice of this project."""
DOMINANT = 0.8
"""Share of the most frequent level from which kappa and alpha mislead; a choice of this project."""


class Verdict(Struct, frozen=True):
    """`threshold`: the bound that gave the word; the next one that was missed if below all."""

    word: str
    threshold: float
    text: str


def of_kappa(value: float) -> Verdict:
    return _verdict("kappa", value, KAPPA, "slight or none")


def of_alpha(value: float) -> Verdict:
    return _verdict("alpha", value, ALPHA, "no conclusions")


def of_icc(value: float) -> Verdict:
    return _verdict("ICC", value, ICC, "poor")


def _verdict(statistic: str, value: float, bands: Sequence[Band], below: str) -> Verdict:
    shown = f"{statistic} {value:.4f}"
    for place, (threshold, word) in enumerate(bands):
        # Compared as it is, not as it is shown: .7996 is not .80.
        if value >= threshold:
            upper = f" and below {bands[place - 1][0]:g}" if place else ""
            return Verdict(word, threshold, f"{word}: {shown} is at least {threshold:g}{upper}")
    threshold = bands[-1][0]
    return Verdict(below, threshold, f"{below}: {shown} is below {threshold:g}")


def of_criterion(
    alpha: float | None, items: int, dominant: float | None, low: float | None = None
) -> Verdict:
    """The verdict on one criterion: from ordinal alpha, unless the ratings cannot carry one.

    `items`: those that two or more raters rated. `dominant`: share of the most frequent level.
    `low`: the lower end of alpha's interval. The text warns where the last two weaken the word.
    """
    if items < LEAST_ITEMS:
        text = f"too few items: {items} were rated twice, at least {LEAST_ITEMS} are needed"
        return Verdict("too few items", LEAST_ITEMS, text)
    if alpha is None:
        text = "one level only: everyone gave the same level, so chance cannot be told from skill"
        return Verdict("one level only", 1.0, text)
    verdict = of_alpha(alpha)
    notes = ""
    if low is not None and low < verdict.threshold <= alpha:
        notes += (
            f"; with other items it could be as low as {low:.2f}, below {verdict.threshold:g}: "
            "rate more items"
        )
    if dominant is not None and dominant >= DOMINANT:
        notes += (
            f"; {dominant:.0%} of the ratings are one level (at least {DOMINANT:.0%}), which "
            "lowers alpha and kappa: look at percent agreement and the counts, and add items "
            "that differ"
        )
    return Verdict(verdict.word, verdict.threshold, verdict.text + notes)
