"""A seed -> the faults of a run. The same seed, broker kind and length: the same schedule."""

from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from tests.fixtures.brokers import Kind

What = Literal[
    "kill",
    "freeze",
    "away",
    "cut",
    "silence",
    "slow",
    "join",
    "empty",
    "full",
    "clock",
    "back",
    "catalog",
    "refuse",
]

FEWEST: Final = 5
MOST: Final = 9
_DRAWN: Final[tuple[What, ...]] = (
    *("kill", "kill", "kill", "freeze", "freeze", "join", "join"),
    *("away", "cut", "silence", "slow", "full", "clock", "back"),
)
"""What a schedule is drawn from: a choice of different faults, rather than many of one sort."""
WORKER_SESSION_SECONDS: Final = 4.0
_FIRST_SECONDS: Final = 2.0

BROKERS: Final[dict[Kind, tuple[str, ...]]] = {
    "embedded": ("broker",),
    "kafka": ("broker",),
    "cluster": ("broker-1", "broker-2", "broker-3"),
}
_PLANS: Final[tuple[tuple[What, ...], ...]] = (
    ("kill", "kill", "kill"),
    ("kill", "empty", "freeze"),
    ("empty", "freeze", "kill"),
    ("freeze", "kill", "empty"),
    ("kill", "empty", "kill"),
)
"""What is done to the brokers of a cluster, one after the other and each time to another one."""
_BESIDES: Final = (3, 6)
"""So many faults come to those of the brokers of a cluster."""
PROCESSES: Final = ("collector", "intake", "worker", "sink", "repair", "store")
HELPERS: Final = ("worker-2", "worker-3", "intake-2", "sink-2")
LINKS: Final = ("feeder-collector", "sink-store")
KAFKA_LINKS: Final = ("collector-broker", "intake-broker", "worker-broker", "sink-broker")
_SESSIONS: Final[dict[Kind, dict[str, float]]] = {
    "kafka": {"intake": 10.0, "worker": WORKER_SESSION_SECONDS, "sink": 10.0},
    "cluster": {"intake": 10.0, "worker": WORKER_SESSION_SECONDS, "sink": 10.0},
    "embedded": {"intake": 6.0, "worker": WORKER_SESSION_SECONDS, "sink": 10.0},
}
"""Of the members of groups, in seconds, as the processes set them."""
_CLOCKS: Final = ("collector", "intake", "worker", "sink")
_WRONG_MS: Final = (-12 * 3_600_000, 50 * 60_000)
"""Kafka takes no record whose time is more than an hour ahead of its own clock."""
_NO_SESSION_SECONDS: Final = 6.0
"""Stands for the session of what is in no group: about the time others wait for an answer."""
_CATALOG_SHARE: Final = 0.7
_REFUSE_SHARE: Final = 0.7
REFUSING: Final = ("events_log", "events_log", "rolling")
"""Tables of which a row may be refused."""


@dataclass(frozen=True, order=True)
class Fault:
    """Begins `at` and lasts `seconds` from the beginning of the schedule (0: a moment).

    `whom` is a process, a link "from-to", a table, or the command that is run. `how` tells a
    join's end, term or kill, by how many ms a clock is wrong, and whether the command is killed
    when its `seconds` are over.
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


def schedule(seed: int, kind: Kind, seconds: float, disk: bool = True) -> list[Fault]:
    """At least `FEWEST` faults that are over within `seconds`, in the order of their beginning.

    The embedded broker is frozen but never killed: it keeps nothing. `disk`: whether the store's
    disk can be filled here; else the store is away instead.
    """
    random = Random(f"schedule {seed}")
    faults: list[Fault] = []
    if kind == "cluster":
        faults += _of_brokers(random, seconds)
        drawn = random.sample(_DRAWN, random.randint(*_BESIDES))
    else:
        drawn = random.sample(_DRAWN, random.randint(FEWEST, MOST))
    # Offsets are set back while a group has no member: what comes after is to know of it.
    for what in sorted(drawn, key=lambda what: what != "back"):
        if what == "full" and not disk:
            what = "away"
        faults.append(_fault(random, what, kind, seconds, faults))
    return sorted([*faults, *_besides(Random(f"besides {seed}"), kind, seconds)])


def _besides(random: Random, kind: Kind, seconds: float) -> list[Fault]:
    """Another catalog, and rows that the store refuses: each in most runs, whatever else comes.
    On the embedded broker state is made anew at each start only."""
    faults = []
    share, at = random.random(), random.uniform(_FIRST_SECONDS, seconds / 2)
    lasting, how = random.uniform(1.0, 6.0), random.choice(["", "kill"])
    if share < _CATALOG_SHARE and kind != "embedded":
        faults.append(
            Fault(
                round(at, 1), "catalog", "rebuild-state", round(min(lasting, seconds - at), 1), how
            )
        )
    lasting = min(random.uniform(5.0, 12.0), seconds / 2)
    at = random.uniform(_FIRST_SECONDS, seconds - lasting)
    if random.random() < _REFUSE_SHARE:
        whom = random.choice(REFUSING)
        faults.append(Fault(round(at, 1), "refuse", whom, round(lasting, 1)))
    return faults


def _of_brokers(random: Random, seconds: float) -> list[Fault]:
    """A fault in each third of the time. While one broker comes back empty the others stay: with
    two gone of three, what was acknowledged would be."""
    plan = random.choice(_PLANS)
    names = random.sample(BROKERS["cluster"], len(plan))
    third = (seconds - _FIRST_SECONDS) / len(plan)
    faults = []
    for number, (what, whom) in enumerate(zip(plan, names, strict=True)):
        lasting = 0.0 if what == "kill" else round(random.uniform(0.2, 0.8) * third, 1)
        begin = _FIRST_SECONDS + number * third
        at = round(random.uniform(begin, begin + third - lasting), 1)
        faults.append(Fault(at, what, whom, lasting))
    return faults


def _fault(random: Random, what: What, kind: Kind, seconds: float, so_far: list[Fault]) -> Fault:
    whom, lasting, how = _subject(random, what, kind, so_far)
    lasting = round(min(lasting, seconds - _FIRST_SECONDS), 1)
    at = round(random.uniform(_FIRST_SECONDS, seconds - lasting), 1)
    return Fault(at, what, whom, lasting, how)


def _subject(random: Random, what: What, kind: Kind, so_far: list[Fault]) -> tuple[str, float, str]:
    """(whom, seconds, how) of a fault of this kind."""
    taken = {each.whom for each in so_far}
    back = {each.whom for each in so_far if each.what == "back"}
    processes = [name for name in PROCESSES if name not in back]
    match what:
        case "kill":
            return random.choice([*processes, *(["broker"] if kind == "kafka" else [])]), 0.0, ""
        case "freeze":
            whom = random.choice([*processes, *([] if kind == "cluster" else ["broker"])])
            return whom, _frozen_seconds(random, whom, kind), ""
        case "away":
            return "store", random.uniform(5.0, 12.0), ""
        case "slow":
            return "sink-store", random.uniform(5.0, 10.0), ""
        case "cut" | "silence":
            links = LINKS if kind == "embedded" else (*LINKS, *KAFKA_LINKS)
            return random.choice(links), random.uniform(0.5, 7.0), ""
        case "full":
            return "store", random.uniform(4.0, 9.0), ""
        case "clock":
            wrong = round(random.uniform(*_WRONG_MS))
            return random.choice(_CLOCKS), random.uniform(3.0, 10.0), str(wrong)
        case "back":
            whom = random.choice(["intake", "sink"])
            return whom, random.uniform(2.0, 6.0), ""
        case _:
            free = [name for name in HELPERS if name not in taken | {f"{each}-2" for each in back}]
            return random.choice(free), random.uniform(6.0, 16.0), random.choice(["term", "kill"])


def _frozen_seconds(random: Random, whom: str, kind: Kind) -> float:
    """Half of the time shorter than the session, half of the time longer."""
    session = _SESSIONS[kind].get(whom, _NO_SESSION_SECONDS)
    if random.random() < 0.5:
        return random.uniform(0.3, 0.7) * session
    return session + random.uniform(0.8, 4.0)
