"""Whether confidence and capability rise together from period to period.

Standardised scores cannot show it, their mean is always 0: the raw means (0 to 1) are compared.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from msgspec import Struct

from reports.scores.index import CohortIndex

STEPS = 2
"""Periods in a row in which both must go up."""


class Rising(Struct, frozen=True):
    """`together`: None where it cannot be said; `text` tells why, or what moved.

    Without any change two means rise twice in a row about once in 36 times by chance alone, and
    people who come and go move them too: a sign to look at, not an effect.
    """

    together: bool | None
    text: str


class _Means(NamedTuple):
    confidence: float
    capability: float


def rising_together(periods: Sequence[CohortIndex | None]) -> Rising:
    """`periods`: one cohort, oldest first, no period left out; None: nothing was measured."""
    last = periods[-STEPS - 1 :]
    if len(last) <= STEPS:
        return Rising(None, f"{len(last)} periods, {STEPS + 1} are needed")
    means = [_means(period) for period in last]
    shown = [each for each in means if each is not None]
    if len(shown) < len(means):
        return Rising(None, f"one of the last {STEPS + 1} periods has no means")
    confidence = [each.confidence for each in shown]
    capability = [each.capability for each in shown]
    up = {"confidence": _rises(confidence), "capability": _rises(capability)}
    moved = f"confidence {_path(confidence)}, capability {_path(capability)}"
    if all(up.values()):
        return Rising(True, f"both rose {STEPS} periods in a row: {moved}")
    risen = [name for name, rose in up.items() if rose]
    told = f"only {risen[0]} rose" if risen else "neither rose"
    return Rising(False, f"{told} {STEPS} periods in a row: {moved}")


def _means(period: CohortIndex | None) -> _Means | None:
    if period is None or period.confidence is None or period.capability is None:
        return None
    return _Means(period.confidence, period.capability)


def _rises(values: Sequence[float]) -> bool:
    return all(after > before for before, after in pairwise(values))


def _path(values: Sequence[float]) -> str:
    return " -> ".join(f"{value:.2f}" for value in values)
