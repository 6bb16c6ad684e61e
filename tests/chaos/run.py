"""One run: start, feed, hurt, wait until all is settled, judge."""

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from multiprocessing import get_context
from pathlib import Path
from random import Random
from time import monotonic, time
from typing import Final

from schemas.settings import Settings
from streams.catalog.load import load as load_catalog
from tests.chaos import disk, refusal
from tests.chaos.asking import Store
from tests.chaos.feeder import Feeder
from tests.chaos.load import Load, load
from tests.chaos.offsets import set_back
from tests.chaos.pipeline import Pipeline
from tests.chaos.recovery import Recovered, Recovery
from tests.chaos.schedule import Fault, schedule
from tests.chaos.verdict import Verdict, judge
from tests.fixtures import logs
from tests.fixtures.brokers import Kind
from tests.fixtures.committed import offsets
from tests.fixtures.victims import pause
from tests.recount.recount import recount
from uptake.local.settle import Unsettled, settle
from uptake.reconcile.check import Check

_TICK_SECONDS: Final = 0.05
_AGAIN_SECONDS: Final = 1.0
_TAIL_SECONDS: Final = 4.0
"""The feed lasts so much longer than the faults, so that each has events after it."""
_SETTLE_SECONDS: Final = 180.0
_SLOW_SECONDS: Final = 0.4
_STEADY_SECONDS: Final = 3.5
"""A broker that has died counts as in sync until its session is over."""
_MEMBER_SECONDS: Final = 20.0
"""Longer than any session: the member that ended should be gone."""
BOUNDS_MIB: Final = {
    "collector": 256,
    "intake": 256,
    "worker": 512,
    "sink": 512,
    "repair": 512,
    "store": 1_024,
    "broker": 1_024,
}
"""What each process may have of memory, whatever happens to the others."""
_ROOT: Final = Path(__file__).parents[2]

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wish:
    """What a run is to be."""

    seed: int
    kind: Kind
    seconds: float = 24.0
    """Of the schedule."""
    stories: int = 600
    real: float = 0.1
    """The share of each real log that is fed."""
    faults: list[Fault] | None = None
    """In place of those of the seed."""
    lie: bool = False

    def schedule(self) -> list[Fault]:
        """The faults."""
        if self.faults is not None:
            return self.faults
        return schedule(self.seed, self.kind, self.seconds, disk.available())


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
    memory: dict[str, int] = field(default_factory=dict)
    """Process -> the most memory that it had, in MiB."""
    commit: str = ""
    """Of the code that ran."""
    refused: int = 0
    """Rows that the store refused, and took when they were inserted again."""

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
        # Counted meanwhile, in a process of its own: it takes some seconds.
        self._counter = ProcessPoolExecutor(1, get_context("spawn"))
        self._wanted = self._counter.submit(recount, self._load.events, self._load.directory)
        self._pipeline = Pipeline(folder, wish.kind, self.faults)
        self._random = Random(f"run {wish.seed}")
        self._frozen: dict[Fault, int] = {}
        self._refusing: dict[Fault, float] = {}
        """When it began, in seconds of the schedule."""
        self.store = Store(self._pipeline.settings.clickhouse)
        self.feeder = Feeder(
            self._load,
            self._pipeline.target,
            self._pipeline.links["feeder-collector"].ports[0],
            wish.seconds + _TAIL_SECONDS,
            wish.kind != "embedded",
            wish.lie,
        )
        self.problems: list[str] = []
        self.recovery: dict[str, Recovered] = {}
        self._phases: dict[str, float] = {}
        self._refused = 0

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
        self._settle()
        if any(fault.what == "refuse" for fault in self.faults):
            self._refused, told = refusal.replay(self.store, self._pipeline.config)
            self.problems += told
            self._settle()
        self.recovery = recovery.seconds()
        self._note("settled")

    def _settle(self) -> None:
        try:
            settle(self._pipeline.settings, _SETTLE_SECONDS, lambda _: self._pipeline.tick())
        except Unsettled as error:
            self.problems.append(f"not settled within {_SETTLE_SECONDS:.0f} s: {error}")

    def reconcile(self) -> list[str]:
        """What `uptake reconcile` finds: nothing, or a difference."""
        settings = self._pipeline.settings
        catalog = load_catalog(settings.worker.catalog)
        now = int(time() * 1000)
        check = Check(settings, catalog, now, _SETTLE_SECONDS, lambda _: self._pipeline.tick())
        report = check.run(None, None)
        self._note("reconciled")
        if report.equal and report.rows:
            return []
        return [f"reconcile: {line}" for line in report.lines()]

    def judge(self) -> Verdict:
        """Compare with the recount."""
        ends = None if self._wish.kind == "embedded" else _ends(self._pipeline.settings)
        verdict = judge(self.store, self.feeder.ledger, self._wanted.result(), ends)
        verdict.problems += self.problems
        verdict.problems += over_bound(self._pipeline.memory())
        self._note("judged")
        return verdict

    def close(self) -> list[str]:
        """End all in order; what did not end as it should."""
        return self._pipeline.end()

    def abandon(self) -> None:
        """End all at once."""
        self.feeder.stop()
        self._pipeline.abandon()
        self._counter.shutdown(cancel_futures=True)

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
            self._pipeline.memory(),
            commit(),
            self._refused,
        )

    def _note(self, phase: str) -> None:
        self._phases[phase] = round(monotonic() - self._began, 1)

    def _hurt(self, recovery: Recovery) -> None:
        """Do what the schedule says when its time has come. What has to wait for the cluster
        holds up all that comes after it."""
        acts = [(fault.at, 0, fault) for fault in self.faults]
        acts += [(fault.end, 1, fault) for fault in self.faults if fault.seconds]
        heapify(acts)
        began = monotonic()
        while acts:
            at, ending, fault = heappop(acts)
            while monotonic() < began + at:
                self._pause()
            if fault.what == "empty" and not ending:
                began += self._until_steady()
            if not self._done(fault, bool(ending), monotonic() - began):
                # The group has a member still, or the store is away: other faults go on.
                heappush(acts, (monotonic() - began + _AGAIN_SECONDS, ending, fault))
                continue
            if not ending:
                self._say(f"  {monotonic() - began:5.1f} {fault}")
            if fault.what == "empty" and ending:
                began += self._until_steady()
            if ending or not fault.seconds:
                recovery.note(str(fault))

    def _done(self, fault: Fault, ending: bool, at: float) -> bool:
        """Begin or end it; False: that is not possible now."""
        if fault.what == "refuse":
            return self._refuse(fault, ending, at)
        if not ending:
            self._begin(fault)
        elif fault.what == "back" and not self._set_back(fault, at):
            return False
        else:
            self._end(fault)
        return True

    def _refuse(self, fault: Fault, ending: bool, at: float) -> bool:
        """It lasts as long as it is to, also when the store was away at its beginning."""
        if not ending:
            done = refusal.begin(self.store, fault.whom)
            if done:
                self._refusing[fault] = at
            return done
        began = self._refusing.get(fault, at)
        return at >= began + fault.seconds and refusal.end(self.store, fault.whom)

    def _set_back(self, fault: Fault, at: float) -> bool:
        """Whether it can go on: the offsets were set back, or the embedded broker holds a member
        that is no more, as it does until another one joins. Raises TimeoutError when that took
        too long."""
        if at > fault.end + _SETTLE_SECONDS:
            raise TimeoutError(f"the offsets of {fault.whom} could not be set back")
        pipeline = self._pipeline
        # While topics are made anew, what is committed may be of the old ones.
        if pipeline.upgrading() or pipeline.running(fault.whom):
            return False
        if self._wish.kind == "embedded" and at > fault.end + _MEMBER_SECONDS:
            pipeline.own_ends[f"offsets of {fault.whom} were not set back: a dead member"] += 1
            return True
        return set_back(pipeline.settings, fault.whom, self._random)

    def _until_steady(self) -> float:
        """Wait until every partition has all its copies; how many seconds that took."""
        began = since = monotonic()
        while monotonic() < since + _STEADY_SECONDS:
            self._pause()
            if not self._pipeline.steady():
                since = monotonic()
            if monotonic() > began + _SETTLE_SECONDS:
                raise TimeoutError("the copies of the brokers were not in sync in time")
        return monotonic() - began

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
            case "back":
                pipeline.leave(fault.whom, "term")
            case "cut":
                pipeline.links[fault.whom].cut()
            case "silence":
                pipeline.links[fault.whom].silence()
            case "slow":
                pipeline.links[fault.whom].slow(_SLOW_SECONDS)
            case "join":
                pipeline.release(fault.whom)
            case "empty":
                pipeline.empty(fault.whom)
            case "full":
                pipeline.fill_disk()
            case "clock":
                pipeline.clocks[fault.whom].put_wrong(int(fault.how))
            case "catalog":
                pipeline.upgrade()

    def _end(self, fault: Fault) -> None:
        pipeline = self._pipeline
        match fault.what:
            case "freeze":
                pipeline.thaw(fault.whom, self._frozen.pop(fault))
            case "away" | "empty" | "back":
                pipeline.release(fault.whom)
            case "join":
                pipeline.leave(fault.whom, fault.how)
            case "full":
                pipeline.mend_disk()
            case "clock":
                pipeline.clocks[fault.whom].put_wrong(0)
            case "catalog" if fault.how == "kill":
                pipeline.kill_upgrade()
            case "cut" | "silence" | "slow":
                pipeline.links[fault.whom].mend()


def over_bound(memory: dict[str, int]) -> list[str]:
    """Processes that had more memory than they may."""
    return [
        f"{name} had {used} MiB, more than {bound}"
        for name, used in memory.items()
        if (bound := BOUNDS_MIB[name.split("-")[0]]) < used
    ]


def commit() -> str:
    """What git says of the code that runs; empty without git."""
    command = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def _ends(settings: Settings) -> dict[str, int]:
    """Committed records on the topic of each source; nobody deletes any."""
    kafka = settings.kafka
    return {
        source: len(offsets(kafka.bootstrap, f"events.{source}", kafka.partitions))
        for source in logs.FILES
    }


def run(folder: Path, wish: Wish, say: Say) -> Result:
    """A whole run; what goes wrong is a problem of its result."""
    say(f"seed {wish.seed}, {wish.kind}: " + "; ".join(str(each) for each in wish.schedule()))
    one = Run(folder, wish, say)
    try:
        one.finish()
        verdict = one.judge()
        verdict.problems += one.reconcile()
        verdict.problems += one.close()
    except Exception as error:  # noqa: BLE001 - the run is off, and the next one may be told more
        verdict = Verdict(problems=[*one.problems, f"{type(error).__name__}: {error}"])
    finally:
        one.abandon()
    return one.result(verdict)
