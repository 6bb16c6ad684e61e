"""When the worker looks for garbage in cycles."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from streams.agents import garbage


class Knot:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def begun() -> Iterator[None]:
    before = gc.get_threshold()
    garbage.begin()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("begun")
def test_what_came_since_the_last_epoch_is_freed_when_one_ends() -> None:
    knot = weakref.ref(Knot())
    assert knot() is not None
    garbage.epoch_ended(1)
    assert knot() is None


@pytest.mark.usefixtures("begun")
def test_what_was_let_go_of_later_is_freed_by_a_look_at_everything() -> None:
    kept = Knot()
    knot = weakref.ref(kept)
    for number in (1, 2, 3):
        garbage.epoch_ended(number)
    del kept
    garbage.epoch_ended(4)
    assert knot() is not None
    for number in range(5, 65):
        garbage.epoch_ended(number)
    assert knot() is None


@pytest.mark.usefixtures("begun")
def test_without_epochs_very_many_objects_make_it_look() -> None:
    knot = weakref.ref(Knot())
    many = [[number] for number in range(500_100)]
    assert len(many) > 500_000
    assert knot() is None
