"""The walks of journeys, of which old ones were let go.

A walk all of whose steps happened before the horizon is let go of; a hash of its key stays, its
tombstone. A new step of such a walk can only be judged with the steps that were let go of: it
waits, and the walk is recalled from the store. A step that itself happened before the horizon
changes nothing in memory: its walk is repaired in the store.

Answers may come twice, and much later: a repair process that was frozen or replaced sends its own.
So each says as of which offset the store was asked, and one from before the walk began to wait is
no answer to it: steps may be missing that came between.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from schemas.records import Attribute, Cohort, Recalled, WalkName
from streams.model.codes import Codes, names
from streams.model.horizon import DAY_MS, Horizon
from streams.model.journeys import (
    Contribution,
    JourneyRules,
    Walk,
    WalkedStep,
    add_step,
    remove_step,
)
from streams.model.stage import Rows
from streams.model.tombstones import Tombstones
from streams.model.voids import Voids

Changes = list[tuple[Contribution, int]]
"""Contributions that came (+) and went (-)."""


class _Kept(Struct, array_like=True, gc=False):
    """A step as it lies in the state: with the codes of its name and cohort, and without the
    learner where one learner walks, whom the key names."""

    occurred_at: int
    event_id: bytes
    step: int
    cohort: int
    learner: bytes
    attributes: dict[str, Attribute]


_decode_walk = msgspec.msgpack.Decoder(list[_Kept]).decode


class _Waiting(Struct, array_like=True, gc=False):
    """Steps of a walk that is recalled. `since`: offset of the record with the first of them."""

    since: int
    steps: list[_Kept]


_decode_waiting = msgspec.msgpack.Decoder(_Waiting).decode


class _When(Struct, array_like=True, gc=False):
    """The beginning of a step."""

    occurred_at: int


_decode_times = msgspec.msgpack.Decoder(list[_When]).decode


class Walks:
    """Walks in the state of one partition: rows `J` + key, those that wait for their earlier
    steps `W` + key, the names of steps `E`, and tombstones."""

    def __init__(self, rows: Rows, horizon: Horizon, cohorts: Codes[Cohort]) -> None:
        self.voids = Voids(rows)
        self._rows = rows
        self._horizon = horizon
        self._cohorts = cohorts
        self._steps = names(rows, b"E")
        self._named: dict[WalkName, None] = {}
        self.tombstones = Tombstones(rows)
        self.offset = 0
        """Of the record that is taken; to be set before anything of it."""

    def recovered(self) -> None:
        self.tombstones.recovered()
        self.voids.recovered()
        self._steps.recovered()

    def take(self, rules: JourneyRules, name: WalkName, key: bytes, step: WalkedStep) -> Changes:
        """Add a step to its walk. `name`: the walk, as it is to be recalled."""
        recent = step.occurred_at // DAY_MS >= self._horizon.day
        kept = self._rows.peek(b"J" + key, _decode_walk)
        if kept is not None:
            walk = self._walk(kept, name.learner)
            changes = self._add(rules, name, walk, step, recent)
            self._rows.put(b"J" + key, self._kept(walk, name.learner))
            return changes
        waiting = self._rows.peek(b"W" + key, _decode_waiting)
        if waiting is not None:
            walk = self._walk(waiting.steps, name.learner)
            add_step(walk, step)
            self._wait(key, name.learner, waiting.since, walk)
            return []
        if recent and key not in self.tombstones:
            walk = []
            changes = rules.difference(walk, step)
            self._rows.put(b"J" + key, self._kept(walk, name.learner))
            return changes
        if recent:
            self._wait(key, name.learner, self.offset, [step])
            self._named[name] = None
            return []
        self.tombstones.bury([key])
        self._name_repair(name)
        return []

    def _add(
        self, rules: JourneyRules, name: WalkName, walk: Walk, step: WalkedStep, recent: bool
    ) -> Changes:
        steps = len(walk)
        changes = rules.difference(walk, step)
        if not recent and len(walk) == steps:
            # It may have come with the recalled walk, before it came here.
            self._name_repair(name)
        return changes

    def take_back(
        self, rules: JourneyRules, name: WalkName, key: bytes, step: WalkedStep
    ) -> Changes:
        """Take a step out of its walk; nothing of it counts any more."""
        kept = self._rows.peek(b"J" + key, _decode_walk)
        if kept is not None:
            walk = self._walk(kept, name.learner)
            steps = len(walk)
            changes = rules.taken_back(walk, step)
            self._keep(key, name.learner, walk)
            if len(walk) < steps or step.occurred_at // DAY_MS >= self._horizon.day:
                return changes
        waiting = self._rows.peek(b"W" + key, _decode_waiting)
        walk = [] if waiting is None else self._walk(waiting.steps, name.learner)
        removed = remove_step(walk, step)
        if waiting is not None and removed:
            self._wait(key, name.learner, waiting.since, walk)
        # One from before the horizon may wait as a resend: it was counted, and forgotten.
        if not removed or step.occurred_at // DAY_MS < self._horizon.day:
            self._name_repair(name)
        return []

    def _keep(self, key: bytes, learner: bytes, walk: Walk) -> None:
        """Put a walk from which a step was taken; let it go as one that is old, if it is now."""
        if walk and walk[-1].occurred_at // DAY_MS >= self._horizon.day:
            self._rows.put(b"J" + key, self._kept(walk, learner))
            return
        self._rows.drop(b"J" + key)
        if walk:
            self.tombstones.bury([key])

    def _wait(self, key: bytes, learner: bytes, since: int, walk: Walk) -> None:
        self._rows.put(b"W" + key, _Waiting(since, self._kept(walk, learner)))

    def _name_repair(self, name: WalkName) -> None:
        self._named[msgspec.structs.replace(name, recall=False)] = None

    def recall(self, rules: JourneyRules, key: bytes, recalled: Recalled) -> Changes:
        """Take the walk as the store knows it, with the steps that waited for it."""
        learner = recalled.learner if rules.walked_by == "one" else b""
        row = self._rows.peek(b"W" + key, _decode_waiting)
        if row is None or recalled.as_of <= row.since:
            return []
        waiting = self._walk(row.steps, learner)
        self._rows.drop(b"W" + key)
        # What the store has of a step is right: a resend may wait here, which it has refused.
        known = {step.order: step for step in [*waiting, *_walked(rules, recalled)]}
        # It may have been read back before it was taken back.
        known = {at: step for at, step in known.items() if step.event_id not in self.voids}
        orders = {step.order for step in waiting}
        walk: Walk = []
        uncounted = []
        for order, step in sorted(known.items()):
            # Nothing of this walk is counted on days that memory knows.
            if order in orders or step.occurred_at // DAY_MS >= self._horizon.day:
                uncounted.append(step)
            else:
                add_step(walk, step)
        changes: Changes = []
        for step in uncounted:
            changes += rules.difference(walk, step)
        if walk and walk[-1].occurred_at // DAY_MS >= self._horizon.day:
            self._rows.put(b"J" + key, self._kept(walk, learner))
        return changes

    def _walk(self, kept: list[_Kept], learner: bytes) -> Walk:
        """The walk of a row. `learner`: who walks, if one does."""
        return [
            WalkedStep(
                one.occurred_at,
                one.event_id,
                self._steps.values[one.step],
                one.learner or learner,
                self._cohorts.values[one.cohort],
                one.attributes,
            )
            for one in kept
        ]

    def _kept(self, walk: Walk, learner: bytes) -> list[_Kept]:
        """As `_walk`, the other way."""
        return [
            _Kept(
                step.occurred_at,
                step.event_id,
                self._steps.code(step.step),
                self._cohorts.code(step.cohort),
                b"" if step.learner == learner else step.learner,
                step.attributes,
            )
            for step in walk
        ]

    def named(self) -> list[WalkName]:
        """The walks to be recalled or repaired, as named since this was last asked."""
        named, self._named = [*self._named], {}
        return named


def day_of_walk(encoded: bytes) -> int:
    """The day of the last step of a walk."""
    return _decode_times(encoded)[-1].occurred_at // DAY_MS


def _walked(rules: JourneyRules, recalled: Recalled) -> Iterable[WalkedStep]:
    for step in recalled.steps:
        kept = {k: v for k, v in step.attributes.items() if k in rules.attributes}
        yield WalkedStep(
            step.occurred_at, step.event_id, step.step, step.learner, step.cohort, kept
        )
