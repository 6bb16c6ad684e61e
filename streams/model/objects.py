"""The objects stage: journeys that several people walk, a partition of objects at a time.

The people of one object live on several partitions of learners, so their coverage is not known
here; the rolling stage, which sees all of an indicator and cohort, works it out from `Member`s.
"""

import struct
from collections.abc import Iterator
from hashlib import blake2b

import msgspec
from msgspec import Struct

from schemas.records import Member, Panes, Recalled, Series, Step, WalkName, decode_steps
from streams.catalog.load import Catalog
from streams.model.codes import cohorts
from streams.model.coverage import DAY_MINUTES, MINUTE_MS
from streams.model.days import day_of, rows_leave
from streams.model.forgetting import forgetting
from streams.model.horizon import DAY_MS, Horizon, Limits
from streams.model.journeys import Contribution, WalkedStep, compile_journeys
from streams.model.stage import NEVER, Memory, Output, Rows
from streams.model.tally import (
    Late,
    News,
    Tally,
    labels_of,
    panes_outputs,
)
from streams.model.values import Values
from streams.model.walks import Changes, Walks


class Taken(Struct, array_like=True):
    """Which partitions of learners were taken how far, and who has ended rebuilding."""

    batches: dict[str, int] = {}
    quiet: bool = False
    ended: list[int] = []


_decode_taken = msgspec.msgpack.Decoder(Taken).decode
_decode_counts = msgspec.msgpack.Decoder(dict[int, int]).decode
_member = struct.Struct(">c16sq")
"""`P`, learner, minute: the row has how often the learner contributed then, by series."""

_TAKEN = b"M"


class ObjectsStage:
    """See the module's head."""

    def __init__(
        self, rows: Rows, partition: int, partitions: int, catalog: Catalog, limits: Limits
    ) -> None:
        self._rows = rows
        self._partition = partition
        self._partitions = partitions
        self._journeys = compile_journeys(catalog)
        self._cohorts = cohorts(rows, b"K")
        self._tally = Tally(rows, self._cohorts)
        self._values = Values(rows, catalog.breakdowns.most_values)
        self._horizon = Horizon(rows, limits, rows_leave(_day_of))
        self._walks = Walks(rows, self._horizon, self._cohorts)
        self._late = Late()
        self._generation = 0
        self._written_at = 0
        self._quiet = False
        self._to_all = False
        self._restore_ended = False

    @property
    def memory(self) -> Memory:
        return self._horizon.memory

    def recovered(self) -> None:
        self._horizon.recovered()
        if self._horizon.day != NEVER:
            self._rows.forgotten(forgetting(_day_of, self._horizon.day))
        self._walks.recovered()
        self._cohorts.recovered()
        self._tally.recovered()
        self._values.recovered()
        taken = self._rows.peek(_TAKEN, _decode_taken)
        self._quiet = taken is not None and taken.quiet

    def apply(self, value: bytes, offset: int) -> list[Output]:
        if self._horizon.decides(offset):
            self._to_all |= self._horizon.decide({}, 0, self._forget)
        self._walks.offset = offset
        record = decode_steps(value)
        self._generation = record.generation
        self._written_at = max(self._written_at, record.written_at)
        taken = self._rows.get(_TAKEN, _decode_taken)
        if taken is None:
            taken = Taken()
            self._rows.put(_TAKEN, taken)
        key = f"{record.generation}/{record.batch_partition}"
        if record.batch_offset <= taken.batches.get(key, -1):
            return []
        taken.batches[key] = record.batch_offset
        if record.restored or record.restore_ended:
            # Also when nothing of that partition was restored: others may still be at it.
            taken.quiet = True
        for step in record.steps:
            self._take(step)
        for walk in record.recalled:
            self._recall(walk)
        for step in record.voids:
            self._void(step)
        if record.restore_ended:
            taken.ended.append(record.batch_partition)
            if len(taken.ended) == self._partitions:
                taken.quiet = False
                self._restore_ended = True
        self._quiet = taken.quiet
        return []

    def seal(self, position: int) -> list[Output]:
        self._tally.settle()
        members = list(self._members())
        template = Panes(
            self._generation,
            "objects",
            self._partition,
            position,
            quiet=self._quiet,
            restore_ended=self._restore_ended,
            written_at=self._written_at,
            horizon=max(0, self._horizon.day),
        )
        to_all = self._to_all or self._restore_ended
        new = self._values.new()
        news = News(members, self._late.take(), self._walks.named(), new, to_all)
        self._to_all = self._restore_ended = False
        return panes_outputs(template, self._partitions, self._tally.changed(), news)

    def _forget(self, before: int) -> None:
        """Let go of what happened before the day `before`."""
        self._walks.voids.forget(before)
        walks: list[bytes] = []
        self._rows.forget(forgetting(_day_of, before, walks.append))
        self._walks.tombstones.bury(walks)

    def _take(self, step: Step) -> None:
        rules = self._journeys.get(step.journey)
        if rules is None:
            return
        day = step.occurred_at // DAY_MS
        self._horizon.happened(day)
        for indicator, named in rules.values(step.step, step.attributes):
            self._values.note(indicator, named)
        walk = WalkName(step.journey, step.key, b"", recall=True)
        self._count(self._walks.take(rules, walk, _walk_key(walk), _walked(step)))

    def _void(self, step: Step) -> None:
        """Take a step back. It was taken before: it comes from where the step came from."""
        rules = self._journeys.get(step.journey)
        day = step.occurred_at // DAY_MS
        if rules is None:
            return
        if day >= self._horizon.day:
            self._walks.voids.add(step.event_id, day)
        walk = WalkName(step.journey, step.key, b"", recall=True)
        self._count(self._walks.take_back(rules, walk, _walk_key(walk), _walked(step)))

    def _recall(self, walk: Recalled) -> None:
        rules = self._journeys.get(walk.journey)
        if rules is not None:
            self._count(self._walks.recall(rules, _walk_key(walk), walk))

    def _count(self, changes: Changes) -> None:
        """Count what came and went with a step."""
        for one, times in changes:
            day = one.occurred_at // DAY_MS
            if day < self._horizon.day:
                counted = self._values.counted(one.indicator, one.labels)
                self._late.add(one.indicator, one.cohort, day, counted)
            else:
                self._credit(one, times)

    def _credit(self, one: Contribution, times: int) -> None:
        cohort = self._cohorts.code(one.cohort)
        minute = one.occurred_at // MINUTE_MS
        group = self._tally.group((one.indicator,), cohort)
        sums = (times, times * one.num, times * one.den)
        group.count(minute, *sums)
        counted = self._values.counted(one.indicator, one.labels)
        for kind, label in counted:
            self._tally.of_series(Series(one.indicator, kind, label)).count(minute, *sums)
        member = _member.pack(b"P", one.learner, minute)
        counts = self._rows.get(member, _decode_counts)
        if counts is None:
            counts = {}
            self._rows.put(member, counts)
        for kind, label in (*labels_of(one.cohort), *counted):
            series = self._tally.series.code(Series(one.indicator, kind, label))
            counts[series] = counts.get(series, 0) + times

    def _members(self) -> Iterator[tuple[Series, list[Member]]]:
        """How often each learner contributed, where that may have changed. Zeros are let go of."""
        by_series: dict[int, list[Member]] = {}
        left: dict[bytes, dict[int, int]] = {}
        for key, row in self._rows.changed():
            if key[:1] != b"P":
                continue
            _, learner, minute = _member.unpack(key)
            counts = sorted(row.items()) if isinstance(row, dict) else []
            for series, n in counts:
                by_series.setdefault(series, []).append(Member(learner, minute, n))
            # In one order, whatever way led to it.
            left[key] = {series: n for series, n in counts if n}
        for key, kept in left.items():
            if kept:
                self._rows.put(key, kept)
            else:
                self._rows.drop(key)
        for series, members in by_series.items():
            yield self._tally.series.values[series], members


def _walked(step: Step) -> WalkedStep:
    return WalkedStep(
        step.occurred_at, step.event_id, step.step, step.learner, step.cohort, step.attributes
    )


def _walk_key(walk: WalkName | Recalled) -> bytes:
    return blake2b(f"{walk.journey}\0{walk.key}".encode(), digest_size=16).digest()


def _day_of(key: bytes, encoded: bytes) -> int | None:
    """The day with which a row is let go of; None: it stays."""
    if key[:1] == b"P":
        day: int = _member.unpack(key)[2] // DAY_MINUTES
        return day
    return day_of(key, encoded)
