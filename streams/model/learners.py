"""The learners stage: everything that one learner's events say, a partition of learners at a time.

Skips what was applied, knows duplicates by their id, adds what the directory knows, names the
signal, follows the journeys of one learner, and keeps partial panes with their distinct people.
An event from before the horizon of memory is passed on unchecked, and what it belongs to is named.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Protocol

import msgspec
from msgspec import Struct

from schemas.partition import object_partition
from schemas.records import (
    NOBODY,
    Attribute,
    Batch,
    Cohort,
    Enriched,
    EnrichedEvent,
    Event,
    LearnerEntry,
    Panes,
    Recalled,
    Step,
    Steps,
    WalkName,
    decode_batch,
    encode,
)
from schemas.topics import ENRICHED, STEPS
from streams.catalog.load import Catalog
from streams.model.codes import cohorts, names
from streams.model.consents import Consents
from streams.model.coverage import MINUTE_MS
from streams.model.credits import Credits
from streams.model.facts import facts_of
from streams.model.forgetting import forgetting
from streams.model.horizon import DAY_MS, Horizon, Limits
from streams.model.ids import HELD_BYTES, IdMemory, day_of_ids
from streams.model.journeys import WalkedStep, compile_journeys, steps_by_signal
from streams.model.presence import Presence, day_of_presence, trim
from streams.model.sources import Assets, Marks
from streams.model.stage import NEVER, Memory, Output, Rows
from streams.model.tally import Late, News, Tally, day_of_cell, panes_outputs
from streams.model.values import Values
from streams.model.walks import Changes, Walks, day_of_walk

UNCOUNTED = frozenset({"unmapped", "voided"})
"""Signals that say nothing about behaviour; no indicator counts them."""


class SignalNames(Protocol):
    """What this stage asks of the vocabulary."""

    def signal(self, verb: str, object_type: str, attributes: Mapping[str, Attribute]) -> str: ...


_ONE: tuple[int, ...] = ()


class LearnerRow(Struct, array_like=True, gc=False):
    """What is kept of a learner: the code of the cohort that the directory gives; the minute from
    which it says that the learner is eligible; codes of earlier cohorts; and the active days of
    each indicator, of which days before `since` were let go."""

    cohort: int
    eligible_from: int | None = None
    past: list[int] = []
    days: dict[int, list[int]] = {}
    since: int = 0

    def cohorts(self) -> Sequence[int]:
        """Cohorts the learner was ever in, if there was more than one; else nothing."""
        return (self.cohort, *self.past) if self.past else _ONE


_decode_learner = msgspec.msgpack.Decoder(LearnerRow).decode
_decode_marks = msgspec.msgpack.Decoder(Marks).decode
_MARKS = b"M"


class LearnersStage:
    """See the module's head. `partitions`: of every internal topic. `limits`: what this partition
    may hold."""

    def __init__(
        self,
        rows: Rows,
        partition: int,
        partitions: int,
        catalog: Catalog,
        vocabulary: SignalNames,
        limits: Limits,
    ) -> None:
        self._rows = rows
        self._partition = partition
        self._partitions = partitions
        self._signal = vocabulary.signal
        self._cohorts = cohorts(rows, b"K")
        self._tally = Tally(rows, self._cohorts)
        self._values = Values(rows, catalog.breakdowns.most_values)
        codes = names(rows, b"N")
        self._credits = Credits(catalog, codes, self._cohorts, self._tally, self._values)
        self._ids = IdMemory(rows)
        self._horizon = Horizon(rows, limits, _day_of)
        self._walks = Walks(rows, self._horizon, self._cohorts)
        self._late = Late()
        self._journeys = compile_journeys(catalog)
        self._steps = steps_by_signal(catalog)
        self._assets = Assets(rows)
        self._consents = Consents(rows)
        self._standing = tuple(
            name for name, i in catalog.indicators.items() if i.measure == "share_of_eligible"
        )
        self._generation = 0
        self._written_at = 0
        self._to_all = False
        self._restore_ended = False
        self._marks = Marks()

    @property
    def memory(self) -> Memory:
        return self._horizon.memory

    def recovered(self) -> None:
        self._horizon.recovered()
        if self._horizon.day != NEVER:
            self._rows.forget(forgetting(_day_of, self._horizon.day))
        self._walks.recovered()
        self._credits.recovered()
        self._cohorts.recovered()
        self._tally.recovered()
        self._ids.recovered()
        self._assets.recovered()
        self._consents.recovered()
        self._marks = self._rows.peek(_MARKS, _decode_marks) or Marks()

    def apply(self, value: bytes, offset: int) -> list[Output]:
        if self._horizon.decides(offset):
            self._to_all |= self._horizon.decide(self._ids.by_day, HELD_BYTES, self._forget)
        self._walks.offset = offset
        batch = decode_batch(value)
        marks = self._rows.get(_MARKS, _decode_marks)
        if marks is None:
            marks = Marks()
            self._rows.put(_MARKS, marks)
        self._marks = marks
        if batch.generation < marks.life:
            return []  # of an intake that slept while state was rebuilt: it is read again
        marks.life = self._generation = batch.generation
        marks.quiet = marks.quiet or batch.restored
        self._written_at = max(self._written_at, batch.written_at)
        enriched = Enriched(
            batch.generation,
            self._partition,
            offset,
            batch.written_at,
            marks=batch.marks,
            learners=batch.learners,
            assets=batch.assets,
            consents=batch.consents,
        )
        steps: dict[int, list[Step]] = {}
        for asset in batch.assets:
            self._assets.take(asset)
        for entry in batch.learners:
            self._take_learner(entry)
        for consent in batch.consents:
            self._consents.take(consent)
        for event in batch.events:
            self._take_event(event, batch, enriched, steps)
        passed_on = self._recalled(batch.recalled)
        for dead in batch.dead:
            if marks.takes_dead(dead):
                enriched.dead.append(dead)
        if batch.restore_ended:
            marks.quiet = False
            self._restore_ended = True
        return self._outputs(batch, offset, enriched, steps, passed_on)

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
            horizon=max(0, self._horizon.day),
        )
        to_all = self._to_all or self._restore_ended
        new = self._values.new()
        news = News((), self._late.take(), self._walks.named(), new, to_all)
        self._to_all = self._restore_ended = False
        return panes_outputs(template, self._partitions, self._tally.changed(), news)

    def _forget(self, before: int) -> None:
        """Let go of what happened before the day `before`."""
        self._ids.forget(before)
        walks: list[bytes] = []
        self._rows.forget(forgetting(_day_of, before, walks.append))
        self._walks.tombstones.bury(walks)

    def _outputs(
        self,
        batch: Batch,
        offset: int,
        enriched: Enriched,
        steps: dict[int, list[Step]],
        recalled: dict[int, list[Recalled]],
    ) -> list[Output]:
        outputs = []
        if not batch.restored and not batch.restore_ended:
            outputs.append(Output(ENRICHED, self._partition, encode(enriched)))
        targets = range(self._partitions) if batch.restore_ended else sorted({*steps, *recalled})
        for partition in targets:
            record = Steps(
                batch.generation,
                self._partition,
                offset,
                steps.get(partition, []),
                batch.restored,
                batch.restore_ended,
                batch.written_at,
                recalled.get(partition, []),
            )
            outputs.append(Output(STEPS, partition, encode(record)))
        return outputs

    def _take_event(
        self, event: Event, batch: Batch, enriched: Enriched, steps: dict[int, list[Step]]
    ) -> None:
        if not batch.restored and not self._marks.takes_event(event):
            return
        first = self._ids.first(event.event_id)
        if first is not None and first == event.place:
            return
        out = None if batch.restored else self._consents.opted_out(event)
        if out is not None:
            enriched.opted_out.append(out)
            return
        if first is not None:
            enriched.duplicates.append(event.repeating(first))
            return
        day = event.occurred_at // DAY_MS
        known = day >= self._horizon.day
        if known:
            self._ids.remember(
                event.event_id, day, event.source, event.partition, event.offset, event.generation
            )
            self._horizon.happened(day)
        row = self._learner(event.learner)
        signal = self._signal(event.verb, event.object_type, event.attributes)
        code = row.cohort if event.cohort is None else self._cohorts.code(event.cohort)
        if code != row.cohort and code not in row.past:
            row.past.append(code)
        cohort = self._cohorts.values[code]
        if event.module is None:
            event.module = self._assets.module(event)
        if not batch.restored:
            enriched.stored.append(_enriched(event, signal, cohort, not known))
        if signal in UNCOUNTED:
            return
        minute = event.occurred_at // MINUTE_MS
        presence = Presence(self._rows, event.learner, row.days)
        for counted in self._credits.of_signal(signal):
            if known:
                self._credits.give(counted, presence, row.cohorts(), code, minute, (1, 1, 0))
            else:
                for indicator in self._credits.indicators(counted, code):
                    self._late.add(indicator, cohort, day)
        for name, counted_in in self._credits.broken_down(signal, event):
            if known:
                self._credits.give_labels(name, counted_in, presence, minute, (1, 1, 0))
            else:
                self._late.add(name, cohort, day, counted_in)
        for journey, step in self._steps.get(signal, ()):
            self._walk(journey, step, event, cohort, row, presence, steps)

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
        kept = facts_of(event, event.module or "", rules.attributes)
        key = rules.key_of(event.attributes, event.object_id)
        if rules.walked_by == "several":
            partition = object_partition(journey, key, self._partitions)
            step = Step(
                journey,
                key,
                name,
                event.event_id,
                event.occurred_at,
                event.learner,
                cohort,
                kept,
            )
            steps.setdefault(partition, []).append(step)
            return
        walked = WalkedStep(event.occurred_at, event.event_id, name, event.learner, cohort, kept)
        for indicator, named in rules.values(name, kept):
            self._values.note(indicator, named)
        walk = WalkName(journey, key, event.learner, recall=True)
        changes = self._walks.take(rules, walk, _walk_key(walk), walked)
        self._count(changes, row, presence)

    def _count(self, changes: Changes, row: LearnerRow, presence: Presence) -> None:
        """Count what came and went with a step of one learner's walk."""
        for one, times in changes:
            day = one.occurred_at // DAY_MS
            counted_in = self._values.counted(one.indicator, one.labels)
            if day < self._horizon.day:
                self._late.add(one.indicator, one.cohort, day, counted_in)
                continue
            code = self._cohorts.code(one.cohort)
            minute = one.occurred_at // MINUTE_MS
            sums = (times, times * one.num, times * one.den)
            counted = self._credits.of_indicator[one.indicator]
            self._credits.give(counted, presence, row.cohorts(), code, minute, sums)
            self._credits.give_labels(one.indicator, counted_in, presence, minute, sums)

    def _recalled(self, walks: list[Recalled]) -> dict[int, list[Recalled]]:
        """Take recalled walks; return those that several people walk, by partition of objects."""
        passed_on: dict[int, list[Recalled]] = {}
        for walk in walks:
            rules = self._journeys.get(walk.journey)
            if rules is None:
                continue
            if rules.walked_by == "several":
                partition = object_partition(walk.journey, walk.key, self._partitions)
                passed_on.setdefault(partition, []).append(walk)
                continue
            row = self._learner(walk.learner)
            presence = Presence(self._rows, walk.learner, row.days)
            self._count(self._walks.recall(rules, _walk_key(walk), walk), row, presence)
        return passed_on

    def _learner(self, learner: bytes) -> LearnerRow:
        key = b"L" + learner
        row = self._rows.get(key, _decode_learner)
        if row is None:
            row = LearnerRow(self._cohorts.code(NOBODY))
            self._rows.put(key, row)
        if row.since < self._horizon.day:
            row.since = self._horizon.day
            trim(row.days, row.since)
        return row

    def _take_learner(self, entry: LearnerEntry) -> None:
        """A line of the directory: from here on events count in these cohorts."""
        row = self._learner(entry.learner)
        self._stand(row, -1)
        stands = entry.eligible and not entry.removed
        row.eligible_from = entry.since // MINUTE_MS if stands else None
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
        if row.eligible_from is not None:
            self._tally.stand(self._standing, row.cohort, row.eligible_from, by)


def _enriched(event: Event, signal: str, cohort: Cohort, unchecked: bool) -> EnrichedEvent:
    return EnrichedEvent(
        event,
        signal,
        cohort.team,
        cohort.manager,
        cohort.region,
        cohort.eligible,
        event.module or "",
        unchecked,
    )


def _walk_key(walk: WalkName | Recalled) -> bytes:
    name = f"{walk.journey}\0{walk.key}".encode()
    return walk.learner + blake2b(name, digest_size=12).digest()


def _day_of(key: bytes, encoded: bytes) -> int | None:
    """The day with which a row is let go of; None: it stays."""
    kind = key[:1]
    if kind == b"C":
        return day_of_cell(key)
    if kind == b"V":
        return day_of_presence(key)
    if kind == b"J":
        return day_of_walk(encoded)
    if kind == b"I":
        return day_of_ids(key)
    return None
