"""The stories of an organisation on one clock: a discrete-event simulation. Seeded, no I/O."""

import heapq
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from schemas.adapters.common import CompactEvent
from uptake.feed.item import Item
from uptake.simulate.form import compact, statement
from uptake.simulate.happening import DEMO, Happening, Pace, Scene, Story
from uptake.simulate.organisation import ISSUER, Organisation
from uptake.simulate.stories import EVENTS_A_STORY, STORIES
from uptake.simulate.truth import DEFAULT, Truth

Rate = Callable[[int], float]
"""Time in ms -> events a second that are wanted then; 0: none."""

_PAUSE_MS = 600_000
"""How far to look ahead where the rate is 0."""


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
    identity: str


class Simulation:
    """Everything that happens from `begins` (ms) on. The same seed, begin, rate, truth and pace:
    the same events with the same ids; another begin: other ids."""

    def __init__(
        self,
        organisation: Organisation,
        seed: int,
        begins: int,
        rate: Rate,
        truth: Truth = DEFAULT,
        pace: Pace = DEMO,
    ) -> None:
        self._organisation = organisation
        self._rng = Random(f"{seed} {begins}")
        self._run = f"{seed}-{begins}"
        self._begins = begins
        self._rate = rate
        self._truth = truth
        self._pace = pace
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
            self._continue(due.story, due.at, due.identity)
            yield self._emission(due)

    def to_the_end(self, end: int) -> Iterator[Emission]:
        """As `until(end)`, and then what the stories that began before come to, however long they
        take: nothing stays unfinished, so that plain counting has no bias."""
        yield from self.until(end)
        while self._due:
            due = heapq.heappop(self._due)
            self._continue(due.story, due.at, due.identity)
            yield self._emission(due)

    def _step_before(self, limit: float) -> bool:
        return bool(self._due) and self._due[0].at < limit

    def _begin_story(self) -> None:
        begins = self._next_story
        rate = self._rate(int(begins)) / EVENTS_A_STORY
        if rate <= 0:
            self._next_story += _PAUSE_MS
            return
        self._next_story += self._rng.expovariate(rate) * 1000
        self._told += 1
        tellers, weights = zip(*STORIES, strict=True)
        teller = self._rng.choices(tellers, weights)[0]
        scene = Scene(
            self._organisation,
            self._rng.choice(self._organisation.people),
            f"{self._run}-{self._told}",
            int(begins),
            self._begins,
            self._truth,
            self._pace,
        )
        story = teller(scene, Random(self._rng.random()))
        self._continue(story, begins, None)

    def _continue(self, story: Story, now: float, identity: str | None) -> None:
        """Ask the story for its next step, telling it the id of the step before."""
        try:
            seconds, happening = next(story) if identity is None else story.send(identity)
        except StopIteration:
            return
        self._order += 1
        identity = str(uuid5(NAMESPACE_URL, f"{ISSUER}/{self._run}/{self._order}"))
        due = _Due(now + seconds * 1000, self._order, happening, story, identity)
        heapq.heappush(self._due, due)

    def _emission(self, due: _Due) -> Emission:
        self._emitted += 1
        at = int(due.at)
        if due.happening.source == "lms":
            event: bytes | CompactEvent = statement(due.happening, due.identity, at)
        else:
            event = compact(due.happening, due.identity, at)
        return Emission(due.happening.source, Item(self._emitted, at, event))
