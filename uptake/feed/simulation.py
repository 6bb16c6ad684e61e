"""The stories of an organisation on one clock: a discrete-event simulation. Seeded, no I/O."""

import heapq
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

import msgspec

from schemas.adapters.common import CompactEvent
from uptake.feed.item import Item
from uptake.feed.organisation import ISSUER, Organisation
from uptake.feed.stories import EVENTS_A_STORY, STORIES, Happening, Scene, Story

Rate = Callable[[int], float]
"""Time in ms -> events a second that are wanted then."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Emission(NamedTuple):
    """An event of the simulation and the source it belongs to."""

    source: str
    item: Item


class _Due(NamedTuple):
    """The next step of a story; `order` makes equal times ordered."""

    at: float
    order: int
    happening: Happening
    story: Story


class Simulation:
    """Everything that happens from `begins` (ms) on. The same seed, begin and rate: the same
    events with the same ids; another begin: other ids."""

    def __init__(self, organisation: Organisation, seed: int, begins: int, rate: Rate) -> None:
        self._organisation = organisation
        self._rng = Random(f"{seed} {begins}")
        self._run = f"{seed}-{begins}"
        self._rate = rate
        self._next_story = float(begins)
        self._due: list[_Due] = []
        self._told = 0
        self._order = 0
        self._emitted = 0

    def until(self, end: int) -> Iterator[Emission]:
        """What happens before `end` (ms) and was not handed out yet, in the order of time."""
        while True:
            while self._next_story < end and not self._step_before(self._next_story):
                self._begin_story()
            if not self._step_before(end):
                return
            due = heapq.heappop(self._due)
            self._continue(due.story, due.at)
            yield self._emission(due)

    def _step_before(self, limit: float) -> bool:
        return bool(self._due) and self._due[0].at < limit

    def _begin_story(self) -> None:
        begins = self._next_story
        rate = self._rate(int(begins)) / EVENTS_A_STORY
        self._next_story += self._rng.expovariate(rate) * 1000
        self._told += 1
        tellers, weights = zip(*STORIES, strict=True)
        teller = self._rng.choices(tellers, weights)[0]
        person = self._rng.choice(self._organisation.people)
        scene = Scene(self._organisation, person, f"{self._run}-{self._told}", int(begins))
        self._continue(teller(scene, Random(self._rng.random())), begins)

    def _continue(self, story: Story, now: float) -> None:
        for seconds, happening in story:
            self._order += 1
            heapq.heappush(self._due, _Due(now + seconds * 1000, self._order, happening, story))
            return

    def _emission(self, due: _Due) -> Emission:
        self._emitted += 1
        at = int(due.at)
        identity = str(uuid5(NAMESPACE_URL, f"{ISSUER}/{self._run}/{self._emitted}"))
        happening = due.happening
        if happening.source == "lms":
            event: bytes | CompactEvent = statement(happening, identity, at)
        else:
            event = compact(happening, identity, at)
        return Emission(happening.source, Item(self._emitted, at, event))


def statement(happening: Happening, identity: str, at: int) -> bytes:
    """As an xAPI statement."""
    made: dict[str, object] = {
        "id": identity,
        "actor": {"account": {"homePage": ISSUER, "name": happening.person.name}},
        "verb": {"id": happening.verb},
        "object": {"id": happening.object_id, "definition": {"type": happening.object_type}},
        "timestamp": _timestamp(at),
    }
    result: dict[str, object] = {}
    if happening.success is not None:
        result["success"] = happening.success
    if happening.score is not None:
        result["score"] = {"scaled": happening.score}
    if result:
        made["result"] = result
    return msgspec.json.encode(made)


def compact(happening: Happening, identity: str, at: int) -> CompactEvent:
    """As a compact event."""
    return {
        "id": identity,
        "occurred_at": _timestamp(at),
        "learner": happening.person.name,
        "issuer": ISSUER,
        "verb": happening.verb,
        "object": {"id": happening.object_id, "type": happening.object_type},
        "attributes": happening.attributes,
    }


def _timestamp(at: int) -> str:
    moment = EPOCH + timedelta(milliseconds=at)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
