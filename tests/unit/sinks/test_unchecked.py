"""Events before the horizon: new or a duplicate, the same whenever the sink is killed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from schemas import records, topics
from schemas.records import Enriched, EnrichedEvent, Event, Indicators, Repair, WalkName, version_of
from sinks.clickhouse import rows, tables
from sinks.clickhouse.cycle import Cycle, Write
from sinks.clickhouse.repairs import DONE, asked_repairs, columns
from sinks.clickhouse.unchecked import Key, Stored, look_up
from tests.unit.sinks.test_rows import named

_PARTITIONS = 2


class Sent(NamedTuple):
    """An event as the worker says it: which one, on which partition, and whether it was checked."""

    number: int
    unchecked: bool


class FakeStore:
    """Rows by what the tables' sorting keys tell apart."""

    def __init__(self) -> None:
        self.events: dict[int, Key] = {}
        self.aside: dict[int, int] = {}

    def known(self, wanted: Sequence[Key]) -> Stored:
        """Through the query that the sink makes, without its text."""

        def query(_: str) -> list[tuple[Any, ...]]:
            return [
                ("lms", key.signal, key.occurred_at, key.event_id.hex(), 0, 0, offset)
                for offset, key in self.events.items()
                if key in wanted
            ]

        return look_up(query, wanted)

    def write(self, write: Write) -> None:
        """As ReplacingMergeTree does."""
        for row in named(write.table, list(write.columns)):
            if write.table == "events_log":
                key = Key(2, row["signal"], row["occurred_at"], row["event_id"])
                self.events[row["offset"]] = key
            elif write.table == "set_aside":
                self.aside[row["offset"]] = row["first_offset"]


def _record(offset: int, sent: Sent) -> bytes:
    event = Event(
        2, 0, offset, 0, offset, sent.number.to_bytes(16, "big"), bytes(16), 5, "v", "o", "t"
    )
    entry = EnrichedEvent(event, "s", "", "", "", True, unchecked=sent.unchecked)
    return records.encode(Enriched(0, sent.number % _PARTITIONS, offset, 0, stored=[entry]))


def _log(numbers: Sequence[int], checked: int) -> list[list[bytes]]:
    """Records by partition. Memory checks the first few, and knows those ids for a while."""
    parts: list[list[bytes]] = [[] for _ in range(_PARTITIONS)]
    for offset, number in enumerate(numbers):
        if offset < checked and number in numbers[:offset]:
            continue
        parts[number % _PARTITIONS].append(_record(offset, Sent(number, offset >= checked)))
    return parts


@given(
    st.lists(st.integers(0, 5), max_size=25),
    st.integers(0, 10),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 9)), max_size=12),
)
def test_each_event_is_stored_once_and_every_other_is_a_duplicate_of_it(
    numbers: list[int], checked: int, cuts: list[tuple[int, int, int]]
) -> None:
    """`cuts`: how many records of each partition a cycle takes, and before which of its inserts
    the sink is killed (9: it is not)."""
    store, log, done = FakeStore(), _log(numbers, checked), [0] * _PARTITIONS
    for *taken, killed in [*cuts, (99, 99, 9)]:
        cycle = Cycle()
        upto = [min(len(part), at + n) for part, at, n in zip(log, done, taken, strict=True)]
        for part, begin, end in reversed(list(zip(log, done, upto, strict=True))):
            for value in part[begin:end]:
                cycle.add(topics.ENRICHED, value)
        cycle.decide(store.known(cycle.unchecked()))
        for place, write in enumerate(cycle.writes(0)):
            if place == killed:
                break
            store.write(write)
        else:
            done = upto
    coordinates = [records.decode_enriched(v).batch_offset for part in log for v in part]
    assert sorted([*store.events, *store.aside]) == sorted(coordinates)
    assert len(set(store.events.values())) == len(store.events)
    for offset, first in store.aside.items():
        assert numbers[first] == numbers[offset]
        assert first in store.events
        assert first < offset


def test_an_ask_is_open_again_when_it_comes_again() -> None:
    repair = Repair("i", "all", "all", "1h", 60_000, 120_000)
    walk = WalkName("case", "k", b"\x07" * 16, True)
    record = Indicators(2, 0, 5, 0, repairs=[repair, repair], walks=[walk])
    (ask,) = asked_repairs([record], 1_000)
    (row,) = named("repairs", columns([ask]))
    assert (row["asked"], row["outcome"], row["done_at"]) == (version_of(2, 5), "", 0)
    (done,) = named("repairs", columns([ask], DONE, 1_500))
    assert (done["outcome"], done["done_at"]) == ("done", 1_500)
    (again,) = named("repairs", columns(asked_repairs([record], 1_001)))
    assert row["turn"] < done["turn"] < again["turn"]


def test_asks_come_after_the_rows_that_they_put_in_doubt() -> None:
    cycle = Cycle()
    walk = WalkName("case", "k", b"\x07" * 16, False)
    row = records.IndicatorRow("i", "all", "all", "1h", 60_000, 1, 1, 0, 1, 0)
    repair = Repair("i", "all", "all", "1h", 60_000, 120_000)
    asking = Indicators(0, 0, 1, 0, [row], [repair], [walk])
    cycle.add(topics.INDICATORS, records.encode(asking))
    written = {w.table: w.columns for w in cycle.writes(7) if w.columns}
    assert list(written) == ["rolling", "repairs", "recalls"]
    (found,) = named("recalls", written["recalls"])
    assert (found["learner"], found["recall"]) == ("07" * 16, False)
    assert set(tables.names("recalls")) == set(found)
    assert rows.rolling([asking]) == written["rolling"]
