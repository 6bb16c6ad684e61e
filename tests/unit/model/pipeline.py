"""The three stages wired together in memory: partitions, epochs, crashes and late writers."""

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from schemas.partition import learner_partition
from schemas.records import (
    Batch,
    Cohort,
    Event,
    IndicatorRow,
    LearnerEntry,
    decode_indicators,
    encode,
)
from schemas.topics import BATCHES, INDICATORS, PANES, SOURCES, STEPS
from streams.catalog import Catalog, load
from streams.model.horizon import Limits
from streams.model.learners import LearnersStage
from streams.model.objects import ObjectsStage
from streams.model.rolling import RollingStage
from streams.model.stage import Output, Rule, Stage
from tests.recount.contributions import Cohorts
from tests.recount.contributions import Event as Stored

CATALOG = load()
PARTITIONS = 2


class PlainRows:
    """The simplest state: encoded rows, and those decoded in this epoch."""

    def __init__(self, rows: dict[bytes, bytes] | None = None) -> None:
        self.rows = dict(rows or {})
        self.let_go: dict[bytes, bytes] = {}
        self.dirty: dict[bytes, Any] = {}

    def get(self, key: bytes, decode: Callable[[bytes], Any]) -> Any:
        if key not in self.dirty:
            if key not in self.rows:
                return None
            self.dirty[key] = decode(self.rows[key])
        return self.dirty[key]

    def peek(self, key: bytes, decode: Callable[[bytes], Any]) -> Any:
        if key in self.dirty:
            return self.dirty[key]
        return decode(self.rows[key]) if key in self.rows else None

    def put(self, key: bytes, row: object) -> None:
        self.dirty[key] = row

    def drop(self, key: bytes) -> None:
        self.dirty[key] = None

    def items(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        assert not self.dirty
        return ((k, v) for k, v in self.rows.items() if k.startswith(prefix))

    def changed(self) -> Iterable[tuple[bytes, Any]]:
        return list(self.dirty.items())

    def held(self) -> int:
        assert not self.dirty
        return sum(len(key) + len(row) for key, row in self.rows.items())

    def forget(self, rule: Rule) -> None:
        assert not self.dirty
        left = {key: rule(key, row) for key, row in self.rows.items()}
        self.let_go |= {key: self.rows[key] for key, row in left.items() if row is None}
        self.rows = {key: row for key, row in left.items() if row is not None}

    def forgotten(self, rule: Rule) -> None:
        self.forget(rule)

    def encode(self) -> None:
        for key, row in self.dirty.items():
            self.let_go.pop(key, None)
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = msgspec.msgpack.encode(row)
        self.dirty = {}


class Names:
    """A vocabulary in which the verb is the signal."""

    def signal(self, verb: str, object_type: str, attributes: object) -> str:
        return verb


ROOMY = Limits(10**9, 10**6)


def stage(agent: str, rows: PlainRows, partition: int, limits: Limits, catalog: Catalog) -> Stage:
    if agent == "learners":
        return LearnersStage(rows, partition, PARTITIONS, catalog, Names(), limits)
    if agent == "objects":
        return ObjectsStage(rows, partition, PARTITIONS, catalog, limits)
    most = catalog.breakdowns.most_values
    return RollingStage(rows, partition, PARTITIONS, most, limits.records)


class Worker:
    """One agent of one partition. What it wrote at its last epoch is all that survives."""

    def __init__(
        self, agent: str, partition: int, log: list[bytes], limits: Limits, catalog: Catalog
    ) -> None:
        self.agent = agent
        self.catalog = catalog
        self.limits = limits
        self.partition = partition
        self.log = log
        self.saved: dict[bytes, bytes] = {}
        self.position = -1
        self.seen = -1
        self.restart()

    def restart(self) -> None:
        self.rows = PlainRows(self.saved)
        self.stage = stage(self.agent, self.rows, self.partition, self.limits, self.catalog)
        self.stage.recovered()
        assert not self.rows.dirty
        self.read = self.position

    def step(self, records: int) -> list[Output]:
        outputs = []
        for offset in range(self.read + 1, min(len(self.log), self.read + 1 + records)):
            outputs += self.stage.apply(self.log[offset], offset)
            self.read = offset
            self.seen = max(self.seen, offset)
            if (offset + 1) % self.limits.records == 0:
                break
        return outputs

    def seal(self) -> list[Output]:
        if self.read == self.position:
            return []
        outputs = self.stage.seal(self.read)
        self.rows.encode()
        return outputs

    def save(self) -> None:
        # A log still holds what was only forgotten.
        self.saved = self.rows.rows | self.rows.let_go
        self.position = self.read


class Pipeline:
    """All partitions of the three agents over in-memory topics."""

    def __init__(
        self,
        seed: int,
        crashes: float = 0.0,
        limits: Limits = ROOMY,
        catalog: Catalog = CATALOG,
    ) -> None:
        self.random = random.Random(seed)
        self.crashes = crashes
        topics = (BATCHES, STEPS, PANES, INDICATORS)
        self.topics: dict[str, list[list[bytes]]] = {
            t: [[] for _ in range(PARTITIONS)] for t in topics
        }
        sources = {"learners": BATCHES, "objects": STEPS, "rolling": PANES}
        self.workers = [
            Worker(agent, p, self.topics[topic][p], limits, catalog)
            for agent, topic in sources.items()
            for p in range(PARTITIONS)
        ]

    def send(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if output.topic in self.topics:
                self.topics[output.topic][output.partition].append(output.value)

    def feed(self, batches: Iterable[tuple[int, Batch]]) -> None:
        self.send(Output(BATCHES, partition, encode(batch)) for partition, batch in batches)

    def run(self) -> None:
        """Until every record was taken and written, in random turns."""
        while any(w.position < len(w.log) - 1 for w in self.workers):
            worker = self.random.choice(self.workers)
            self.send(worker.step(self.random.randrange(1, 6)))
            if self.random.random() < self.crashes:
                worker.restart()
                continue
            outputs = worker.seal()
            self.send(outputs)
            if self.random.random() < self.crashes:
                worker.restart()
                continue
            worker.save()
            self.meanwhile()

    def meanwhile(self) -> None:
        """What others do while the stages work."""

    def indicators(self) -> dict[tuple[str, str, str, str, int], IndicatorRow]:
        """The rows as a store with versions would show them."""
        shown: dict[tuple[str, str, str, str, int], tuple[int, IndicatorRow]] = {}
        for log in self.topics[INDICATORS]:
            for value in log:
                record = decode_indicators(value)
                for row in record.rows:
                    key = (
                        row.indicator,
                        row.cohort_kind,
                        row.cohort,
                        row.window,
                        row.window_end,
                    )
                    version = (record.generation << 44) | record.position
                    if key not in shown or version >= shown[key][0]:
                        shown[key] = (version, row)
        return {key: row for key, (_, row) in shown.items() if not row.removed}


def batches(
    events: list[Event], size: int, entries: Iterable[LearnerEntry] = ()
) -> list[tuple[int, Batch]]:
    """Directory entries first, then the events in their order, `size` to a poll."""
    made = []
    for entry in entries:
        partition = learner_partition(entry.learner, PARTITIONS)
        made.append((partition, Batch(0, 0, learners=[entry])))
    for start in range(0, len(events), size):
        polls: dict[int, list[Event]] = {}
        for event in events[start : start + size]:
            polls.setdefault(learner_partition(event.learner, PARTITIONS), []).append(event)
        made += [(partition, Batch(0, 0, part)) for partition, part in polls.items()]
    return made


def labels(cohort: Cohort) -> Cohorts:
    return {
        "team": cohort.team,
        "manager": cohort.manager,
        "region": cohort.region,
        "eligible": cohort.eligible,
    }


def stored(event: Event, cohort: Cohorts) -> Stored:
    """An event as the recount reads it. The module is the parent, as no asset is listed."""
    return {
        "event_id": event.event_id,
        "occurred_at": event.occurred_at,
        "learner": event.learner,
        "cohort": cohort,
        "signal": event.verb,
        "object": event.object_id,
        "attributes": event.attributes,
        "tool": SOURCES[event.source],
        "module": event.parent,
        "success": event.success,
    }
