"""Regroups what one poll read into batches, by learner partition. Pure.

Two properties hold everything behind it: the events of one source partition keep their order in
each batches partition (and so do its dead outcomes, apart from the events), and the marks of a
poll come with or behind all that the poll read.
"""

from collections.abc import Iterator, Sized
from math import ceil
from typing import TypeVar

from schemas.consent import ConsentEntry
from schemas.partition import coordinates_partition, learner_partition
from schemas.records import (
    AssetEntry,
    Batch,
    DeadOutcome,
    Event,
    LearnerEntry,
    Mark,
    encode,
)

BATCH_BYTES = 1_000_000
"""A batch is cut in two above this size, so that what is made of it stays below the limit."""

_T = TypeVar("_T")


class _Share:
    """What goes to one partition of `uptake.batches`."""

    __slots__ = ("consents", "dead", "events", "learners")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.dead: list[DeadOutcome] = []
        self.learners: list[LearnerEntry] = []
        self.consents: list[ConsentEntry] = []


class Packer:
    """Collects one poll. `life`: of the topics between the stages."""

    __slots__ = ("_assets", "_life", "_pack_events", "_partitions", "_shares")

    def __init__(self, partitions: int, life: int, pack_events: int) -> None:
        self._partitions = partitions
        self._life = life
        self._pack_events = pack_events
        self._assets: list[AssetEntry] = []
        self._shares = [_Share() for _ in range(partitions)]

    def event(self, event: Event) -> None:
        """A valid event, in the order of its source partition."""
        self._shares[learner_partition(event.learner, self._partitions)].events.append(event)

    def dead(self, outcome: DeadOutcome) -> None:
        """An event that can never be valid."""
        number = coordinates_partition(
            outcome.source, outcome.partition, outcome.offset, self._partitions
        )
        self._shares[number].dead.append(outcome)

    def learner(self, entry: LearnerEntry) -> None:
        """A line of the learner directory, for the partition of that learner."""
        self._shares[learner_partition(entry.learner, self._partitions)].learners.append(entry)

    def consent(self, entry: ConsentEntry) -> None:
        """What a person decided, for the partition of that person."""
        self._shares[learner_partition(entry.learner, self._partitions)].consents.append(entry)

    def entry(self, entry: LearnerEntry | AssetEntry | ConsentEntry) -> None:
        """A line of a directory, whichever."""
        if isinstance(entry, LearnerEntry):
            self.learner(entry)
        elif isinstance(entry, ConsentEntry):
            self.consent(entry)
        else:
            self.asset(entry)

    def asset(self, entry: AssetEntry) -> None:
        """A line of the asset directory, for every partition."""
        self._assets.append(entry)

    def batches(
        self, marks: list[Mark], written_at: int, restored: bool = False
    ) -> Iterator[tuple[int, Batch]]:
        """All that was collected: (partition, batch), in the order in which to write them.

        With marks, each partition gets at least one batch and its last one carries them.
        """
        for number, share in enumerate(self._shares):
            yield from (
                (number, batch) for batch in self._of_share(share, marks, written_at, restored)
            )

    def _of_share(
        self, share: _Share, marks: list[Mark], written_at: int, restored: bool
    ) -> list[Batch]:
        longest = _longest(share.events, share.dead, share.learners, share.consents, self._assets)
        # Equal parts: a full pack and a tiny one would cost the same downstream.
        count = ceil(longest / self._pack_events) or bool(marks)
        made = [
            Batch(
                generation=self._life,
                written_at=written_at,
                events=_part(share.events, index, count),
                dead=_part(share.dead, index, count),
                learners=_part(share.learners, index, count),
                assets=_part(self._assets, index, count),
                restored=restored,
                consents=_part(share.consents, index, count),
            )
            for index in range(count)
        ]
        if marks:
            made[-1].marks = marks
        return made


def encoded(batch: Batch, limit: int = BATCH_BYTES) -> list[bytes]:
    """The batch as records, in the order in which to write them.

    More than one where it is longer than `limit`; one event alone is never cut. The marks come
    with the last.
    """
    value = encode(batch)
    items = _longest(batch.events, batch.dead, batch.learners, batch.consents, batch.assets)
    if len(value) <= limit or items < 2:
        return [value]
    first, second = (
        Batch(
            generation=batch.generation,
            written_at=batch.written_at,
            events=_part(batch.events, index, 2),
            dead=_part(batch.dead, index, 2),
            learners=_part(batch.learners, index, 2),
            assets=_part(batch.assets, index, 2),
            restored=batch.restored,
            consents=_part(batch.consents, index, 2),
        )
        for index in range(2)
    )
    second.marks = batch.marks
    return [*encoded(first, limit), *encoded(second, limit)]


def _part(items: list[_T], index: int, count: int) -> list[_T]:
    return items[len(items) * index // count : len(items) * (index + 1) // count]


def _longest(*kinds: Sized) -> int:
    return max(len(each) for each in kinds)
