"""Coverage changes against counting distinct people window by window."""

from bisect import insort

from hypothesis import given
from hypothesis import strategies as st

from streams.model.coverage import DAY_MINUTES, GRAIN_MINUTES, WINDOWS, People, cover

minutes = st.lists(
    st.one_of(st.integers(0, 200), st.integers(0, 50 * DAY_MINUTES)), min_size=1, max_size=12
)


class Known:
    """The activity of one person, as a plain sorted list of minutes."""

    def __init__(self) -> None:
        self.active: list[int] = []

    def minutes(self, day: int) -> list[int]:
        return [m for m in self.active if m // DAY_MINUTES == day]

    def days(self) -> list[int]:
        return sorted({m // DAY_MINUTES for m in self.active})


def covered(active: list[int], grain: int, slots: int) -> set[int]:
    """Window-end slots whose window holds an active slot."""
    return {
        end
        for minute in active
        for end in range(minute // GRAIN_MINUTES[grain], minute // GRAIN_MINUTES[grain] + slots)
    }


def assert_covers(people: People, active: list[int]) -> None:
    for window, changes in zip(WINDOWS, people, strict=True):
        wanted = covered(active, window.grain, window.slots)
        running = 0
        found = set()
        for slot in range(min(changes, default=0), max(changes, default=0) + 1):
            running += changes.get(slot, 0)
            assert running in (0, 1)
            if running:
                found.add(slot)
        assert running == 0
        assert found == wanted, window.name


@given(minutes)
def test_one_person_is_in_exactly_the_windows_that_hold_an_activity(arriving: list[int]) -> None:
    known = Known()
    people: People = ({}, {}, {}, {})
    for minute in arriving:
        cover(people, minute, known, 1)
        if minute not in known.active:
            insort(known.active, minute)
    assert_covers(people, known.active)


@given(minutes, st.data())
def test_taking_back_leaves_what_was_never_there(arriving: list[int], data: st.DataObject) -> None:
    known = Known()
    people: People = ({}, {}, {}, {})
    for minute in dict.fromkeys(arriving):
        cover(people, minute, known, 1)
        insort(known.active, minute)
    for minute in data.draw(st.lists(st.sampled_from(known.active), unique=True)):
        known.active.remove(minute)
        cover(people, minute, known, -1)
    assert_covers(people, known.active)
