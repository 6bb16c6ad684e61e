"""Confidence stated before a check, held against what then happened."""

from collections.abc import Sequence
from statistics import fmean


def brier(stated: Sequence[float], happened: Sequence[bool]) -> float | None:
    """Mean squared distance of stated probabilities (0 to 1) from the outcome; 0 is best.

    None: nothing stated. Raises ValueError for unequal lengths.
    """
    pairs = list(zip(stated, happened, strict=True))
    return fmean((sure - came) ** 2 for sure, came in pairs) if pairs else None


def overconfidence(stated: Sequence[float], happened: Sequence[bool]) -> float | None:
    """Mean stated probability minus the share that came true; above 0: surer than right.

    None: nothing stated. Raises ValueError for unequal lengths.
    """
    pairs = list(zip(stated, happened, strict=True))
    return fmean(sure - came for sure, came in pairs) if pairs else None
