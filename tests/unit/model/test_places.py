"""Places of ids: always those that were added, whatever was split or taken out meanwhile."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.model.places import Places

_FEW = st.integers(0, 400)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.booleans(), _FEW, st.integers(0, 3))), st.integers(0, 500))
def test_equals_a_dict_of_lists(changes: list[tuple[bool, int, int]], many: int) -> None:
    """`many` ids are there already, so that buckets have been split; (add, id, place) follow."""
    places = Places()
    left: dict[bytes, list[int]] = {}
    more = [(True, 1_000 + number, number) for number in range(many)]
    for add, number, place in [*more, *changes]:
        name = number.to_bytes(16, "big")
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
        assert sorted(places.of(name)) == sorted(known)


def test_many_ids_are_found_and_hardly_any_other() -> None:
    dice = random.Random(1)
    names = [dice.randbytes(16) for _ in range(30_000)]
    places = Places()
    for place, name in enumerate(names):
        places.add(name, place)
    assert all(place in places.of(name) for place, name in enumerate(names))
    assert not any(list(places.of(dice.randbytes(16))) for _ in range(10_000))
