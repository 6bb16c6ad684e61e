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


def test_a_block_goes_on_after_a_recovery_with_what_was_known_of_each_log() -> None:
    rows = PlainRows()
    memory = IdMemory(rows)
    given = [Coordinates(number % 2, number % 3, number, 7) for number in range(BLOCK - 1)]
    for number, one in enumerate(given):
        memory.remember(event_id(number), 0, one.source, one.partition, one.offset, one.generation)
        memory.settle()
        rows.encode()
        rows = PlainRows(rows.rows)
        memory = IdMemory(rows)
        memory.recovered()
    assert [memory.first(event_id(number)) for number in range(len(given))] == given
    assert len(rows.rows) == 1


def test_ids_of_a_day_before_1970() -> None:
    rows = PlainRows()
    memory = IdMemory(rows)
    remember(rows, memory, range(5), day=-3)
    assert recovered(rows).by_day == {-3: 5}
    forget(rows, memory, -2)
    assert not rows.rows


logs = st.tuples(st.integers(0, 255), st.integers(0, 65_535), st.integers(0, 2**32 - 1))
offsets = st.one_of(st.integers(0, 300), st.integers(0, 2**63 - 1), st.just(2**63 - 1))
runs = st.tuples(
    st.integers(0, 1), st.integers(0, 2), offsets, st.sampled_from([1, 1, 2, 3, BLOCK - 1, BLOCK])
)
happenings = st.lists(
    st.one_of(runs, runs, runs, st.just("epoch"), st.just("crash"), st.integers(-1, 1)),
    min_size=10,
    max_size=30,
)


@settings(deadline=None)
@given(st.lists(logs, min_size=3, max_size=3), happenings)
def test_equals_a_dict(
    places: list[tuple[int, int, int]],
    happening: list[tuple[int, int, int, int] | str | int],
) -> None:
    """Runs of new ids (day, which log, offset of the first, how many), the end of an epoch, a crash
    after one, and a horizon that rises."""
    rows = PlainRows()
    memory = IdMemory(rows)
    known: dict[bytes, tuple[int, Coordinates]] = {}
    horizon = -1
    for what in happening:
        if isinstance(what, tuple):
            day, which, offset, count = what
            source, partition, generation = places[which]
            for at in range(offset, min(offset + count, 2**63)):
                name = event_id(len(known))
                known[name] = (day, Coordinates(source, partition, at, generation))
                if day >= horizon:
                    memory.remember(name, day, source, partition, at, generation)
            continue
        memory.settle()
        rows.encode()
        if what == "crash":
            rows = PlainRows(rows.rows)
            memory = IdMemory(rows)
            memory.recovered()
        elif isinstance(what, int):
            horizon = max(horizon, what)
            forget(rows, memory, horizon)
    memory.settle()
    rows.encode()
    for found in (memory, recovered(rows)):
        for name, (day, place) in known.items():
            assert found.first(name) == (place if day >= horizon else None)


def test_a_block_in_which_every_id_has_another_log() -> None:
    rows = PlainRows()
    memory = IdMemory(rows)
    given = [Coordinates(n % 3, n, 2**62 + n * 2**40, 2**32 - 1 - n) for n in range(BLOCK + 1)]
    for number, one in enumerate(given):
        memory.remember(event_id(number), 0, one.source, one.partition, one.offset, one.generation)
        memory.settle()
        rows.encode()
        assert recovered(rows).first(event_id(number)) == one
    for found in (memory, recovered(rows)):
        assert [found.first(event_id(number)) for number in range(len(given))] == given


def test_an_id_takes_about_20_bytes_of_a_row() -> None:
    """Nine source partitions, out of which events came by turns."""
    rows = PlainRows()
    memory = IdMemory(rows)
    for number in range(100 * BLOCK):
        offset = 1_000_000 + number // 9
        memory.remember(event_id(number), 0, number % 3, number // 3 % 3, offset, 7)
    memory.settle()
    rows.encode()
    size = sum(len(key) + len(row) for key, row in rows.rows.items())
    assert size < 21 * 100 * BLOCK


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
