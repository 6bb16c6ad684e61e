"""The learners stage: everything that one learner's events say, a partition of learners at a time.

Skips what was applied, knows duplicates by their id, adds what the directory knows, names the
signal, follows the journeys of one learner, and keeps partial panes with their distinct people.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from schemas.partition import object_partition
from schemas.records import (
    NOBODY,
    AssetEntry,
    Attribute,
    Batch,
    Cohort,
    Coordinates,
    Duplicate,
    Enriched,
    EnrichedEvent,
    Event,
    LearnerEntry,
    Panes,
    Step,
    Steps,
    decode_batch,
    encode,
)
from schemas.topics import ENRICHED, STEPS
from streams.catalog.load import Catalog
from streams.model.codes import cohorts, names
from streams.model.coverage import MINUTE_MS
from streams.model.credits import Credits
from streams.model.ids import IdMemory
from streams.model.journeys import WalkedStep, compile_journeys, steps_by_signal
from streams.model.presence import Presence
from streams.model.stage import Output, Rows
from streams.model.tally import Tally, panes_outputs

UNCOUNTED = frozenset({"unmapped", "voided"})
"""Signals that say nothing about behaviour; no indicator counts them."""


class SignalNames(Protocol):
    """What this stage asks of the vocabulary."""

    def signal(self, verb: str, object_type: str, attributes: Mapping[str, Attribute]) -> str: ...


_ONE: tuple[int, ...] = ()


class LearnerRow(Struct, array_like=True, gc=False):
    """What is kept of a learner: the directory's entry, the code of the cohort it gives, codes
    of earlier cohorts, and the active days of each indicator."""

    cohort: int
    entry: LearnerEntry | None = None
    past: list[int] = []
    days: dict[int, list[int]] = {}

    def cohorts(self) -> Sequence[int]:
        """Cohorts the learner was ever in, if there was more than one; else nothing."""
        return (self.cohort, *self.past) if self.past else _ONE


class Marks(Struct, array_like=True):
    """How far each source partition was taken, of events and of dead outcomes: see `_place` for
    the keys; whether state is being rebuilt; and the life of the topics between the stages."""

    events: dict[int, int] = {}
    dead: dict[int, int] = {}
    quiet: bool = False
    life: int = 0


_decode_learner = msgspec.msgpack.Decoder(LearnerRow).decode
_decode_asset = msgspec.msgpack.Decoder(AssetEntry).decode
_decode_marks = msgspec.msgpack.Decoder(Marks).decode
_decode_walk = msgspec.msgpack.Decoder(list[WalkedStep]).decode
_MARKS = b"M"


class LearnersStage:
    """See the module's head. `partitions`: of every internal topic. `id_budget`: how many event
    ids this partition remembers."""

    def __init__(
        self,
        rows: Rows,
        partition: int,
        partitions: int,
        catalog: Catalog,
        vocabulary: SignalNames,
        id_budget: int,
    ) -> None:
        self._rows = rows
        self._partition = partition
        self._partitions = partitions
        self._signal = vocabulary.signal
        self._cohorts = cohorts(rows, b"K")
        self._tally = Tally(rows, self._cohorts)
        self._credits = Credits(catalog, names(rows, b"N"), self._cohorts, self._tally)
        self._ids = IdMemory(rows, id_budget)
        self._journeys = compile_journeys(catalog)
        self._steps = steps_by_signal(catalog)
        self._knows_assets = False
        self._standing = tuple(
            name for name, i in catalog.indicators.items() if i.measure == "share_of_eligible"
        )
        self._generation = 0
        self._written_at = 0
        self._restore_ended = False
        self._marks = Marks()

    def recovered(self) -> None:
        self._credits.recovered()
        self._cohorts.recovered()
        self._tally.recovered()
        self._ids.recovered()
        self._knows_assets = next(self._rows.items(b"A"), None) is not None
        self._marks = self._rows.peek(_MARKS, _decode_marks) or Marks()

    def apply(self, value: bytes, offset: int) -> list[Output]:
        batch = decode_batch(value)
        marks = self._rows.get(_MARKS, _decode_marks)
        if marks is None:
            marks = Marks()
            self._rows.put(_MARKS, marks)
        self._marks = marks
        if batch.generation < marks.life:
            # By an intake that slept while state was rebuilt: another one reads all of it again,
            # and what is missing before it too.
            return []
        marks.life = self._generation = batch.generation
        self._written_at = max(self._written_at, batch.written_at)
        if batch.restored:
            marks.quiet = True
        enriched = Enriched(
            batch.generation,
            self._partition,
            offset,
            batch.written_at,
            marks=batch.marks,
            learners=batch.learners,
            assets=batch.assets,
        )
        steps: dict[int, list[Step]] = {}
        for asset in batch.assets:
            self._take_asset(asset)
        for entry in batch.learners:
            self._take_learner(entry)
        for event in batch.events:
            self._take_event(event, batch, enriched, steps)
        for dead in batch.dead:
            place = _place(dead.generation, dead.source, dead.partition)
            if _advance(marks.dead, place, dead.offset):
                enriched.dead.append(dead)
        if batch.restore_ended:
            marks.quiet = False
            self._restore_ended = True
        return self._outputs(batch, offset, enriched, steps)

    def seal(self, position: int) -> list[Output]:
        self._tally.settle()
        self._ids.settle()
        template = Panes(
            self._generation,
            "learners",
            self._partition,
            position,
            quiet=self._marks.quiet,
            restore_ended=self._restore_ended,
            written_at=self._written_at,
        )
        ended, self._restore_ended = self._restore_ended, False
        return panes_outputs(template, self._partitions, self._tally.changed(), to_all=ended)

    def _outputs(
        self, batch: Batch, offset: int, enriched: Enriched, steps: dict[int, list[Step]]
    ) -> list[Output]:
        outputs = []
        if not batch.restored and not batch.restore_ended:
            outputs.append(Output(ENRICHED, self._partition, encode(enriched)))
        targets = range(self._partitions) if batch.restore_ended else sorted(steps)
        for partition in targets:
            record = Steps(
                batch.generation,
                self._partition,
                offset,
                steps.get(partition, []),
                batch.restored,
                batch.restore_ended,
                batch.written_at,
            )
            outputs.append(Output(STEPS, partition, encode(record)))
        return outputs

    def _take_event(
        self, event: Event, batch: Batch, enriched: Enriched, steps: dict[int, list[Step]]
    ) -> None:
        place = _place(event.generation, event.source, event.partition)
        if not batch.restored and not _advance(self._marks.events, place, event.offset):
            return
        first = self._ids.first(event.event_id)
        if first is not None:
            here = Coordinates(event.source, event.partition, event.offset, event.generation)
            if first != here:
                enriched.duplicates.append(_duplicate(event, first))
            return
        self._ids.remember(
            event.event_id, event.source, event.partition, event.offset, event.generation
        )
        row = self._learner(event.learner)
        signal = self._signal(event.verb, event.object_type, event.attributes)
        code = row.cohort if event.cohort is None else self._cohorts.code(event.cohort)
        if code != row.cohort and code not in row.past:
            row.past.append(code)
        cohort = self._cohorts.values[code]
        if not batch.restored:
            enriched.stored.append(self._enrich(event, signal, cohort))
        if signal in UNCOUNTED:
            return
        minute = event.occurred_at // MINUTE_MS
        presence = Presence(self._rows, event.learner, row.days)
        for counted in self._credits.of_signal(signal):
            self._credits.give(counted, presence, row.cohorts(), code, minute, (1, 1, 0))
        for journey, step in self._steps.get(signal, ()):
            self._walk(journey, step, event, cohort, row, presence, steps)

    def _enrich(self, event: Event, signal: str, cohort: Cohort) -> EnrichedEvent:
        asset = None
        if self._knows_assets:
            asset = self._rows.peek(b"A" + event.object_id.encode(), _decode_asset)
        module = asset.module if asset is not None else event.parent
        return EnrichedEvent(
            event, signal, cohort.team, cohort.manager, cohort.region, cohort.eligible, module
        )

    def _walk(
        self,
        journey: str,
        name: str,
        event: Event,
        cohort: Cohort,
        row: LearnerRow,
        presence: Presence,
        steps: dict[int, list[Step]],
    ) -> None:
        rules = self._journeys[journey]
        kept = {k: v for k, v in event.attributes.items() if k in rules.attributes}
        if rules.walked_by == "several":
            partition = object_partition(journey, event.object_id, self._partitions)
            step = Step(
                journey,
                event.object_id,
                name,
                event.event_id,
                event.occurred_at,
                event.learner,
                cohort,
                kept,
            )
            steps.setdefault(partition, []).append(step)
            return
        key = b"J" + event.learner + f"{journey}\0{event.object_id}".encode()
        walk = self._rows.get(key, _decode_walk)
        if walk is None:
            walk = []
            self._rows.put(key, walk)
        walked = WalkedStep(event.occurred_at, event.event_id, name, event.learner, cohort, kept)
        for one, times in rules.difference(walk, walked):
            code = self._cohorts.code(one.cohort)
            minute = one.occurred_at // MINUTE_MS
            sums = (times, times * one.num, times * one.den)
            counted = self._credits.of_indicator[one.indicator]
            self._credits.give(counted, presence, row.cohorts(), code, minute, sums)

    def _learner(self, learner: bytes) -> LearnerRow:
        key = b"L" + learner
        row = self._rows.get(key, _decode_learner)
        if row is None:
            row = LearnerRow(self._cohorts.code(NOBODY))
            self._rows.put(key, row)
        return row

    def _take_asset(self, entry: AssetEntry) -> None:
        self._knows_assets = True
        key = b"A" + entry.asset_id.encode()
        if entry.removed:
            self._rows.drop(key)
        else:
            self._rows.put(key, entry)

    def _take_learner(self, entry: LearnerEntry) -> None:
        """A line of the directory: from here on events count in these cohorts."""
        row = self._learner(entry.learner)
        self._stand(row, -1)
        row.entry = None if entry.removed else entry
        cohort = NOBODY
        if not entry.removed:
            cohort = Cohort(entry.team, entry.manager, entry.region, entry.eligible)
        code = self._cohorts.code(cohort)
        if code != row.cohort:
            if row.days and row.cohort not in row.past:
                row.past.append(row.cohort)
            row.cohort = code
        self._stand(row, 1)

    def _stand(self, row: LearnerRow, by: int) -> None:
        if row.entry is None or not row.entry.eligible:
            return
        self._tally.stand(self._standing, row.cohort, row.entry.since // MINUTE_MS, by)


def _place(generation: int, source: int, partition: int) -> int:
    """A source partition in one number."""
    return (generation << 40) | (source << 32) | partition


def _advance(marks: dict[int, int], place: int, offset: int) -> bool:
    """Move the mark of a source partition; False if `offset` lies below it already.

    Every writer of batches appends the events of one source partition in the order of their
    offsets, from a place all before which is written. So what lies below the mark was taken.
    """
    if offset < marks.get(place, 0):
        return False
    marks[place] = offset + 1
    return True


def _duplicate(event: Event, first: Coordinates) -> Duplicate:
    return Duplicate(
        event.source,
        event.partition,
        event.offset,
        event.generation,
        event.received_at,
        event.event_id,
        first,
    )
