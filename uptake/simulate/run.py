"""`uptake simulate`: the events of a simulated organisation, to files or into a running Uptake."""

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
from rich.console import Console

from uptake.feed.errors import FeedError
from uptake.feed.files import SOURCES
from uptake.feed.http import HttpSender
from uptake.feed.item import Item, Refusal
from uptake.feed.progress import progress
from uptake.feed.senders import Way, sender
from uptake.feed.target import read
from uptake.simulate.engine import Emission, Simulation
from uptake.simulate.growth import RUBRIC_FILE
from uptake.simulate.happening import DAILY
from uptake.simulate.organisation import Organisation, organisation
from uptake.simulate.troubles import NONE, Troubles, arriving
from uptake.simulate.truth import DAY_SECONDS, DEFAULT, Truth

DAY_MS = DAY_SECONDS * 1000
WORKDAYS = 5
WORK_HOURS = (7, 18)
"""UTC; nothing begins outside them, nor on Saturday and Sunday."""
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday; Monday is 0."""
_TRUTH = "truth.json"


@dataclass(frozen=True)
class Plan:
    """What to simulate. `begins`: ms, a whole UTC day. `events`: about so many a learner and
    working day."""

    learners: int
    days: int
    begins: int
    seed: int
    events: float = 10.0
    truth: Truth = DEFAULT
    troubles: Troubles = NONE

    @property
    def organisation(self) -> Organisation:
        return organisation(self.seed, self.learners)

    def emissions(self) -> Iterator[Emission]:
        """All events, in the order of arrival. Stories begin on the days of the plan and are told
        to their end."""
        return arriving(self.happened(), self.troubles, self.seed)

    def happened(self) -> Iterator[Emission]:
        """All events, in the order of time, without troubles."""
        simulation = Simulation(
            self.organisation, self.seed, self.begins, self.rate, self.truth, DAILY
        )
        return simulation.to_the_end(self.begins + self.days * DAY_MS)

    def rate(self, at: int) -> float:
        """Events a second that begin at `at`."""
        day, time = divmod(at, DAY_MS)
        opens, closes = WORK_HOURS
        working = (day + _EPOCH_WEEKDAY) % 7 < WORKDAYS and opens <= time / 3_600_000 < closes
        a_day = self.learners * self.events
        return a_day / ((closes - opens) * 3600) if working else 0.0


def write(plan: Plan, folder: Path) -> dict[str, int]:
    """Write one file a source (an event a line, in the order of arrival), the directory, the rubric
    that raters used and what is true; return source -> events. Raises FeedError."""
    counts = dict.fromkeys(SOURCES, 0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _TRUTH).write_bytes(truth_json(plan))
        (folder / RUBRIC_FILE.name).write_bytes(RUBRIC_FILE.read_bytes())
        lines = b"".join(msgspec.json.encode(line) + b"\n" for line in directory(plan))
        (folder / "directory.jsonl").write_bytes(lines)
        with ExitStack() as stack:
            files = {
                source: stack.enter_context((folder / f"{source}.jsonl").open("wb"))
                for source in SOURCES
            }
            for emission in plan.emissions():
                files[emission.source].write(emission.item.json() + b"\n")
                counts[emission.source] += 1
    except OSError as error:
        raise FeedError(f"{folder} cannot be written: {error.strerror}") from error
    return counts


def stream(plan: Plan, way: Way, config: Path, console: Console, stop: Event) -> list[Refusal]:
    """Send the directory and all events, as fast as they are taken; return what was refused.
    Raises FeedError."""
    target = read(config)
    people = HttpSender(target, "", stop, path="/directory")
    try:
        refused = people.send([Item(n, 0, line) for n, line in enumerate(directory(plan), 1)])
    finally:
        people.close()
    total = sum(1 for _ in plan.emissions())
    done = 0
    ways = {source: sender(way, target, source, stop) for source in SOURCES}
    waiting: dict[str, list[Item]] = {source: [] for source in SOURCES}
    try:
        with progress("simulate", total, console) as report:
            for emission in plan.emissions():
                source, item = emission
                if len(waiting[source]) >= ways[source].batch:
                    refused += ways[source].send(waiting[source])
                    done += len(waiting[source])
                    report(done)
                    waiting[source] = []
                waiting[source].append(item)
            for source, items in waiting.items():
                refused += ways[source].send(items)
            report(total)
    finally:
        for each in ways.values():
            each.close()
    return refused


def directory(plan: Plan) -> Iterator[dict[str, object]]:
    """The lines of the learner directory."""
    return plan.organisation.directory()


def truth_json(plan: Plan) -> bytes:
    """What is true in the simulation, for whoever compares."""
    people = plan.organisation
    known: dict[str, Any] = dataclasses.asdict(plan.truth)
    known["rollout_teams"] = sorted(people.rollout)
    known["drifting_rater"] = people.raters[plan.truth.drifting_rater].name
    known["plan"] = {"learners": plan.learners, "days": plan.days, "begins": plan.begins}
    known["plan"] |= {"seed": plan.seed, "troubles": dataclasses.asdict(plan.troubles)}
    return msgspec.json.format(msgspec.json.encode(known), indent=2) + b"\n"
