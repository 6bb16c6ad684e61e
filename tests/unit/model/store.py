"""A played store behind the three stages, with somebody who repairs its rows.

It knows the events that the learners stage has passed on, takes the rows of the rolling stage by
their version, computes rows that are named anew by an independent recount, and sends recalled
walks through the log again.
"""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple
from uuid import UUID

from msgspec import structs

from schemas.partition import learner_partition, object_partition
from schemas.records import (
    NOBODY,
    Batch,
    Cohort,
    Event,
    IndicatorRow,
    LearnerEntry,
    Recalled,
    Step,
    WalkName,
    decode_batch,
    decode_indicators,
    decode_panes,
    encode,
)
from schemas.topics import BATCHES, INDICATORS, PANES, STEPS
from streams.model.coverage import GRAIN_MINUTES, MINUTE_MS, WINDOWS
from streams.model.facts import facts_of
from streams.model.horizon import Limits
from streams.model.journeys import compile_journeys, steps_by_signal
from streams.model.stage import Output
from tests.recount.contributions import Event as Stored
from tests.recount.recount import Key, Listed, Value, recount
from tests.unit.model.pipeline import CATALOG, PARTITIONS, Pipeline, Worker, labels, stored

DAY_MS = 86_400_000
STEPS_OF = steps_by_signal(CATALOG)
RULES = compile_journeys(CATALOG)


class Named(NamedTuple):
    """Rows to be repaired; empty text: any. Times in ms, both included."""

    indicators: frozenset[str]
    cohort: tuple[str, str] | None
    window: str
    first_end: int
    last_end: int

    def holds(self, key: Key) -> bool:
        return (
            key.indicator in self.indicators
            and self.cohort in (None, (key.cohort_kind, key.cohort))
            and key.window == self.window
            and self.first_end <= key.window_end <= self.last_end
        )


def value_of(row: IndicatorRow) -> Value:
    """A row in the recount's form."""
    measure = CATALOG.indicators[row.indicator].measure
    if measure == "people":
        return Value(row.people, None, row.people)
    if measure == "share_of_eligible":
        return Value(row.people, row.standing, row.people)
    if measure == "count":
        return Value(row.num, None, row.people)
    return Value(row.num, row.den, row.people)


class StoredPipeline(Pipeline):
    """The stages with the store."""

    def __init__(self, seed: int, crashes: float, limits: Limits) -> None:
        super().__init__(seed, crashes, limits)
        self.rows: dict[Key, tuple[int, Value | None]] = {}
        self.named: list[Named] = []
        self.walks: dict[WalkName, None] = {}
        self.taken = [0] * PARTITIONS
        self.all_named: list[Named] = []
        self.answers: list[Output] = []
        self.recalls = 0
        self.told: set[bytes] = set()

    def run(self) -> None:
        """Until nothing is left to be done."""
        super().run()
        self.take_rows()
        while self.tell_voids() or self.named or self.walks:
            super().run()
            self.take_rows()
            self.repair(arrived=True)
            super().run()
            self.take_rows()

    def meanwhile(self) -> None:
        if self.random.random() < 0.2:
            self.take_rows()
        if self.random.random() < 0.1:
            self.repair(arrived=False)
        if self.random.random() < 0.1:
            self.tell_voids()
        if self.answers and self.random.random() < 0.1:
            # Of a repair process that was frozen for a while, or is not the only one.
            self.send([self.random.choice(self.answers)])

    def horizon(self) -> int:
        """The highest that was said."""
        said = [decode_panes(value).horizon for log in self.topics[PANES] for value in log]
        return max(said, default=0)

    def take_rows(self) -> None:
        for partition, log in enumerate(self.topics[INDICATORS]):
            for value in log[self.taken[partition] :]:
                record = decode_indicators(value)
                for row in record.rows:
                    self._take_row(record.position, row)
                for one in record.repairs:
                    ends = one.first_end, one.last_end
                    cohort = one.cohort_kind, one.cohort
                    self._name(Named(frozenset({one.indicator}), cohort, one.window, *ends))
                for walk in record.walks:
                    self.walks[walk] = None
            self.taken[partition] = len(log)

    def _name(self, named: Named) -> None:
        self.named.append(named)
        self.all_named.append(named)

    def _take_row(self, version: int, row: IndicatorRow) -> None:
        key = Key(row.indicator, row.cohort_kind, row.cohort, row.window, row.window_end)
        horizon = self.rows.get(key, (-1, None))[0]
        if version >= horizon:
            self.rows[key] = (version, None if row.removed else value_of(row))

    def tell_voids(self) -> bool:
        """Tell the stream of stored events that were taken back; whether there were any."""
        events = list(self.events())
        gone = _gone(events) - self.told
        found = [known for known in events if known[0].event_id in gone]
        for event, cohort in found:
            self.told.add(event.event_id)
            void = structs.replace(event, cohort=cohort, module=event.parent)
            partition = learner_partition(event.learner, PARTITIONS)
            self.send([Output(BATCHES, partition, encode(Batch(0, 0, voids=[void])))])
        return bool(found)

    def repair(self, arrived: bool) -> None:
        """Look at the events as they are now; repair what is named, recall what is asked for.

        `arrived`: every row that these events change was said. A walk is named on another
        partition than its rows, so it is not repaired before.
        """
        events = list(self.events())
        walks = [walk for walk in self.walks if walk.recall or arrived]
        for walk in walks:
            del self.walks[walk]
        gone = _gone(events)
        kept = [known for known in events if known[0].event_id not in gone]
        for walk in walks:
            if walk.recall:
                self._recall(walk, list(_steps(walk, kept)))
            else:
                self._name_walk(walk, list(_steps(walk, events)))
        named, self.named = self.named, []
        if named:
            self._repair(named, recount(map(_stored, events), list(self.listed())))

    def _repair(self, named: list[Named], right: dict[Key, Value]) -> None:
        for key in {*self.rows, *right}:
            if any(one.holds(key) for one in named):
                version = self.rows.get(key, (-1, None))[0]
                self.rows[key] = (version, right.get(key))

    def _recall(self, walk: WalkName, steps: list[Step]) -> None:
        self.recalls += 1
        partition = self.random.randrange(PARTITIONS)
        if walk.learner:
            partition = learner_partition(walk.learner, PARTITIONS)
            as_of = self.worker("learners", partition).seen + 1
        else:
            number = object_partition(walk.journey, walk.key, PARTITIONS)
            as_of = len(self.topics[STEPS][number])
        recalled = Recalled(walk.journey, walk.key, walk.learner, steps, as_of)
        answer = Output(BATCHES, partition, encode(Batch(0, 0, recalled=[recalled])))
        self.answers.append(answer)
        self.send([answer])

    def _name_walk(self, walk: WalkName, steps: list[Step]) -> None:
        indicators = frozenset(
            name for name, one in CATALOG.indicators.items() if one.journey == walk.journey
        )
        for window in WINDOWS:
            slide = GRAIN_MINUTES[window.grain] * MINUTE_MS
            first = min(step.occurred_at for step in steps) // slide + 1
            last = max(step.occurred_at for step in steps) // slide + 1 + window.slots
            self._name(Named(indicators, None, window.name, first * slide, last * slide))

    def shown(self) -> dict[Key, Value]:
        return {key: value for key, (_, value) in self.rows.items() if value is not None}

    def right(self) -> dict[Key, Value]:
        """What the rows ought to be."""
        return recount(map(_stored, self.events()), list(self.listed()))

    def worker(self, agent: str, partition: int) -> Worker:
        """The worker of this agent and partition."""
        return next(w for w in self.workers if (w.agent, w.partition) == (agent, partition))

    # What the store knows

    def _batches(self) -> Iterator[Batch]:
        for worker in self.workers:
            if worker.agent == "learners":
                for value in worker.log[: worker.seen + 1]:
                    yield decode_batch(value)

    def events(self) -> Iterator[tuple[Event, Cohort]]:
        """Events that were passed on, each once, with the cohort they had then."""
        listed: dict[bytes, Cohort] = {}
        known: set[bytes] = set()
        for batch in self._batches():
            for entry in batch.learners:
                listed[entry.learner] = cohort_of(entry)
            for event in batch.events:
                if event.event_id not in known:
                    known.add(event.event_id)
                    yield event, event.cohort or listed.get(event.learner, NOBODY)

    def listed(self) -> Iterator[Listed]:
        entries = {entry.learner: entry for b in self._batches() for entry in b.learners}
        for entry in entries.values():
            yield {
                "learner": entry.learner,
                "cohort": labels(cohort_of(entry)),
                "since": entry.since,
            }


def cohort_of(entry: LearnerEntry) -> Cohort:
    return Cohort(entry.team, entry.manager, entry.region, entry.eligible)


def _gone(events: list[tuple[Event, Cohort]]) -> set[bytes]:
    """Ids of events that others take back."""
    named = (event.attributes.get("voids") for event, _ in events if event.verb == "voided")
    return {UUID(str(each)).bytes for each in named}


def _stored(known: tuple[Event, Cohort]) -> Stored:
    event, cohort = known
    return stored(event, labels(cohort))


def _steps(walk: WalkName, events: list[tuple[Event, Cohort]]) -> Iterator[Step]:
    rules = RULES[walk.journey]
    for event, cohort in events:
        key = rules.key_of(event.attributes, event.object_id)
        if key != walk.key or walk.learner not in (b"", event.learner):
            continue
        for journey, step in STEPS_OF.get(event.verb, ()):
            if journey == walk.journey:
                yield Step(
                    journey,
                    walk.key,
                    step,
                    event.event_id,
                    event.occurred_at,
                    event.learner,
                    cohort,
                    facts_of(event, event.parent, rules.attributes),
                )


def shuffled(random: Random, events: list[Event], far: int) -> list[Event]:
    """The events about in the order of their times: late by at most about `far` places."""
    ordered = sorted(events, key=lambda event: event.occurred_at)
    places = {id(e): n + random.uniform(0, far) for n, e in enumerate(ordered)}
    return sorted(ordered, key=lambda event: places[id(event)])
