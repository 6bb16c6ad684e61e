"""What a story is made of: happenings of people, in a scene."""

from collections.abc import Generator
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

from uptake.simulate.organisation import Organisation, Person
from uptake.simulate.truth import DAY_SECONDS, DEFAULT, Truth

STEP_SECONDS = 20.0
"""Mean wait between two steps, before the pace."""
WEEK_DAYS = 7


@dataclass(frozen=True)
class Pace:
    """How fast things go: `waits` multiplies the waits between steps; a new lesson comes out every
    `lesson_seconds`."""

    waits: float = 1.0
    lesson_seconds: int = 20


DEMO = Pace()
DAILY = Pace(waits=60.0, lesson_seconds=DAY_SECONDS)
"""Steps some twenty minutes apart, a lesson a day."""


@dataclass(frozen=True)
class Happening:
    """One event, before it has an id and a time. `source` decides its form. What only statements
    can carry (from `parent` on) is for the lms."""

    source: str
    person: Person
    verb: str
    object_id: str
    object_type: str
    attributes: dict[str, object] = field(default_factory=dict)
    success: bool | None = None
    score: float | None = None
    parent: str = ""
    instructor: Person | None = None
    extensions: dict[str, object] = field(default_factory=dict)
    """Of the context, by full IRI."""
    response: str = ""
    interaction: str = ""
    ref: str = ""
    """Id of the statement this one answers."""
    voids: str = ""
    """Id of the statement this one takes back; then it has no other object."""


Story = Generator[tuple[float, Happening], str, None]
"""Yields (seconds since the step before, what happens) and is sent the id that it got."""


@dataclass(frozen=True)
class Scene:
    """What a story starts from: `number` is unique in its run; `begins` and `origin` (when the
    organisation's time begins) are in ms."""

    organisation: Organisation
    person: Person
    number: str
    begins: int
    origin: int
    truth: Truth = DEFAULT
    pace: Pace = DEMO

    @property
    def day(self) -> float:
        """Days since the organisation's time began."""
        return (self.begins - self.origin) / 1000 / DAY_SECONDS

    def wait(self, rng: Random, mean: float = STEP_SECONDS) -> float:
        """Seconds to the next step."""
        return rng.expovariate(1 / (mean * self.pace.waits))

    def practice(self, weeks_ago: int = 0) -> int:
        """Whether the person's team practised much in a week (1) or little (-1)."""
        week = int(self.day // WEEK_DAYS) - weeks_ago
        return practice(self.organisation.seed, self.person.team, week)


@lru_cache(maxsize=10_000)
def practice(seed: int, team: str, week: int) -> int:
    """1 or -1, as if a coin had been thrown for each team and week."""
    return Random(f"{seed} {team} {week}").choice((-1, 1))
