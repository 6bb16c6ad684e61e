"""Every event once, in the order of its source partition, marks behind all of it."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.partition import coordinates_partition, learner_partition
from schemas.records import (
    AssetEntry,
    Batch,
    DeadOutcome,
    LearnerEntry,
    Mark,
    decode_batch,
    encode,
)
from streams.intake.packer import Packer, encoded
from tests.unit.intake.records import toy_event

MARKS = [Mark(0, 0, 0, 0, 100)]


def _packed(packer: Packer, marks: list[Mark]) -> dict[int, list[Batch]]:
    found: dict[int, list[Batch]] = {}
    for partition, batch in packer.batches(marks, 5):
        found.setdefault(partition, []).append(batch)
    return found


@given(
    learners=st.lists(st.integers(0, 40), max_size=200),
    dead=st.lists(st.integers(0, 1_000), max_size=40, unique=True),
    partitions=st.integers(1, 7),
    pack_events=st.integers(1, 30),
)
def test_everything_is_packed_once_and_in_order(
    learners: list[int], dead: list[int], partitions: int, pack_events: int
) -> None:
    packer = Packer(partitions, 0, pack_events)
    events = [toy_event(0, 0, offset, learner) for offset, learner in enumerate(learners)]
    outcomes = [DeadOutcome(0, 1, offset, 0, 1_000, "not-json") for offset in sorted(dead)]
    for event in events:
        packer.event(event)
    for outcome in outcomes:
        packer.dead(outcome)
    packed = _packed(packer, MARKS)
    assert sorted(packed) == list(range(partitions))
    for partition, batches in packed.items():
        assert [event for batch in batches for event in batch.events] == [
            event for event in events if learner_partition(event.learner, partitions) == partition
        ]
        assert [outcome for batch in batches for outcome in batch.dead] == [
            outcome
            for outcome in outcomes
            if coordinates_partition(0, 1, outcome.offset, partitions) == partition
        ]
        assert all(len(batch.events) <= pack_events for batch in batches)
        assert [batch.marks for batch in batches] == [[]] * (len(batches) - 1) + [MARKS]


def test_a_learner_entry_goes_to_its_partition_and_an_asset_to_all() -> None:
    packer = Packer(3, 0, 500)
    learner, asset = LearnerEntry(b"1" * 16, "team"), AssetEntry("course", "module")
    packer.learner(learner)
    packer.asset(asset)
    packed = _packed(packer, [])
    assert {number: batch.assets for number, [batch] in packed.items()} == {
        number: [asset] for number in range(3)
    }
    assert [number for number, [batch] in packed.items() if batch.learners] == [
        learner_partition(learner.learner, 3)
    ]


def test_nothing_read_is_nothing_written() -> None:
    assert _packed(Packer(3, 0, 500), []) == {}


@given(
    learners=st.lists(st.integers(0, 40), max_size=60),
    entries=st.integers(0, 30),
    limit=st.integers(1, 3_000),
)
def test_a_long_batch_is_cut_without_loss(learners: list[int], entries: int, limit: int) -> None:
    batch = Batch(
        generation=3,
        written_at=5,
        events=[toy_event(0, 0, offset, learner) for offset, learner in enumerate(learners)],
        assets=[AssetEntry(f"asset {number}") for number in range(entries)],
        marks=MARKS,
        restored=True,
    )
    parts = [decode_batch(value) for value in encoded(batch, limit)]
    assert [event for part in parts for event in part.events] == batch.events
    assert [entry for part in parts for entry in part.assets] == batch.assets
    assert [part.marks for part in parts] == [[]] * (len(parts) - 1) + [MARKS]
    assert all(part.restored and part.generation == 3 for part in parts)
    for part in parts:
        assert len(encode(part)) <= limit or max(len(part.events), len(part.assets)) < 2
