"""Token buckets, the budget of bytes, and keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.settings import KeySettings
from streams.collector.keys import Keys
from streams.collector.limits import ByteBudget, TokenBucket
from streams.collector.responses import Refusal


@given(st.integers(1, 100), st.lists(st.floats(0, 2), max_size=200))
def test_a_bucket_never_lets_more_through_than_its_rate(rate: int, waits: list[float]) -> None:
    bucket = TokenBucket(rate, 0.0)
    now = 0.0
    taken = 0
    for wait in waits:
        now += wait
        taken += bucket.take(now) == 0.0
        assert taken <= rate + rate * now + 1e-6


@given(st.integers(1, 100), st.integers(0, 300))
def test_who_waits_as_long_as_told_gets_through(rate: int, before: int) -> None:
    bucket = TokenBucket(rate, 0.0)
    for _ in range(before):
        bucket.take(0.0)
    wait = bucket.take(0.0)
    assert bucket.take(wait + 1e-9) == 0.0 or wait == 0.0


def test_the_budget_is_given_back() -> None:
    budget = ByteBudget(10)
    budget.take(8)
    with pytest.raises(Refusal) as refused:
        budget.take(3)
    assert refused.value.answer.status == 503
    budget.give(8)
    budget.take(10)


@pytest.mark.parametrize(
    "keys",
    [
        [KeySettings("a", "x", "crm"), KeySettings("a", "y", "crm")],
        [KeySettings("a", "x", "crm"), KeySettings("b", "x", "lms")],
        [KeySettings("a", "", "crm")],
        [KeySettings("", "x", "crm")],
        [KeySettings("a:b", "x", "crm")],
    ],
)
def test_keys_that_could_be_mistaken_are_refused(keys: list[KeySettings]) -> None:
    with pytest.raises(ValueError, match=r"collector\.keys"):
        Keys(keys)
