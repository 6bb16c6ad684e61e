"""A calibration session: raters score the same items, look where they differ, and talk.

Where an agreed level is known beforehand (`reference`), each rater is held against it too.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean

from msgspec import Struct

from reports.scores.agreement import Agreement, agreement
from reports.scores.ratings import Ratings, raters
from reports.scores.severity import Severity, severity
from reports.scores.verdicts import LEAST_ITEMS, Verdict

EXACT = 0.7
"""Share of items on the agreed level from which a rater is calibrated (Stemler 2004)."""
ADJACENT = 0.9
"""Share of items at most one level away (Stemler 2004)."""
APART = 2
"""Levels between the lowest and the highest rating from which an item is talked about."""


class AgainstReference(Struct, frozen=True):
    """One rater against the agreed levels. Shares 0 to 1; `mean` in levels, above 0 lenient."""

    items: int
    exact: float
    adjacent: float
    mean: float
    verdict: Verdict


class RaterResult(Struct, frozen=True):
    severity: Severity | None
    reference: AgainstReference | None


class Apart(Struct, frozen=True):
    """An item to talk about: its lowest and highest level."""

    item: str
    low: float
    high: float


class CriterionResult(Struct, frozen=True):
    """`apart`: items on which raters differ by two levels or more, widest first."""

    agreement: Agreement
    raters: dict[str, RaterResult]
    apart: list[Apart]


def evaluate(
    session: Mapping[str, Ratings],
    levels: Mapping[str, Sequence[float]],
    reference: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, CriterionResult]:
    """Each criterion of a session.

    `session`: criterion -> ratings; `levels`: criterion -> all its levels, lowest first;
    `reference`: criterion -> item -> agreed level. Raises ValueError for a level that is none,
    KeyError for a criterion without levels.
    """
    agreed = reference or {}
    return {
        criterion: _criterion(ratings, levels[criterion], agreed.get(criterion, {}))
        for criterion, ratings in session.items()
    }


def _criterion(
    ratings: Ratings, levels: Sequence[float], agreed: Mapping[str, float]
) -> CriterionResult:
    place = {level: index for index, level in enumerate(levels)}
    for item, level in agreed.items():
        if level not in place:
            raise ValueError(f"item {item}: the agreed level {level} is none of this criterion")
    return CriterionResult(
        agreement=agreement(ratings, levels),
        raters={
            rater: RaterResult(
                severity=severity(ratings, rater),
                reference=_against(ratings, rater, agreed, place),
            )
            for rater in raters(ratings)
        },
        apart=_apart(ratings, place),
    )


def _against(
    ratings: Ratings, rater: str, agreed: Mapping[str, float], place: Mapping[float, int]
) -> AgainstReference | None:
    both = [
        (given[rater], agreed[item])
        for item, given in ratings.items()
        if rater in given and item in agreed
    ]
    if not both:
        return None
    steps = [abs(place[own] - place[level]) for own, level in both]
    exact = sum(step == 0 for step in steps) / len(steps)
    adjacent = sum(step <= 1 for step in steps) / len(steps)
    return AgainstReference(
        items=len(both),
        exact=exact,
        adjacent=adjacent,
        mean=fmean(own - level for own, level in both),
        verdict=_calibrated(len(both), exact, adjacent),
    )


def _calibrated(items: int, exact: float, adjacent: float) -> Verdict:
    if items < LEAST_ITEMS:
        text = f"too few items: {items} have an agreed level, at least {LEAST_ITEMS} are needed"
        return Verdict("too few items", LEAST_ITEMS, text)
    if exact < EXACT:
        text = f"not yet: {exact:.1%} of the items on the agreed level, below {EXACT:.0%}"
        return Verdict("not yet", EXACT, text)
    if adjacent < ADJACENT:
        text = f"not yet: {adjacent:.1%} at most one level away, below {ADJACENT:.0%}"
        return Verdict("not yet", ADJACENT, text)
    text = (
        f"calibrated: {exact:.1%} on the agreed level (at least {EXACT:.0%}) and {adjacent:.1%} "
        f"at most one level away (at least {ADJACENT:.0%})"
    )
    return Verdict("calibrated", EXACT, text)


def _apart(ratings: Ratings, place: Mapping[float, int]) -> list[Apart]:
    found = [
        Apart(item, min(given.values()), max(given.values()))
        for item, given in ratings.items()
        if given
    ]
    wide = [each for each in found if place[each.high] - place[each.low] >= APART]
    return sorted(wide, key=lambda each: (each.low - each.high, each.item))
