"""Section 5: confidence and capability rising together."""

import pytest

from reports.scores.index import CohortIndex
from reports.scores.rising import rising_together


def _period(confidence: float, capability: float) -> CohortIndex:
    return CohortIndex(12, confidence, capability, confidence - capability, [], "")


_SMALL = CohortIndex(3, None, None, None, [], "3 people")


@pytest.mark.parametrize(
    ("periods", "together", "text"),
    [
        ([(0.4, 0.3), (0.5, 0.4), (0.6, 0.5)], True, "both rose 2 periods in a row"),
        ([(0.9, 0.9), (0.4, 0.3), (0.5, 0.4), (0.6, 0.5)], True, "both rose"),
        ([(0.4, 0.3), (0.5, 0.4), (0.6, 0.4)], False, "only confidence rose"),
        ([(0.4, 0.3), (0.4, 0.4), (0.6, 0.5)], False, "only capability rose"),
        ([(0.4, 0.3), (0.6, 0.5), (0.5, 0.4)], False, "neither rose"),
        ([(0.4, 0.3), (0.5, 0.4)], None, "2 periods, 3 are needed"),
        ([], None, "0 periods"),
    ],
)
def test_section_5_rising_together(
    periods: list[tuple[float, float]], together: bool | None, text: str
) -> None:
    found = rising_together([_period(*means) for means in periods])
    assert found.together is together
    assert text in found.text


def test_the_text_shows_the_means() -> None:
    found = rising_together([_period(0.4, 0.3), _period(0.5, 0.41), _period(0.6, 0.52)])
    assert found.text.endswith("confidence 0.40 -> 0.50 -> 0.60, capability 0.30 -> 0.41 -> 0.52")


@pytest.mark.parametrize("hole", [None, _SMALL])
def test_a_period_without_means_leaves_it_open(hole: CohortIndex | None) -> None:
    found = rising_together([_period(0.4, 0.3), hole, _period(0.6, 0.5)])
    assert found.together is None
    assert "no means" in found.text
    before = rising_together([hole, _period(0.4, 0.3), _period(0.5, 0.4), _period(0.6, 0.5)])
    assert before.together is True
