"""Only a prefix is committed of which everything was acknowledged."""

from typing import cast

from confluent_kafka import KafkaError, Message
from hypothesis import given
from hypothesis import strategies as st

from streams.intake.flight import Flight, Position

_ANY = cast(Message, None)
_SOURCE = ("events.crm", 0)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_acknowledged_prefix_lands(sizes: list[int], random: object) -> None:
    flight = Flight()
    left = list(sizes)
    delivered = [
        flight.launch(size, {_SOURCE: Position(number + 1, "")})
        for number, size in enumerate(sizes)
    ]
    waiting = [number for number, size in enumerate(sizes) for _ in range(size)]
    random.shuffle(waiting)  # type: ignore[attr-defined]
    committed = 0
    for number in [None, *waiting]:
        if number is not None:
            delivered[number](None, _ANY)
            left[number] -= 1
        prefix = next((at for at, count in enumerate(left) if count), len(left))
        committed = flight.landed().get(_SOURCE, Position(committed, "")).offset
        assert committed == prefix
        assert len(flight) == len(sizes) - prefix


def test_nothing_lands_behind_a_failure() -> None:
    flight = Flight()
    first = flight.launch(1, {_SOURCE: Position(1, "")})
    second = flight.launch(1, {_SOURCE: Position(2, "")})
    first(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), _ANY)
    second(None, _ANY)
    assert flight.landed() == {}
    assert flight.failed is not None


def test_positions_of_lost_partitions_are_forgotten() -> None:
    other = ("events.lms", 1)
    flight = Flight()
    first = flight.launch(1, {_SOURCE: Position(1, ""), other: Position(5, "")})
    second = flight.launch(1, {_SOURCE: Position(2, "")})
    first(None, _ANY)
    assert len(flight) == 1
    flight.forget([_SOURCE])
    second(None, _ANY)
    assert flight.landed() == {other: Position(5, "")}
