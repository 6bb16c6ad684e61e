"""Inserting whatever happens, and errors in our kinds."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, DataError, OperationalError
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError

from schemas.records import DeadLetter
from sinks.clickhouse import errors, tables
from sinks.clickhouse.cycle import Write
from sinks.clickhouse.errors import NeverValid, OurBug, SlowDown, StoreError, TryAgain, translate
from sinks.clickhouse.refused import dead_letter, row_of, server_reason, set_aside_row
from sinks.clickhouse.writer import LONGEST_WAIT, MOST_REFUSED, REFUSED_WAIT, Writer


class FakeStore:
    """Keeps rows; refuses those in `bad`, and is away for the first `away` tries."""

    def __init__(self, bad: Sequence[int] = (), away: int = 0) -> None:
        self.bad = set(bad)
        self.away = away
        self.kept: list[int] = []
        self.tries = 0

    def insert(self, table: str, columns: Sequence[Sequence[Any]]) -> None:
        self.tries += 1
        if self.away:
            self.away -= 1
            raise TryAgain("away")
        if self.bad & set(columns[0]):
            raise NeverValid("bad value", 53)
        self.kept += columns[0]


def write(store: FakeStore, size: int) -> tuple[list[int], list[float]]:
    """Write the numbers below `size`; return those refused, and the waits."""
    refused: list[int] = []
    waits: list[float] = []
    writer = Writer(store, lambda table, row, why: refused.append(row[0]), waits.append)
    writer.write(Write("marks", [list(range(size)), list(range(size))]))
    assert not writer.away
    return refused, waits


@given(st.integers(1, 200), st.sets(st.integers(0, 199), max_size=10))
def test_every_row_is_kept_or_refused_once(size: int, bad: set[int]) -> None:
    store = FakeStore(sorted(bad))
    refused, _ = write(store, size)
    assert sorted(refused) == [number for number in range(size) if number in bad]
    assert sorted(store.kept) == [number for number in range(size) if number not in bad]


def test_one_bad_row_costs_few_inserts() -> None:
    store = FakeStore([37])
    write(store, 4_096)
    assert store.tries <= 2 * 12 + 1


def test_it_waits_longer_and_longer_while_clickhouse_is_away() -> None:
    store = FakeStore(away=9)
    refused, waits = write(store, 3)
    assert store.kept == [0, 1, 2]
    assert not refused
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT
    assert len(waits) == 9


def test_many_refused_rows_slow_it_down_and_do_not_stop_it() -> None:
    size = MOST_REFUSED + 30
    refused, waits = write(FakeStore(range(size)), size + 2)
    assert refused == list(range(size))
    assert waits == [REFUSED_WAIT] * 30


def test_giving_up_while_waiting_leaves_the_writer_away() -> None:
    def stop(_: float) -> None:
        raise KeyboardInterrupt

    writer = Writer(FakeStore(away=1), lambda *_: None, stop)
    with pytest.raises(KeyboardInterrupt):
        writer.write(Write("marks", [[1]]))
    assert writer.away


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DatabaseError("x", code=252), SlowDown),
        (DatabaseError("x", code=242), TryAgain),
        (DatabaseError("the disk is full", code=243), TryAgain),
        (DatabaseError("x", code=53), NeverValid),
        (DatabaseError("x", code=60), OurBug),
        (DatabaseError("HTTP driver received HTTP status 502"), TryAgain),
        (DataError("x"), NeverValid),
        (ProtocolError("x"), TryAgain),
        (ConnectionRefusedError(), TryAgain),
        (OverflowError(), NeverValid),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "x"), NeverValid),
    ],
)
def test_errors_get_one_of_our_kinds(error: Exception, kind: type[StoreError]) -> None:
    assert type(translate(error)) is kind


def test_a_store_that_does_not_answer_is_named() -> None:
    pool = HTTPConnectionPool("store.example", 8123)
    refused = "Failed to establish a new connection: [Errno 111] Connection refused"
    error = OperationalError(f"Error {pool}: Max retries exceeded with url: /?query_id=1")
    error.__cause__ = MaxRetryError(pool, "/?query_id=1", HTTPError(refused))
    told = "ClickHouse does not answer at store.example:8123: [Errno 111] Connection refused"
    assert type(translate(error)) is TryAgain
    assert str(translate(error)) == told


def test_other_errors_stay_what_they_are() -> None:
    assert translate(KeyError("x")) is None
    own = TryAgain("x")
    assert translate(own) is own


def test_kinds_do_not_overlap() -> None:
    assert not errors._TRY_AGAIN & errors._NEVER_VALID
    assert not errors._SLOW_DOWN & (errors._TRY_AGAIN | errors._NEVER_VALID)


def test_a_refused_event_becomes_a_dead_letter_with_its_coordinates() -> None:
    row = _row("events_log", source="lms", partition=3, offset=9, generation=2, received_at=50)
    letter = dead_letter("events_log", row, NeverValid("x", 53), 100)
    assert (letter.topic, letter.partition, letter.offset) == ("events.lms", 3, 9)
    assert (letter.stage, letter.received_at, letter.dead_at) == ("sink", 50, 100)
    assert msgspec.msgpack.decode(letter.value or b"")["offset"] == 9
    aside = dict(zip(tables.names("set_aside"), set_aside_row(letter), strict=True))
    assert (aside["kind"], aside["offset"], aside["received_at"]) == (["dead"], [9], [50])


def test_two_refused_rows_of_indicators_stay_two_letters() -> None:
    letters = [
        dead_letter("rolling", _row("rolling", cohort=name), NeverValid("x", 53), 100)
        for name in ("a", "b")
    ]
    assert len({_key(letter) for letter in letters}) == 2


def _row(table: str, **values: Any) -> list[Any]:
    return [values.get(name, 0) for name in tables.names(table)]


def _key(letter: DeadLetter) -> tuple[Any, ...]:
    return letter.topic, letter.generation, letter.partition, letter.offset, letter.stage


def test_a_refused_row_comes_back_from_its_letter() -> None:
    row = _row("events_log", source="lms", partition=3, event_id=b"\x01" * 16, score=None)
    letter = dead_letter("events_log", row, NeverValid("x", 53), 100)
    assert row_of(letter) == ("events_log", tuple(row))
    assert row_of(msgspec.structs.replace(letter, headers=[])) is None
    other = msgspec.structs.replace(letter, value=msgspec.msgpack.encode({"source": "lms"}))
    assert row_of(other) is None


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (
            "Received ClickHouse exception, code: 469, server response: Code: 469. DB::Exception: "
            "Constraint `c` is violated at row 1. Expression: (source != 'o3'). "
            "Column values: source = 'o3'. (VIOLATED_CONSTRAINT) (version 26.9.2.1)",
            "Constraint `c` is violated at row 1. Expression: (source != 'o3').",
        ),
        (
            "Code: 27. DB::Exception: Code: 27. DB::Exception: Cannot parse input: expected '\"' "
            "before: 'secretword\"}': (at row 1)",
            "Cannot parse input: expected '\"'",
        ),
        ("OverflowError while encoding rows", "OverflowError while encoding rows"),
    ],
)
def test_the_servers_reason_without_the_values(told: str, reason: str) -> None:
    assert server_reason(NeverValid(told, 469)) == reason
