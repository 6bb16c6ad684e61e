"""One run: start, feed, hurt, wait until all is settled, judge."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from schemas.settings import Settings
from tests.chaos.asking import Store
from tests.chaos.feeder import Feeder
from tests.chaos.load import Load, load
from tests.chaos.pipeline import Pipeline
from tests.chaos.recovery import Recovered, Recovery
from tests.chaos.schedule import Fault, schedule
from tests.chaos.verdict import Verdict, judge
from tests.fixtures import logs
from tests.fixtures.brokers import Kind
from tests.fixtures.victims import pause
from tests.recount.recount import recount
from uptake.local.settle import Unsettled, settle

_TICK_SECONDS: Final = 0.05
_TAIL_SECONDS: Final = 4.0
"""The feed lasts so much longer than the faults, so that each has events after it."""
_SETTLE_SECONDS: Final = 180.0
_SLOW_SECONDS: Final = 0.4

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wish:
    """What a run is to be."""

    seed: int
    kind: Kind
    seconds: float = 40.0
    """Of the schedule."""
    stories: int = 1_500
    real: float = 0.4
    """The share of each real log that is fed."""
    faults: list[Fault] | None = None
    """In place of those of the seed."""
    lie: bool = False

    def schedule(self) -> list[Fault]:
        """The faults."""
        if self.faults is not None:
            return self.faults
        return schedule(self.seed, self.kind, self.seconds)


@dataclass
class Result:
    """What came of it."""

    seed: int
    kind: str
    faults: list[str]
    verdict: Verdict
    recovery: dict[str, Recovered]
    """By fault."""
    own_ends: dict[str, int]
    load_average: float
    """Of the machine, over 5 minutes, at the end."""
    phases: dict[str, float]
    """Seconds from the beginning of the run to the end of each of its phases."""
    acknowledged: int
    """Events, each time that they were."""

    @property
    def longest_outage(self) -> float:
        """Longest time in seconds that events after a fault were not stored, whatever else came."""
        return max((each.since_fault for each in self.recovery.values()), default=0.0)

    @property
    def longest_recovery(self) -> float:
        """The same from the end of the last fault before the recovery."""
        return max((each.since_last for each in self.recovery.values()), default=0.0)

    def good(self) -> bool:
        """Whether nothing is off."""
        return self.verdict.exact()


class Run:
    """A running pipeline under its load. Use `finish`, then look or tamper, then `close`."""

    def __init__(self, folder: Path, wish: Wish, say: Say) -> None:
        self._wish = wish
        self._say = say
        self._began = monotonic()
        self.faults = wish.schedule()
        self._load: Load = load(wish.seed, wish.stories, wish.real)
        self._pipeline = Pipeline(folder, wish.kind)
        self._frozen: dict[Fault, int] = {}
        self.store = Store(self._pipeline.settings.clickhouse)
        self.feeder = Feeder(
            self._load,
            self._pipeline.target,
            self._pipeline.links["feeder-collector"].port,
            wish.seconds + _TAIL_SECONDS,
            wish.lie,
        )
        self.problems: list[str] = []
        self.recovery: dict[str, Recovered] = {}
        self._phases: dict[str, float] = {}

    def finish(self) -> None:
        """Start, feed and hurt; return when all is settled or the time for that is over."""
        self._pipeline.start(logs.TEAMS)
        self._note("ready")
        recovery = Recovery(self.store, self.feeder.ledger)
        self.feeder.start()
        self._hurt(recovery)
        while self.feeder.feeding():
            self._pause()
        self._note("fed")
        self._pipeline.mend()
        self._pipeline.wait_all_ready()
        try:
            settle(self._pipeline.settings, _SETTLE_SECONDS, lambda _: self._pipeline.tick())
        except Unsettled as error:
            self.problems.append(f"not settled within {_SETTLE_SECONDS:.0f} s: {error}")
        self.recovery = recovery.seconds()
        self._note("settled")

    def judge(self) -> Verdict:
        """Compare with the recount."""
        wanted = recount(self._load.events, self._load.directory)
        ends = _ends(self._pipeline.settings) if self._wish.kind == "kafka" else None
        verdict = judge(self.store, self.feeder.ledger, wanted, ends)
        verdict.problems += self.problems
        self._note("judged")
        return verdict

    def close(self) -> list[str]:
        """End all in order; what did not end as it should."""
        return self._pipeline.end()

    def abandon(self) -> None:
        """End all at once."""
        self.feeder.stop()
        self._pipeline.abandon()

    def result(self, verdict: Verdict) -> Result:
        """All that is to be told."""
        return Result(
            self._wish.seed,
            self._wish.kind,
            [str(fault) for fault in self.faults],
            verdict,
            self.recovery,
            dict(self._pipeline.own_ends),
            os.getloadavg()[1],
            self._phases,
            self.feeder.ledger.acknowledged.total(),
        )

    def _note(self, phase: str) -> None:
        self._phases[phase] = round(monotonic() - self._began, 1)

    def _hurt(self, recovery: Recovery) -> None:
        """Do what the schedule says when its time has come."""
        acts = [(fault.at, 0, fault) for fault in self.faults]
        acts += [(fault.end, 1, fault) for fault in self.faults if fault.seconds]
        began = monotonic()
        for at, ending, fault in sorted(acts, key=lambda act: act[:2]):
            while monotonic() < began + at:
                self._pause()
            if ending:
                self._end(fault)
            else:
                self._begin(fault)
                self._say(f"  {monotonic() - began:5.1f} {fault}")
            if ending or not fault.seconds:
                recovery.note(str(fault))

    def _pause(self) -> None:
        self._pipeline.tick()
        self.feeder.feeding()
        pause(_TICK_SECONDS)

    def _begin(self, fault: Fault) -> None:
        pipeline = self._pipeline
        match fault.what:
            case "kill":
                pipeline.kill(fault.whom)
            case "freeze":
                self._frozen[fault] = pipeline.freeze(fault.whom)
            case "away":
                pipeline.hold(fault.whom)
            case "cut":
                pipeline.links[fault.whom].cut()
            case "silence":
                pipeline.links[fault.whom].silence()
            case "slow":
                pipeline.links[fault.whom].slow(_SLOW_SECONDS)
            case "join":
                pipeline.release(fault.whom)

    def _end(self, fault: Fault) -> None:
        pipeline = self._pipeline
        match fault.what:
            case "freeze":
                pipeline.thaw(fault.whom, self._frozen.pop(fault))
            case "away":
                pipeline.release(fault.whom)
            case "join":
                pipeline.leave(fault.whom, fault.how)
            case _:
                pipeline.links[fault.whom].mend()


def _ends(settings: Settings) -> dict[str, int]:
    """Records on the topic of each source; nobody deletes any and no one writes transactions."""
    reader = Consumer({"bootstrap.servers": settings.kafka.bootstrap, "group.id": "chaos-ends"})
    counts = {}
    try:
        for source in logs.FILES:
            places = [
                TopicPartition(f"events.{source}", number)
                for number in range(settings.kafka.partitions)
            ]
            ends = [reader.get_watermark_offsets(place, timeout=10.0) for place in places]
            counts[source] = sum(high - low for low, high in ends)
    finally:
        reader.close()
    return counts


def run(folder: Path, wish: Wish, say: Say) -> Result:
    """A whole run; what goes wrong is a problem of its result."""
    say(f"seed {wish.seed}, {wish.kind}: " + "; ".join(str(each) for each in wish.schedule()))
    one = Run(folder, wish, say)
    try:
        one.finish()
        verdict = one.judge()
        verdict.problems += one.close()
    except Exception as error:  # noqa: BLE001 - the run is off, and the next one may be told more
        verdict = Verdict(problems=[*one.problems, f"{type(error).__name__}: {error}"])
    finally:
        one.abandon()
    return one.result(verdict)
