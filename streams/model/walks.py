"""The walks of journeys, of which old ones were let go.

A walk all of whose steps happened before the horizon is let go of; a hash of its key stays, its
tombstone. A new step of such a walk can only be judged with the steps that were let go of: it
waits, and the walk is recalled from the store. A step that itself happened before the horizon
changes nothing in memory: its walk is repaired in the store.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from schemas.records import Attribute, Cohort, Recalled, WalkName
from streams.model.codes import Codes
from streams.model.horizon import DAY_MS, Horizon
from streams.model.journeys import Contribution, JourneyRules, Walk, WalkedStep, add_step
from streams.model.stage import Rows
from streams.model.tombstones import Tombstones

Changes = list[tuple[Contribution, int]]
"""Contributions that came (+) and went (-)."""


class _Kept(Struct, array_like=True, gc=False):
    """A step as it lies in the state: with the code of its cohort, and without the learner where
    one learner walks, whom the key names."""

    occurred_at: int
    event_id: bytes
    step: str
    cohort: int
    learner: bytes
    attributes: dict[str, Attribute]


_decode_walk = msgspec.msgpack.Decoder(list[_Kept]).decode


class _When(Struct, array_like=True, gc=False):
    """The beginning of a step."""

    occurred_at: int


_decode_times = msgspec.msgpack.Decoder(list[_When]).decode


class Walks:
    """Walks in the state of one partition: rows `J` + key, those that wait for their earlier
    steps `W` + key, and tombstones."""

    def __init__(self, rows: Rows, horizon: Horizon, cohorts: Codes[Cohort]) -> None:
        self._rows = rows
        self._horizon = horizon
        self._cohorts = cohorts
        self._named: dict[WalkName, None] = {}
        self.tombstones = Tombstones(rows)

    def recovered(self) -> None:
        self.tombstones.recovered()

    def take(self, rules: JourneyRules, name: WalkName, key: bytes, step: WalkedStep) -> Changes:
        """Add a step to its walk. `name`: the walk, as it is to be recalled."""
        recent = step.occurred_at // DAY_MS >= self._horizon.day
        walk = self._walk(b"J" + key, name.learner)
        if walk is not None:
            changes = self._add(rules, name, walk, step, recent)
            self._put(b"J" + key, name.learner, walk)
            return changes
        waiting = self._walk(b"W" + key, name.learner)
        if waiting is not None:
            add_step(waiting, step)
            self._put(b"W" + key, name.learner, waiting)
            return []
        if recent and key not in self.tombstones:
            walk = []
            changes = rules.difference(walk, step)
            self._put(b"J" + key, name.learner, walk)
            return changes
        if recent:
            self._put(b"W" + key, name.learner, [step])
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

    def _name_repair(self, name: WalkName) -> None:
        self._named[msgspec.structs.replace(name, recall=False)] = None

    def recall(self, rules: JourneyRules, key: bytes, recalled: Recalled) -> Changes:
        """Take the walk as the store knows it, with the steps that waited for it."""
        learner = recalled.learner if rules.walked_by == "one" else b""
        waiting = self._walk(b"W" + key, learner)
        if waiting is None:
            return []
        self._rows.drop(b"W" + key)
        # What the store has of a step is right: a resend may wait here, which it has refused.
        known = {step.order: step for step in [*waiting, *_walked(rules, recalled)]}
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
        if walk[-1].occurred_at // DAY_MS >= self._horizon.day:
            self._put(b"J" + key, learner, walk)
        return changes

    def _walk(self, key: bytes, learner: bytes) -> Walk | None:
        """The walk in a row. `learner`: who walks, if one does."""
        kept = self._rows.peek(key, _decode_walk)
        if kept is None:
            return None
        return [
            WalkedStep(
                one.occurred_at,
                one.event_id,
                one.step,
                one.learner or learner,
                self._cohorts.values[one.cohort],
                one.attributes,
            )
            for one in kept
        ]

    def _put(self, key: bytes, learner: bytes, walk: Walk) -> None:
        """As `_walk`, the other way."""
        row = [
            _Kept(
                step.occurred_at,
                step.event_id,
                step.step,
                self._cohorts.code(step.cohort),
                b"" if step.learner == learner else step.learner,
                step.attributes,
            )
            for step in walk
        ]
        self._rows.put(key, row)

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
