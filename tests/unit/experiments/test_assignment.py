"""Assignment: the vectors that other languages are held to, its shares, and its stability."""

import json
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics.balance import chi_square
from schemas.experiments.assignment import AssignmentError, assign, learner_unit

VECTORS: list[dict[str, Any]] = json.loads(
    (files("schemas.experiments") / "assignment_vectors.json").read_text("utf-8")
)
HALVES = {"control": 50, "short": 50}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['experiment']} {v['unit']!r}")
def test_vectors(vector: dict[str, Any]) -> None:
    weights = dict(vector["weights"])
    assert assign(vector["experiment"], vector["unit"], weights) == vector["variant"]


def test_one_vector_by_hand() -> None:
    """printf 'short-nudge\\nAlder' | sha256sum begins 3a71e40b32c9, which is 64260831654601; modulo
    100 that is 1, in the first half."""
    assert int("3a71e40b32c9", 16) % 100 == 1
    assert assign("short-nudge", "Alder", HALVES) == "control"


def test_the_vectors_tell_every_variant() -> None:
    assert {vector["variant"] for vector in VECTORS} == {"control", "short", "a", "b"}


@pytest.mark.parametrize(
    "weights", [{"a": 1, "b": 1}, {"a": 90, "b": 10}, {"a": 3, "b": 2, "c": 1}]
)
def test_the_shares_are_those_of_the_weights(weights: dict[str, int]) -> None:
    counts = Counter(assign("shares", f"unit-{n}", weights) for n in range(20_000))
    found = chi_square([counts[name] for name in weights], list(weights.values()))
    assert found.p > 0.001


def test_experiments_are_independent_of_each_other() -> None:
    both = Counter(
        (assign("one", f"unit-{n}", HALVES), assign("two", f"unit-{n}", HALVES))
        for n in range(20_000)
    )
    assert chi_square(list(both.values()), [1, 1, 1, 1]).p > 0.001


@given(st.text(min_size=1), st.integers(1, 99))
def test_moving_weight_moves_only_units_between_the_neighbours(unit: str, share: int) -> None:
    before = assign("ramp", unit, {"control": 100 - share, "new": share})
    after = assign("ramp", unit, {"control": 99 - share + 1, "new": share})
    assert before == after
    if share < 99:
        wider = assign("ramp", unit, {"control": 99 - share, "new": share + 1})
        assert before == wider or (before, wider) == ("control", "new")


def test_what_cannot_be_assigned() -> None:
    for unit, weights in (("", HALVES), ("u", {}), ("u", {"a": 0, "b": 1})):
        with pytest.raises(AssignmentError):
            assign("x", unit, weights)
    with pytest.raises(AssignmentError):
        assign("two\nlines", "u", HALVES)
    for issuer, identifier in (("", "x"), ("x", ""), ("a\nb", "c"), ("a", "b\nc")):
        with pytest.raises(AssignmentError):
            learner_unit(issuer, identifier)
