"""What exactness costs: the whole worker over the same packs, as it is and without (`loose.py`).

Each kind has a broker of its own in the same run. Rates count until the last record that the
worker wrote, CPU until it has committed everything.
"""

import time
from typing import Literal, get_args

from msgspec import Struct

from benchmarks.machine import cpu_seconds, epochs, load_average
from benchmarks.rig import preload, running
from benchmarks.stage import last_written, pack
from benchmarks.whole import TOPIC, Say, ready_with_directory, workload
from benchmarks.workload import statements
from schemas.topics import AGENTS, BATCHES, ENRICHED, INDICATORS, PANES, STEPS, state_topic
from uptake.local.folder import BrokerKind

_SECONDS = 300.0
Way = Literal["exact", "loose"]
_MODULES: dict[Way, str] = {"exact": "", "loose": "benchmarks.loose"}
_WRITTEN = (ENRICHED, STEPS, PANES, INDICATORS, *map(state_topic, AGENTS))


class Exactness(Struct):
    """A run of the worker alone. CPU in microseconds an event."""

    broker: str
    way: str
    events: int
    rate: float
    """Events a second."""
    worker_us: float
    broker_us: float
    epochs: dict[str, float]
    load: str


def measure(kind: BrokerKind, shape: str, events: int, learners: int, say: Say) -> list[Exactness]:
    """One run of each way."""
    made = list(statements(workload(shape, events, learners)))
    return [_run(kind, way, made, learners, say) for way in get_args(Way)]


def _run(kind: BrokerKind, way: Way, made: list[bytes], learners: int, say: Say) -> Exactness:
    events = len(made)
    with running(kind) as rig:
        ready_with_directory(rig, learners, say)
        preload(rig.settings.kafka.bootstrap, TOPIC, made)
        pack(rig, events)
        say(f"the worker, {way}")
        load = load_average()
        rig.launch("worker", module=_MODULES[way])
        began = time.time()
        pids = rig.pids()
        before = {name: cpu_seconds(pids[name]) for name in ("worker", "broker")}
        for topic in (BATCHES, STEPS, PANES):
            rig.passed(rig.settings.worker.group, [topic], _SECONDS)
        used = {name: cpu_seconds(pids[name]) - before[name] for name in before}
        written = epochs(f"http://127.0.0.1:{rig.port('worker')}/metrics")
        rig.stop("worker")
        ended = max(last_written(rig.settings.kafka, topic) for topic in _WRITTEN)
    return Exactness(
        kind,
        way,
        events,
        events / (ended - began),
        1e6 * used["worker"] / events,
        1e6 * used["broker"] / events,
        written,
        load,
    )
