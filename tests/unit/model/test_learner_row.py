"""What stays of a learner's row when the horizon rises, and what that frees."""

import msgspec

from streams.model.days import leaves
from streams.model.forgetting import forgetting
from streams.model.learner_row import LearnerRow, decode_learner
from streams.model.presence import Activity

_encode = msgspec.msgpack.encode
_KEY = b"L" + b"p" * 16


def _row(latest: int | None) -> bytes:
    day = {} if latest is None else {1: [600, 0, 2], 2: [600, 0, 1, 700, 0, 1]}
    return _encode(
        LearnerRow(3, 99, [1], Activity(latest, day, {1: [latest - 1] if latest else []}))
    )


def test_a_row_stays_and_its_days_before_the_horizon_go() -> None:
    rule = forgetting(lambda key, encoded: None, 20_001)
    left = rule(_KEY, _row(20_000))
    assert left is not None
    assert decode_learner(left) == LearnerRow(3, 99, [1], Activity(), 20_001)
    assert rule(_KEY, left) == left


def test_days_from_the_horizon_on_stay() -> None:
    rule = forgetting(lambda key, encoded: None, 20_000)
    left = rule(_KEY, _row(20_000))
    assert left is not None
    kept = Activity(20_000, {1: [600, 0, 2], 2: [600, 0, 1, 700, 0, 1]}, {})
    assert decode_learner(left) == LearnerRow(3, 99, [1], kept, 20_000)


def test_what_letting_go_of_the_latest_day_frees_is_told_with_it() -> None:
    assert leaves(_KEY, _row(None)) is None
    told = leaves(_KEY, _row(20_000))
    assert told is not None
    day, freed = told
    left = forgetting(lambda key, encoded: None, day + 1)(_KEY, _row(20_000))
    assert left is not None
    assert day == 20_000
    # Besides, the day's number and the earlier days go.
    assert 0 <= len(_row(20_000)) - len(left) - freed < 16
