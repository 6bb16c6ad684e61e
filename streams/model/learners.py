"""The learners stage: everything that one learner's events say, a partition of learners at a time.

Skips what was applied, knows duplicates by their id, adds what the directory knows, names the
signal, follows the journeys of one learner, and keeps partial panes with their distinct people.
An event from before the horizon of memory is passed on unchecked, and what it belongs to is named.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple, Protocol

import msgspec

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
    WalkName,
    decode_batch,
    encode,
)
from schemas.topics import ENRICHED
from streams.catalog.load import Catalog
from streams.model.codes import cohorts, names
from streams.model.consents import Consents
from streams.model.coverage import MINUTE_MS
from streams.model.credits import Credits
from streams.model.days import day_of, leaves
from streams.model.facts import facts_of
from streams.model.forgetting import forgetting
from streams.model.horizon import DAY_MS, Horizon, Limits
from streams.model.ids import HELD_BYTES, IdMemory
from streams.model.journeys import WalkedStep, compile_journeys, steps_by_signal
from streams.model.learner_row import LearnerRow, decode_learner
from streams.model.onward import Onward
from streams.model.presence import Presence
from streams.model.sources import Assets, Marks
from streams.model.stage import NEVER, Memory, Output, Rows
from streams.model.tally import Late, News, Tally, panes_outputs
from streams.model.values import Values
from streams.model.walks import Changes, Walks

UNCOUNTED = frozenset({"unmapped", "voided"})
"""Signals that say nothing about behaviour; no indicator counts them."""


class SignalNames(Protocol):
    """What this stage asks of the vocabulary."""

    def signal(self, verb: str, object_type: str, attributes: Mapping[str, Attribute]) -> str: ...


class Case(NamedTuple):
    """An event with its signal, its cohort and the cohort's code, and its learner."""

    event: Event
    signal: str
    code: int
    cohort: Cohort
    row: LearnerRow


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
        self._horizon = Horizon(rows, limits, leaves)
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
            self._rows.forgotten(forgetting(day_of, self._horizon.day))
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
        onward = Onward(self._partitions)
        for asset in batch.assets:
            self._assets.take(asset)
        for entry in batch.learners:
            self._take_learner(entry)
        for consent in batch.consents:
            self._consents.take(consent)
        for event in batch.events:
            self._take_event(event, batch, enriched, onward)
        for walk in batch.recalled:
            self._recall(walk, onward)
        for event in batch.voids:
            self._void(event, onward)
        for dead in batch.dead:
            if marks.takes_dead(dead):
                enriched.dead.append(dead)
        if batch.restore_ended:
            marks.quiet = False
            self._restore_ended = True
        outputs = onward.outputs(batch, self._partition, offset)
        if not batch.restored and not batch.restore_ended:
            outputs.insert(0, Output(ENRICHED, self._partition, encode(enriched)))
        return outputs

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
        self._walks.voids.forget(before)
        walks: list[bytes] = []
        self._rows.forget(forgetting(day_of, before, walks.append))
        self._walks.tombstones.bury(walks)

    def _take_event(self, event: Event, batch: Batch, enriched: Enriched, onward: Onward) -> None:
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
        case = self._case(event)
        if not batch.restored:
            enriched.stored.append(_enriched(case, not known))
        if event.voided and known:
            self._walks.voids.add(event.event_id, day)
        if case.signal in UNCOUNTED:
            return
        if event.voided or event.event_id in self._walks.voids:
            self._credits.see(case.signal, event)
            self._walk(case, onward, 0)
        else:
            self._count_event(case, onward, 1)

    def _case(self, event: Event) -> Case:
        """An event with what is known of it."""
        row = self._learner(event.learner)
        signal = self._signal(event.verb, event.object_type, event.attributes)
        code = row.cohort if event.cohort is None else self._cohorts.code(event.cohort)
        if code != row.cohort and code not in row.past:
            row.past.append(code)
        if event.module is None:
            event.module = self._assets.module(event)
        return Case(event, signal, code, self._cohorts.values[code], row)

    def _void(self, event: Event, onward: Onward) -> None:
        """Take back what was counted of an event, or never count it if it is still to come."""
        day = event.occurred_at // DAY_MS
        if day >= self._horizon.day:
            new = self._walks.voids.add(event.event_id, day)
            if not new or self._ids.first(event.event_id) is None:
                return
        case = self._case(event)
        if case.signal not in UNCOUNTED:
            self._count_event(case, onward, -1)

    def _count_event(self, case: Case, onward: Onward, sign: int) -> None:
        """Count an event (1), or take back that it was counted (-1)."""
        event, row = case.event, case.row
        day, minute = event.occurred_at // DAY_MS, event.occurred_at // MINUTE_MS
        known = day >= self._horizon.day
        presence = Presence(self._rows, event.learner, row.activity)
        sums = (sign, sign, 0)
        for counted in self._credits.of_signal(case.signal):
            if known:
                self._credits.give(counted, presence, row.cohorts(), case.code, minute, sums)
            else:
                for indicator in self._credits.indicators(counted, case.code):
                    self._late.add(indicator, case.cohort, day)
        for name, counted_in in self._credits.broken_down(case.signal, event):
            if known:
                self._credits.give_labels(name, counted_in, presence, minute, sums)
            else:
                self._late.add(name, case.cohort, day, counted_in)
        self._walk(case, onward, sign)

    def _walk(self, case: Case, onward: Onward, sign: int) -> None:
        """Take the steps that the event is (1), take them back (-1), or only see them (0)."""
        event, cohort = case.event, case.cohort
        for journey, name in self._steps.get(case.signal, ()):
            rules = self._journeys[journey]
            facts = facts_of(event, event.module or "", rules.attributes)
            key = rules.key_of(event.attributes, event.object_id)
            at = (event.event_id, event.occurred_at, event.learner, cohort, facts)
            if rules.walked_by == "several":
                (onward.see, onward.step, onward.void)[sign](Step(journey, key, name, *at))
                continue
            for indicator, named in rules.values(name, facts):
                self._values.note(indicator, named)
            if not sign:
                continue
            step = WalkedStep(event.occurred_at, event.event_id, name, event.learner, cohort, facts)
            walk = WalkName(journey, key, event.learner, recall=True)
            take = self._walks.take if sign > 0 else self._walks.take_back
            changes = take(rules, walk, _walk_key(walk), step)
            self._count(changes, case.row, Presence(self._rows, event.learner, case.row.activity))

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

    def _recall(self, walk: Recalled, onward: Onward) -> None:
        """Take a recalled walk, or pass it on if several people walk it."""
        rules = self._journeys.get(walk.journey)
        if rules is None:
            return
        if rules.walked_by == "several":
            onward.recalled(walk)
            return
        row = self._learner(walk.learner)
        presence = Presence(self._rows, walk.learner, row.activity)
        self._count(self._walks.recall(rules, _walk_key(walk), walk), row, presence)

    def _learner(self, learner: bytes) -> LearnerRow:
        key = b"L" + learner
        row = self._rows.get(key, decode_learner)
        if row is None:
            row = LearnerRow(self._cohorts.code(NOBODY))
            self._rows.put(key, row)
        if row.since < self._horizon.day:
            row.let_go(self._horizon.day)
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
            if row.activity.latest is not None and row.cohort not in row.past:
                row.past.append(row.cohort)
            row.cohort = code
        self._stand(row, 1)

    def _stand(self, row: LearnerRow, by: int) -> None:
        if row.eligible_from is not None:
            self._tally.stand(self._standing, row.cohort, row.eligible_from, by)


def _enriched(case: Case, unchecked: bool) -> EnrichedEvent:
    event, cohort = case.event, case.cohort
    return EnrichedEvent(
        event,
        case.signal,
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
