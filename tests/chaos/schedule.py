"""A seed -> the faults of a run. The same seed, broker kind and length: the same schedule."""

from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from tests.fixtures.brokers import Kind

What = Literal["kill", "freeze", "away", "cut", "silence", "slow", "join"]

FEWEST: Final = 5
MOST: Final = 9
_DRAWN: Final[tuple[What, ...]] = (
    *("kill", "kill", "kill", "freeze", "freeze", "join", "join"),
    *("away", "cut", "silence", "slow"),
)
"""What a schedule is drawn from: a choice of different faults, rather than many of one sort."""
WORKER_SESSION_SECONDS: Final = 4.0
_FIRST_SECONDS: Final = 2.0

PROCESSES: Final = ("collector", "intake", "worker", "sink", "store")
HELPERS: Final = ("worker-2", "worker-3", "intake-2", "sink-2")
LINKS: Final = ("feeder-collector", "sink-store")
KAFKA_LINKS: Final = ("collector-broker", "intake-broker", "worker-broker", "sink-broker")
_SESSIONS: Final[dict[Kind, dict[str, float]]] = {
    "kafka": {"intake": 10.0, "worker": WORKER_SESSION_SECONDS, "sink": 10.0},
    "embedded": {"intake": 6.0, "worker": WORKER_SESSION_SECONDS, "sink": 10.0},
}
"""Of the members of groups, in seconds, as the processes set them."""
_NO_SESSION_SECONDS: Final = 6.0
"""Stands for the session of what is in no group: about the time others wait for an answer."""


@dataclass(frozen=True, order=True)
class Fault:
    """Begins `at` and lasts `seconds` from the beginning of the schedule (0: a moment).

    `whom` is a process, or a link "from-to". `how` tells a join's end: term or kill.
    """

    at: float
    what: What
    whom: str
    seconds: float = 0.0
    how: str = ""

    @property
    def end(self) -> float:
        """When it is over; what it broke may take longer."""
        return self.at + self.seconds

    def __str__(self) -> str:
        lasting = f" {self.seconds:.1f} s" if self.seconds else ""
        how = f" ({self.how})" if self.how else ""
        return f"{self.at:.1f} {self.what} {self.whom}{lasting}{how}"


def schedule(seed: int, kind: Kind, seconds: float) -> list[Fault]:
    """At least `FEWEST` faults that are over within `seconds`, in the order of their beginning.

    The embedded broker is frozen but never killed: it keeps nothing.
    """
    random = Random(f"schedule {seed}")
    drawn = random.sample(_DRAWN, random.randint(FEWEST, MOST))
    faults: list[Fault] = []
    for what in drawn:
        faults.append(_fault(random, what, kind, seconds, faults))
    return sorted(faults)


def _fault(random: Random, what: What, kind: Kind, seconds: float, so_far: list[Fault]) -> Fault:
    whom, lasting, how = _subject(random, what, kind, so_far)
    lasting = round(min(lasting, seconds - _FIRST_SECONDS), 1)
    at = round(random.uniform(_FIRST_SECONDS, seconds - lasting), 1)
    return Fault(at, what, whom, lasting, how)


def _subject(random: Random, what: What, kind: Kind, so_far: list[Fault]) -> tuple[str, float, str]:
    """(whom, seconds, how) of a fault of this kind."""
    processes = (*PROCESSES, "broker")
    match what:
        case "kill":
            return random.choice(processes if kind == "kafka" else PROCESSES), 0.0, ""
        case "freeze":
            whom = random.choice(processes)
            return whom, _frozen_seconds(random, whom, kind), ""
        case "away":
            return "store", random.uniform(5.0, 12.0), ""
        case "slow":
            return "sink-store", random.uniform(5.0, 10.0), ""
        case "cut" | "silence":
            links = (*LINKS, *KAFKA_LINKS) if kind == "kafka" else LINKS
            return random.choice(links), random.uniform(0.5, 7.0), ""
        case "join":
            free = [name for name in HELPERS if name not in {each.whom for each in so_far}]
            return random.choice(free), random.uniform(6.0, 16.0), random.choice(["term", "kill"])


def _frozen_seconds(random: Random, whom: str, kind: Kind) -> float:
    """Half of the time shorter than the session, half of the time longer."""
    session = _SESSIONS[kind].get(whom, _NO_SESSION_SECONDS)
    if random.random() < 0.5:
        return random.uniform(0.3, 0.7) * session
    return session + random.uniform(0.8, 4.0)
