"""Places of ids: always those that were added, whatever was split or taken out meanwhile."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.model.places import Places

_FEW = st.integers(0, 400)
_SPLIT = 5_000
"""With so many ids there are more buckets than at the beginning."""


def name_of(number: int) -> bytes:
    return number.to_bytes(16, "big")


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.booleans(), _FEW, st.integers(0, 3))),
    st.integers(0, _SPLIT),
    st.integers(0, _SPLIT),
)
def test_equals_a_dict_of_lists(
    changes: list[tuple[bool, int, int]], at_once: int, one_by_one: int
) -> None:
    """So many ids are there already; (add, id, place) follow."""
    places = Places([(1_000, map(name_of, range(1_000, 1_000 + at_once)))])
    left = {name_of(number): [number] for number in range(1_000, 1_000 + at_once)}
    more = [(True, 10_000 + number, number) for number in range(one_by_one)]
    for add, number, place in [*more, *changes]:
        name = name_of(number)
        known = left.setdefault(name, [])
        if add:
            places.add(name, place)
            known.append(place)
        elif place in known:
            places.remove(name, place)
            known.remove(place)
        else:
            with pytest.raises(KeyError):
                places.remove(name, place)
    assert len(places) == sum(map(len, left.values()))
    for name, known in left.items():
        assert Counter(known) <= Counter(places.of(name))
    # Among so few ids hardly any two have the same hash.
    assert sum(len(places.of(name)) for name in left) <= len(places) + 10


@pytest.mark.parametrize("at_once", [0, 12_345, 30_000])
def test_many_ids_are_found_and_hardly_any_other(at_once: int) -> None:
    dice = random.Random(1)
    names = [dice.randbytes(16) for _ in range(30_000)]
    runs = [(first, names[first : min(first + 100, at_once)]) for first in range(0, at_once, 100)]
    places = Places(reversed(runs))
    for place, name in enumerate(names[at_once:], at_once):
        places.add(name, place)
    assert len(places) == len(names)
    assert all(place in places.of(name) for place, name in enumerate(names))
    assert sum(bool(places.of(dice.randbytes(16))) for _ in range(10_000)) < 10


def test_a_place_may_be_any_number_below_two_to_the_32nd() -> None:
    last = 2**32 - 1
    places = Places([(last, [b"at once"])])
    places.add(b"later", last)
    assert last in places.of(b"at once")
    assert last in places.of(b"later")
