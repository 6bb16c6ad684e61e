"""The memory of event ids: what it finds, lets go of, and finds again after a recovery."""

from schemas.records import Coordinates
from streams.model.ids import BLOCK, IdMemory
from tests.unit.model.pipeline import PlainRows


def event_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def remembered(numbers: range, budget: int) -> tuple[PlainRows, IdMemory]:
    rows = PlainRows()
    memory = IdMemory(rows, budget)
    for number in numbers:
        memory.remember(event_id(number), 2, 1, number, 7)
    memory.settle()
    rows.encode()
    return rows, memory


def test_finds_where_an_id_was_seen_first() -> None:
    _, memory = remembered(range(3 * BLOCK + 5), 100_000)
    for number in (0, BLOCK, 3 * BLOCK + 4):
        assert memory.first(event_id(number)) == Coordinates(2, 1, number, 7)
    assert memory.first(event_id(3 * BLOCK + 5)) is None


def test_lets_go_of_the_oldest_over_the_budget() -> None:
    rows, memory = remembered(range(10 * BLOCK), 4 * BLOCK)
    assert memory.first(event_id(0)) is None
    assert memory.first(event_id(10 * BLOCK - 1)) is not None
    assert len(rows.rows) <= 5


def test_recovers_from_its_rows_and_goes_on() -> None:
    rows, _ = remembered(range(2 * BLOCK + 10), 100_000)
    memory = IdMemory(rows, 100_000)
    memory.recovered()
    memory.remember(event_id(9_999_999), 0, 0, 1, 7)
    memory.settle()
    rows.encode()
    again = IdMemory(rows, 100_000)
    again.recovered()
    for number in (0, 2 * BLOCK + 9):
        assert again.first(event_id(number)) == Coordinates(2, 1, number, 7)
    assert again.first(event_id(9_999_999)) == Coordinates(0, 0, 1, 7)


def test_an_id_that_came_again_after_it_was_let_go_stays() -> None:
    rows = PlainRows()
    memory = IdMemory(rows, 2 * BLOCK)
    for number in range(3 * BLOCK):
        memory.remember(event_id(number), 0, 0, number, 0)
    assert memory.first(event_id(0)) is None
    memory.remember(event_id(0), 0, 0, 77, 0)
    for number in range(3 * BLOCK, 4 * BLOCK):
        memory.remember(event_id(number), 0, 0, number, 0)
    assert memory.first(event_id(0)) == Coordinates(0, 0, 77, 0)
