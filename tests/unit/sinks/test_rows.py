"""Records -> columns."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import records, topics
from schemas.consent import ConsentEntry
from schemas.experiments import book
from schemas.records import (
    AssetEntry,
    Attribute,
    Coordinates,
    DeadLetter,
    DeadOutcome,
    Duplicate,
    Enriched,
    EnrichedEvent,
    Event,
    IndicatorRow,
    Indicators,
    LearnerEntry,
    Mark,
    Panes,
    Repair,
    SeriesPanes,
    WalkName,
    version_of,
)
from sinks.clickhouse import rows, tables
from sinks.clickhouse.cycle import Cycle, Write, outcomes, received_by_source

ID = bytes(range(16))


def event(offset: int = 0, **changes: Any) -> EnrichedEvent:
    """A stored event of the LMS."""
    plain = Event(
        source=2, partition=1, offset=offset, generation=3, received_at=1_000 + offset,
        event_id=ID, learner=ID[::-1], occurred_at=900, verb="v", object_id="o", object_type="t",
    )  # fmt: skip
    for name, value in changes.items():
        setattr(plain, name, value)
    return EnrichedEvent(plain, "video.played", "team", "manager", "region", True, "module")


def named(table: str, columns: rows.Columns) -> list[dict[str, Any]]:
    """Rows as dicts, for reading in a test."""
    names = tables.names(table)
    assert len(columns) in (0, len(names))
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def test_an_event_keeps_all_it_has() -> None:
    record = Enriched(
        7, 2, 5, 1_100,
        stored=[event(4, success=False, score=0.5, duration_ms=12, parent="p",
                      attributes={"a": 1, "b": 1.0, "c": True, "d": "x"})],
    )  # fmt: skip
    (row,) = named("events_log", rows.events([record]))
    assert row == {
        "event_id": ID, "occurred_at": 900, "received_at": 1_004, "source": "lms",
        "signal": "video.played", "verb": "v", "object_id": "o", "object_type": "t", "parent": "p",
        "learner": ID[::-1], "team": "team", "manager": "manager", "region": "region",
        "eligible": True, "module": "module", "success": False, "completion": None, "score": 0.5,
        "duration_ms": 12, "attributes": '{"a":1,"b":1.0,"c":true,"d":"x"}', "partition": 1,
        "offset": 4, "generation": 3, "batch_partition": 2, "batch_offset": 5,
        "batch_generation": 7,
    }  # fmt: skip


VALUES = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)


@given(st.dictionaries(st.text(), VALUES))
def test_attributes_come_back_with_their_types(values: dict[str, Any]) -> None:
    text = rows.attributes_text(values) if values else ""
    back = rows.attributes_of(text)
    assert back == values
    assert {k: type(v) for k, v in back.items()} == {k: type(v) for k, v in values.items()}


def test_set_aside_rows() -> None:
    record = Enriched(
        0, 0, 0, 0,
        dead=[DeadOutcome(0, 1, 2, 3, 4, "bad")],
        duplicates=[Duplicate(1, 5, 6, 3, 7, ID, Coordinates(2, 8, 9, 1))],
    )  # fmt: skip
    dead, again = named("set_aside", rows.set_aside([record]))
    assert (dead["kind"], dead["source"], dead["offset"], dead["reason"]) == (
        "dead",
        "crm",
        2,
        "bad",
    )
    assert (again["kind"], again["source"], again["event_id"]) == ("duplicate", "ticketing", ID)
    assert (again["first_source"], again["first_offset"]) == ("lms", 9)


def test_only_the_furthest_mark_is_kept_for_each_batches_partition() -> None:
    found = [
        Enriched(0, 0, 0, 0, marks=[Mark(2, 0, 0, 0, 10), Mark(2, 0, 0, 0, 20, 1)]),
        Enriched(0, 0, 1, 0, marks=[Mark(2, 0, 0, 0, 15)]),
        Enriched(0, 1, 0, 0, marks=[Mark(2, 0, 0, 0, 5)]),
    ]
    made = named("marks", rows.marks(found))
    assert [(m["batch_partition"], m["next_offset"], m["skipped"]) for m in made] == [
        (0, 20, 1),
        (1, 5, 0),
    ]


def test_directory_lines_collapse_to_the_newest() -> None:
    found = [
        Enriched(0, p, 0, 0, learners=[LearnerEntry(ID, team=f"t{p}", changed_at=p)],
                 assets=[AssetEntry("a", title=f"{p}", changed_at=-p)])
        for p in range(3)
    ]  # fmt: skip
    assert [row["team"] for row in named("learners", rows.learners(found))] == ["t2"]
    assert [row["title"] for row in named("assets", rows.assets(found))] == ["0"]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 2)), max_size=20))
def test_panes_keep_the_newest_version(seen: list[tuple[int, int, int]]) -> None:
    """In any order of records: the value at the highest (generation, position) of each cell."""
    found = [
        Panes(
            g,
            "learners",
            0,
            position,
            [SeriesPanes("i", "all", "", [[1, slot, *_cell(g, position)]])],
        )
        for g, position, slot in seen
    ]
    made = {row["slot_start"]: row for row in named("panes", rows.panes(found))}
    for slot in {slot for _, _, slot in seen}:
        g, position = max((g, p) for g, p, s in seen if s == slot)
        row = made[slot * 3_600_000]
        assert row["version"] == version_of(g, position)
        assert [row[name] for name in ("n", "num", "den", "p", "q", "standing")] == _cell(
            g, position
        )
        assert row["grain"] == "hour"


def _cell(generation: int, position: int) -> list[int]:
    return [generation * 100 + position + place for place in range(6)]


def test_quiet_panes_say_nothing() -> None:
    quiet = Panes(
        0, "learners", 0, 1, [SeriesPanes("i", "all", "", [[0, 0, 1, 1, 1, 0, 0, 0]])], True
    )
    assert rows.panes([quiet]) == []


def test_rolling_rows_keep_the_newest_version() -> None:
    def record(position: int, num: int) -> Indicators:
        row = IndicatorRow("i", "team", "a", "7d", 60_000, 1, num, 2, 3, 4)
        return Indicators(1, 0, position, position * 10, [row])

    (row,) = named("rolling", rows.rolling([record(2, 20), record(3, 30), record(1, 10)]))
    assert (row["num"], row["written_at"], row["version"]) == (30, 30, version_of(1, 3))
    assert row["removed"] is False


def test_no_records_make_no_columns() -> None:
    assert all(not write.columns for write in Cycle().writes(0))


def test_every_table_gets_as_many_columns_as_declared() -> None:
    cycle = _full_cycle()
    voiding = Cycle()
    voiding.add(topics.ENRICHED, records.encode(Enriched(0, 0, 0, 0, stored=[_voiding()])))
    voids = [write for write in voiding.writes(0) if write.table == "voids"]
    written = [write for write in cycle.writes(0) if write.table != "voids"]
    for table, columns in [*written, *voids]:
        assert len(columns) == len(tables.names(table)), table
        assert {len(column) for column in columns} == {1}, table


def test_what_is_taken_back_is_noted_once_and_only_where_it_is_an_id() -> None:
    named: list[Attribute] = [
        "7F9C1A52-0B5E-4C59-9D1F-0D0A61F0A001",
        "7f9c1a520b5e4c599d1f0d0a61f0a001",
        "",
        "it",
    ]
    stored = [event(number) for number in range(6)]
    for entry, voids in zip(stored, [*named, 7], strict=False):
        entry.signal = "voided"
        entry.event.attributes = {"voids": voids}
    stored[-1].event.attributes = {"voids": "7f9c1a52-0b5e-4c59-9d1f-0d0a61f0a002"}
    targets, _, turns = rows.voids([Enriched(0, 0, 0, 0, stored=stored)])
    assert [target.hex() for target in targets] == ["7f9c1a520b5e4c599d1f0d0a61f0a001"]
    assert list(turns) == [0]


def test_marks_come_after_what_they_speak_for() -> None:
    order = [write.table for write in Cycle().writes(0)]
    assert order.index("marks") > order.index("events_log")
    assert order.index("marks") > order.index("set_aside")
    assert order.index("marks") > order.index("dead_letters_log")


def test_outcomes_and_times_by_source() -> None:
    columns = rows.events([Enriched(0, 0, 0, 0, stored=[event(1), event(2, source=0), event(3)])])
    assert outcomes(Write("events_log", columns)) == {("lms", "stored"): 2, ("crm", "stored"): 1}
    assert received_by_source(columns) == {"lms": [1_001, 1_003], "crm": [1_002]}
    aside = rows.set_aside([Enriched(0, 0, 0, 0, dead=[DeadOutcome(0, 1, 2, 3, 4, "bad")])])
    assert outcomes(Write("set_aside", aside)) == {("crm", "dead"): 1}
    assert received_by_source([]) == {}


def test_a_cycle_refuses_what_is_no_record() -> None:
    with pytest.raises((ValueError, struct.error)):
        Cycle().add(topics.ENRICHED, b"\xc1")


def _voiding() -> EnrichedEvent:
    entry = event()
    entry.signal = "voided"
    entry.event.attributes = {"voids": "7f9c1a52-0b5e-4c59-9d1f-0d0a61f0a001"}
    return entry


def _full_cycle() -> Cycle:
    cycle = Cycle()
    rated = EnrichedEvent(event(score=0.5).event, "rubric.scored", "", "", "", True)
    enriched = Enriched(
        0, 0, 0, 0, stored=[rated],
        dead=[DeadOutcome(0, 1, 2, 3, 4, "bad")],
        marks=[Mark(2, 0, 0, 0, 1)], learners=[LearnerEntry(ID)], assets=[AssetEntry("a")],
        consents=[ConsentEntry(ID)],
    )  # fmt: skip
    panes = Panes(0, "objects", 0, 1, [SeriesPanes("i", "all", "", [[2, 0, 1, 1, 1, 0, 0, 0]])])
    indicators = Indicators(
        0, 0, 0, 0, [IndicatorRow("i", "all", "", "1h", 0, 1, 1, 1, 1, 1)],
        [Repair("i", "all", "", "1h", 0, 0)], [WalkName("j", "k", b"", True)],
    )  # fmt: skip
    letter = DeadLetter(0, 0, "lms", "intake", "r", "d", "t", 0, 0, 0, "v", None, b"")
    for topic, record in (
        (topics.ENRICHED, enriched),
        (topics.PANES, panes),
        (topics.INDICATORS, indicators),
        (topics.DEAD_LETTERS, letter),
    ):
        cycle.add(topic, records.encode(record))
    cycle.add(topics.EXPERIMENTS, book.encode(book.Entry("e", "", [book.Switch(True, 1, "w")])))
    assert cycle.rows == 9
    return cycle
