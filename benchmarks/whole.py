"""The whole way: from records on `events.lms` to rows of events and settled indicators.

The bare loop reads the same records before and after, on the same broker and into the same store.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from statistics import mean

import msgspec
from msgspec import Struct

from benchmarks.bare import Answer
from benchmarks.machine import Watch, cpu_seconds, epochs, load_average, memory_mib
from benchmarks.rig import PIPELINE, Rig, preload, running
from benchmarks.workload import SPANS, Workload, directory, statements
from schemas.topics import EVENTS
from sinks.clickhouse.client import Store
from uptake.local.folder import BrokerKind

TOPIC = EVENTS[2]
_SETTLE_SECONDS = 300.0
_BARE_SECONDS = 300.0


class Bare(Struct):
    """A run of the bare loop, with what it cost others."""

    rate: float
    """Events a second."""
    cpu_us: dict[str, float]
    """CPU microseconds an event, by process."""


class Whole(Struct):
    """A run of the whole way. Rates in events a second, CPU in microseconds an event."""

    broker: str
    shape: str
    events: int
    rate: float
    bare: list[Bare]
    ratio: float
    cpu_us: dict[str, float]
    peak_mib: dict[str, int]
    rows: dict[str, float]
    """Rows stored an event, by table."""
    epochs: dict[str, float]
    load: str


Say = Callable[[str], None]


def measure(
    kind: BrokerKind,
    shape: str,
    events: int,
    learners: int,
    say: Say,
    module: str = "",
    arguments: Sequence[str] = (),
) -> Whole:
    """One run. `module` runs the three processes (see Rig.launch). Raises RuntimeError when events
    are missing."""
    load = load_average()
    made = list(statements(workload(shape, events, learners)))
    with running(kind) as rig:
        ready_with_directory(rig, learners, say)
        say(f"writing {events:,} events to {TOPIC}")
        preload(rig.settings.kafka.bootstrap, TOPIC, made)
        say("the bare loop")
        bare = [run_bare(rig, events, learners)]
        say("the whole way")
        rig.launch("worker", "sink", module=module, arguments=arguments)
        rig.launch("intake", module=module, arguments=arguments)
        result = _timed(rig, kind, shape, events)
        rig.stop(*PIPELINE)
        say("the bare loop again")
        bare.append(run_bare(rig, events, learners))
    result.bare = bare
    result.ratio = result.rate / mean(each.rate for each in bare)
    result.load = load
    return result


def workload(shape: str, events: int, learners: int) -> Workload:
    """Statements of that shape up to now."""
    return Workload(events, learners, SPANS[shape], int(time.time() * 1000))


def ready_with_directory(rig: Rig, learners: int, say: Say) -> None:
    """Load the directory and end the processes again."""
    say(f"loading a directory of {learners:,} learners")
    rig.launch(*PIPELINE)
    rig.load_directory(directory(learners))
    rig.settle(_SETTLE_SECONDS)
    rig.stop("intake", "worker", "sink")


def _timed(rig: Rig, kind: str, shape: str, events: int) -> Whole:
    """The processes are ready, and intake has just become so."""
    began = time.time()
    pids = rig.pids()
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    watch = Watch(pids, rig.port("sink"))
    try:
        rig.settle(_SETTLE_SECONDS)
    finally:
        watch.close()
    with Store(rig.settings.clickhouse) as store:
        stored = store.query("SELECT count() FROM events")[0][0]
    if stored != events:
        raise RuntimeError(f"{stored:,} of {events:,} events are in the store")
    end = watch.last_change(began)
    return Whole(
        kind,
        shape,
        events,
        events / (end.at - began),
        [],
        0.0,
        {name: 1e6 * (end.cpu[name] - before[name]) / events for name in pids},
        {name: memory_mib(pid)[1] for name, pid in pids.items()},
        {name: count / events for name, count in end.rows.items()},
        epochs(f"http://127.0.0.1:{rig.port('worker')}/metrics"),
        "",
    )


def run_bare(rig: Rig, events: int, learners: int, *more: str, topic: str = TOPIC) -> Bare:
    """The bare loop in a process of its own."""
    pids = rig.pids()
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    answer = run_module(
        "benchmarks.bare",
        f"--config={rig.plan.folder.settings_file}",
        f"--topic={topic}",
        f"--events={events}",
        f"--learners={learners}",
        *more,
    )
    cpu = {name: 1e6 * (cpu_seconds(pid) - before[name]) / events for name, pid in pids.items()}
    cpu["loop"] = 1e6 * answer.cpu_seconds / events
    return Bare(answer.events / answer.seconds, cpu)


def run_module(module: str, *arguments: str) -> Answer:
    """Run a module that prints an Answer as its last line."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, timeout=_BARE_SECONDS
    )
    if done.returncode != 0:
        raise RuntimeError(f"{module} failed: {done.stderr.decode()[-2000:]}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Answer)
