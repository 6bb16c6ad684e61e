"""The memory of event ids: what it finds, lets go of by day, and finds again after a recovery."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import Coordinates
from streams.model.ids import BLOCK, IdMemory, day_of_ids
from tests.unit.model.pipeline import PlainRows


def event_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def remember(rows: PlainRows, memory: IdMemory, numbers: Iterable[int], day: int = 0) -> None:
    for number in numbers:
        memory.remember(event_id(number), day, 2, 1, number, 7)
    memory.settle()
    rows.encode()


def forget(rows: PlainRows, memory: IdMemory, before: int) -> None:
    memory.forget(before)
    rows.forget(lambda key, row: None if day_of_ids(key) < before else row)


def recovered(rows: PlainRows) -> IdMemory:
    memory = IdMemory(PlainRows(rows.rows))
    memory.recovered()
    return memory


def test_finds_where_an_id_was_seen_first() -> None:
    rows = PlainRows()
    memory = IdMemory(rows)
    remember(rows, memory, range(3 * BLOCK + 5))
    for number in (0, BLOCK, 3 * BLOCK + 4):
        assert memory.first(event_id(number)) == Coordinates(2, 1, number, 7)
    assert memory.first(event_id(3 * BLOCK + 5)) is None


def test_recovers_from_its_rows_and_goes_on() -> None:
    rows = PlainRows()
    remember(rows, IdMemory(rows), range(2 * BLOCK + 10))
    memory = IdMemory(rows)
    memory.recovered()
    remember(rows, memory, [9_999_999])
    again = recovered(rows)
    for number in (0, 2 * BLOCK + 9, 9_999_999):
        assert again.first(event_id(number)) == Coordinates(2, 1, number, 7)


def test_ids_of_a_day_before_1970() -> None:
    rows = PlainRows()
    memory = IdMemory(rows)
    remember(rows, memory, range(5), day=-3)
    assert recovered(rows).by_day == {-3: 5}
    forget(rows, memory, -2)
    assert not rows.rows


seen = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 100)), max_size=8)


@settings(deadline=None)
@given(seen, st.integers(0, 4), seen, st.booleans())
def test_a_day_is_kept_wholly_or_not_at_all(
    before: list[tuple[int, int]], horizon: int, after: list[tuple[int, int]], crash: bool
) -> None:
    """(day, how many ids): some are seen, what is older than `horizon` goes, more are seen."""
    rows = PlainRows()
    memory = IdMemory(rows)
    by_day: dict[int, list[int]] = {}
    number = 0
    for part, seen_then in enumerate((before, after)):
        for day, count in seen_then:
            if part and day < horizon:
                continue
            remember(rows, memory, range(number, number + count), day)
            by_day.setdefault(day, []).extend(range(number, number + count))
            number += count
        if not part:
            forget(rows, memory, horizon)
            if crash:
                rows = PlainRows(rows.rows)
                memory = IdMemory(rows)
                memory.recovered()
    for found in (memory, recovered(rows)):
        assert found.by_day == {day: len(ids) for day, ids in by_day.items() if day >= horizon}
        assert len(found) == sum(found.by_day.values())
        for day, ids in by_day.items():
            for one in ids:
                known = Coordinates(2, 1, one, 7) if day >= horizon else None
                assert found.first(event_id(one)) == known
