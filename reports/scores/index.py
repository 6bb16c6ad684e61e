"""The confidence and capability index of a cohort in one period.

Confidence is what people say of themselves, capability what others saw. Both are on 0 to 1. The
index is their weighted mean after standardising; the gap is their difference. Self-ratings of
ability correlate only .29 with performance (Mabe and West 1982, 55 studies), so capability
weighs more.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from msgspec import Struct

from schemas.settings import ScoreSource, ScoresSettings

Source = ScoreSource
IndexSettings = ScoresSettings


class Scores(NamedTuple):
    """One source of one person and period: the mean (0 to 1) of so many ratings."""

    mean: float
    ratings: int


class Capability(NamedTuple):
    """`ratings` is how many ratings of equal weight would be as reliable; not always whole."""

    mean: float
    ratings: float


class Person(NamedTuple):
    """One person with both scores in a period, 0 to 1."""

    confidence: float
    capability: float
    ratings: float


class PersonIndex(Struct, frozen=True):
    """`shrunk`: capability drawn to the cohort's mean, 0 to 1. The rest in standard deviations
    of the cohort; `gap` above 0: surer than shown."""

    shrunk: float
    index: float
    gap: float


class CohortIndex(Struct, frozen=True):
    """`gap`: mean confidence minus mean capability, 0 to 1 each; above 0: surer than shown.

    It is on the raw scales because the standardised gaps of a cohort have a mean of 0. `people`
    is in the order of what was passed in, and empty where there is no index; `reason` says why.
    The gap of one person is noisy: show it by cohort.
    """

    size: int
    confidence: float | None
    capability: float | None
    gap: float | None
    people: list[PersonIndex]
    reason: str


def to_unit(level: float, lowest: float, highest: float) -> float:
    """A level of a scale or rubric as 0 to 1. Raises ValueError outside the scale."""
    if not lowest < highest or not lowest <= level <= highest:
        raise ValueError(f"{level} is not on a scale from {lowest} to {highest}")
    return (level - lowest) / (highest - lowest)


def capability(
    scores: Mapping[Source, Scores], settings: IndexSettings | None = None
) -> Capability | None:
    """The weighted mean over the sources there are, and its effective number of ratings.

    That number is the square of the sum of weights over the sum of their squares, with the
    weight of a source shared out to its ratings. None: no source with a weight.
    """
    weights = (settings or IndexSettings()).source_weights
    used = [
        (weights[source], score)
        for source, score in scores.items()
        if score.ratings > 0 and weights.get(source, 0) > 0
    ]
    if not used:
        return None
    total = sum(weight for weight, _ in used)
    squares = sum(weight**2 / score.ratings for weight, score in used)
    return Capability(
        mean=sum(weight * score.mean for weight, score in used) / total,
        ratings=total**2 / squares,
    )


def reliability_of_mean(single: float, ratings: float) -> float:
    """Spearman and Brown: how reliable the mean of `ratings` is when one has `single`, 0 to 1."""
    return ratings * single / (1 + (ratings - 1) * single)


def shrink(score: float, mean: float, reliability: float) -> float:
    """Kelley's true score: what a score means once its error is taken out."""
    return reliability * score + (1 - reliability) * mean


def cohort_index(
    people: Sequence[Person], single: float | None, settings: IndexSettings | None = None
) -> CohortIndex:
    """`single`: the reliability of one rating, ICC(2,1) of the raters; None: not known."""
    chosen = settings or IndexSettings()
    if len(people) < chosen.minimum_cohort:
        reason = f"{len(people)} people with both scores, at least {chosen.minimum_cohort} needed"
        # Not even means: a small group must not be seen.
        return CohortIndex(len(people), None, None, None, [], reason)
    confidences = [person.confidence for person in people]
    capabilities = [person.capability for person in people]
    sure, able = fmean(confidences), fmean(capabilities)
    reason = _why_none(confidences, capabilities, single)
    found: list[PersonIndex] = []
    if not reason and single is not None:
        weight = chosen.capability_weight
        found = _people(people, single, weight)
    return CohortIndex(len(people), sure, able, sure - able, found, reason)


def _why_none(
    confidences: Sequence[float], capabilities: Sequence[float], single: float | None
) -> str:
    if single is None:
        return "how reliable one rating is, is not known: let two raters score the same items"
    if not 0 < single <= 1:
        return f"one rating has a reliability of {single:.2f}: calibrate the raters first"
    if max(confidences) == min(confidences):
        return "everyone is equally confident"
    if max(capabilities) == min(capabilities):
        return "everyone is equally capable"
    return ""


def _people(people: Sequence[Person], single: float, weight: float) -> list[PersonIndex]:
    confidences = [person.confidence for person in people]
    capabilities = [person.capability for person in people]
    sure, able = fmean(confidences), fmean(capabilities)
    sure_spread, able_spread = stdev(confidences), stdev(capabilities)
    found = []
    for person in people:
        shrunk = shrink(person.capability, able, reliability_of_mean(single, person.ratings))
        confident = (person.confidence - sure) / sure_spread
        # Both by the spread of the scores as given, or shrinking would be undone.
        capable = (shrunk - able) / able_spread
        seen = (person.capability - able) / able_spread
        index = weight * capable + (1 - weight) * confident
        found.append(PersonIndex(shrunk=shrunk, index=index, gap=confident - seen))
    return found
