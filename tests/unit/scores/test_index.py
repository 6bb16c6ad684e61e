"""The confidence and capability index. Section 5 is that of the project's domain notes."""

from statistics import fmean
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.scores.forecast import brier, overconfidence
from reports.scores.index import (
    IndexSettings,
    Person,
    Scores,
    capability,
    cohort_index,
    reliability_of_mean,
    shrink,
    to_unit,
)

_SMALL = IndexSettings(minimum_cohort=5)
_ORACLE = [
    Person(to_unit(level, 1, 5), capable, ratings)
    for level, capable, ratings in zip(
        [5, 4, 4, 3, 2], [0.5, 0.9, 0.7, 0.6, 0.8], [1, 3, 2, 2, 1], strict=True
    )
]
_SHARE = st.integers(0, 100).map(lambda number: number / 100)
_PEOPLE = st.lists(
    st.builds(Person, _SHARE, _SHARE, st.integers(1, 5).map(float)), min_size=5, max_size=12
)
_SINGLE = st.floats(0.05, 1)


def test_section_5_reliability_of_a_mean() -> None:
    found = [reliability_of_mean(0.6, person.ratings) for person in _ORACLE]
    assert found == pytest.approx([0.6, 0.8182, 0.75, 0.75, 0.6], abs=5e-5)


def test_section_5_index_and_gap() -> None:
    found = cohort_index(_ORACLE, 0.6, _SMALL)
    shrunk = [person.shrunk for person in found.people]
    index = [person.index for person in found.people]
    gap = [person.gap for person in found.people]
    assert shrunk == pytest.approx([0.58, 0.8636, 0.7, 0.625, 0.76], abs=5e-5)
    assert index == pytest.approx([-0.1629, 0.8297, 0.1052, -0.4899, -0.1554], abs=5e-5)
    assert gap == pytest.approx([2.4928, -0.9141, 0.3508, 0.1062, -2.0357], abs=5e-5)
    assert found.reason == ""
    assert found.capability == pytest.approx(0.7)


def test_section_5_standardised_parts() -> None:
    """The two parts of the index, taken apart by weights of 0 and 1."""
    sure = cohort_index(_ORACLE, 0.6, IndexSettings(capability_weight=0, minimum_cohort=5))
    able = cohort_index(_ORACLE, 0.6, IndexSettings(capability_weight=1, minimum_cohort=5))
    assert [person.index for person in sure.people] == pytest.approx(
        [1.2279, 0.3508, 0.3508, -0.5262, -1.4033], abs=5e-5
    )
    assert [person.index for person in able.people] == pytest.approx(
        [-0.7589, 1.0349, 0, -0.4743, 0.3795], abs=5e-5
    )


def test_section_5_kelley() -> None:
    assert shrink(85, 70, 0.6) == pytest.approx(79)


def test_section_5_brier_and_overconfidence() -> None:
    stated = [0.9, 0.9, 0.8, 0.7, 0.6, 0.6, 0.4, 0.2]
    happened = [True, False, True, True, False, True, False, False]
    assert brier(stated, happened) == pytest.approx(0.20875)
    assert overconfidence(stated, happened) == pytest.approx(0.1375)
    assert brier([], []) is None
    assert overconfidence([], []) is None


def test_a_small_cohort_has_no_index_and_no_means() -> None:
    found = cohort_index(_ORACLE, 0.6)
    assert found.people == []
    assert (found.confidence, found.capability, found.gap) == (None, None, None)
    assert found.reason == "5 people with both scores, at least 10 needed"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"minimum_cohort": 4}, IndexSettings)


@pytest.mark.parametrize(
    ("people", "single", "reason"),
    [
        (_ORACLE, None, "not known"),
        (_ORACLE, 0.0, "calibrate"),
        (_ORACLE, -0.2, "calibrate"),
        ([person._replace(confidence=0.4) for person in _ORACLE], 0.6, "equally confident"),
        ([person._replace(capability=0.1) for person in _ORACLE], 0.6, "equally capable"),
    ],
)
def test_where_there_is_no_index_the_means_stay(
    people: list[Person], single: float | None, reason: str
) -> None:
    found = cohort_index(people, single, _SMALL)
    assert found.people == []
    assert reason in found.reason
    assert found.confidence == pytest.approx(fmean(person.confidence for person in people))


def test_an_over_confident_cohort_has_a_gap() -> None:
    people = [person._replace(confidence=person.capability + 0.1) for person in _ORACLE]
    found = cohort_index(people, 0.6, _SMALL)
    assert found.gap == pytest.approx(0.1)


@given(_PEOPLE, _SINGLE)
def test_the_people_of_a_cohort_are_compared_only_with_each_other(
    people: list[Person], single: float
) -> None:
    """Half the scale, or shifted: the same index for everyone."""
    moved = [Person(p.confidence / 2 + 0.3, p.capability / 2 + 0.1, p.ratings) for p in people]
    first, second = cohort_index(people, single, _SMALL), cohort_index(moved, single, _SMALL)
    assert first.reason == second.reason
    for ours, theirs in zip(first.people, second.people, strict=True):
        assert ours.index == pytest.approx(theirs.index, abs=1e-6)
        assert ours.gap == pytest.approx(theirs.gap, abs=1e-6)


@given(_PEOPLE, _SINGLE)
def test_standardised_gaps_have_a_mean_of_zero(people: list[Person], single: float) -> None:
    found = cohort_index(people, single, _SMALL)
    if found.people:
        assert fmean(person.gap for person in found.people) == pytest.approx(0, abs=1e-9)


@given(_PEOPLE, _SINGLE)
def test_shrinking_moves_to_the_mean_and_less_with_more_ratings(
    people: list[Person], single: float
) -> None:
    found = cohort_index(people, single, _SMALL)
    more = cohort_index([p._replace(ratings=p.ratings + 5) for p in people], single, _SMALL)
    for person, once, again in zip(people, found.people, more.people, strict=False):
        assert found.capability is not None
        distance = abs(person.capability - found.capability)
        assert abs(once.shrunk - found.capability) <= distance + 1e-12
        assert abs(once.shrunk - found.capability) <= abs(again.shrunk - found.capability) + 1e-12


@given(_PEOPLE, _SINGLE, st.permutations(range(5)))
def test_the_order_of_people_does_not_matter(
    people: list[Person], single: float, order: list[int]
) -> None:
    five = people[:5]
    turned = [five[place] for place in order]
    found, after = cohort_index(five, single, _SMALL), cohort_index(turned, single, _SMALL)
    expected = [found.people[place].index for place in order] if found.people else []
    assert [person.index for person in after.people] == pytest.approx(expected)


def test_sources_are_weighted_and_missing_ones_left_out() -> None:
    both = {"check": Scores(0.6, 2), "observation": Scores(0.9, 1)}
    settings = msgspec.convert(
        {"source_weights": {"check": 2, "observation": 1, "feedback": 0}}, IndexSettings
    )
    found = capability({"check": both["check"], "observation": both["observation"]}, settings)
    assert found is not None
    assert found.mean == pytest.approx(0.7)
    # Two checks and one observation, each of weight 1: three equal ratings.
    assert found.ratings == pytest.approx(3)
    alone = capability({"check": Scores(0.6, 2), "feedback": Scores(0.1, 9)}, settings)
    assert alone is not None
    assert alone == pytest.approx((0.6, 2))
    assert capability({"feedback": Scores(0.1, 9)}, settings) is None
    assert capability({"check": Scores(0.0, 0)}) is None


@given(
    st.dictionaries(
        st.sampled_from(["check", "observation", "feedback"]),
        st.builds(Scores, _SHARE, st.integers(1, 9)),
        min_size=1,
    )
)
def test_effective_ratings_are_at_most_those_given(
    scores: dict[Literal["check", "observation", "feedback"], Scores],
) -> None:
    found = capability(scores)
    assert found is not None
    assert found.ratings <= sum(score.ratings for score in scores.values()) + 1e-9
    assert found.ratings >= min(score.ratings for score in scores.values()) - 1e-9


def test_settings_are_refused_when_they_make_no_sense() -> None:
    for wrong in (
        {"capability_weight": 1.1},
        {"source_weights": {"check": -1}},
        {"source_weights": {"gossip": 1}},
        {"weight": 0.5},
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, IndexSettings)
    with pytest.raises(ValueError, match="scale from 1 to 5"):
        to_unit(6, 1, 5)
