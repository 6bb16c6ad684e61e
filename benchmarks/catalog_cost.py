"""What the whole catalog costs against the first one: the three stages without a broker.

    python -m benchmarks.catalog_cost [--events 6000] [--rounds 3]

Each measurement is a process of its own; the two catalogs take turns, so that whatever else works
on the machine hurts both. Rates are by CPU time of the process. State, its epochs and everything
that the stages say are made as in the worker; nothing is sent.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from statistics import median
from typing import Final, Literal, get_args

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from benchmarks import workload
from benchmarks.machine import described, load_average, memory_mib
from schemas import vocabulary
from schemas.codec import Codec
from schemas.decode import Decoder
from schemas.records import Batch, Event, LearnerEntry, encode
from schemas.settings import PrivacySettings
from schemas.topics import BATCHES, INDICATORS, PANES, SOURCES, STEPS
from streams.catalog import Catalog, load
from streams.intake import directory
from streams.intake.pseudonym import pseudonymiser
from streams.model.horizon import Limits
from streams.model.learners import LearnersStage
from streams.model.objects import ObjectsStage
from streams.model.rolling import RollingStage
from streams.model.stage import Output, Stage
from streams.state.rows import EpochRows
from uptake.feed.kafka import flat
from uptake.simulate import run
from uptake.simulate.run import DAY_MS, Plan

Which = Literal["first", "whole"]
Shape = Literal["lessons", "organisation"]

_FIRST: Final = (
    "active_learners",
    "adoption",
    "module_starts",
    "module_completions",
    "module_completion_rate",
    "video_engagement",
    "video_plays",
    "tickets_opened",
    "tickets_resolved",
    "tickets_reopened",
    "first_contact_resolution",
    "escalation_rate",
    "sla_met",
    "opportunities_opened",
    "opportunities_won",
    "win_rate",
    "days_to_close",
)
"""The indicators of the first catalog; they had no breakdowns."""
_AGENTS: Final = ("learners", "objects", "rolling")
_READS: Final = {BATCHES: "learners", STEPS: "objects", PANES: "rolling"}
_BATCH_EVENTS: Final = 500
_EPOCH_EVENTS: Final = 4_000
_NEVER_DECIDES: Final = 1 << 40
_ROOMY: Final = Limits(10**9, 10**8, records=_NEVER_DECIDES)
"""Nothing is let go of, so an epoch need not end where that is decided."""
_BEGINS: Final = 20_458 * DAY_MS
_PRIVACY: Final = PrivacySettings(pseudonym_key="a key for benchmarks only")
_SECONDS: Final = 300.0


class Cost(Struct):
    """Of one run. `cpu`: seconds by agent. `state`: bytes of rows by agent. `said`: bytes that
    went to the store as indicators. `grown`: MiB of the process between begin and peak."""

    events: int
    cpu: dict[str, float]
    state: dict[str, int]
    said: int
    grown: int

    @property
    def rate(self) -> float:
        """Events a second of CPU."""
        return self.events / sum(self.cpu.values())

    @property
    def learners_rate(self) -> float:
        """Of the learners stage alone."""
        return self.events / self.cpu["learners"]


def catalog_of(which: Which) -> Catalog:
    """The bundled catalog, or what of it there was at first."""
    whole = load()
    if which == "whole":
        return whole
    kept = {name: msgspec.structs.replace(whole.indicators[name], by=[]) for name in _FIRST}
    named = {each.journey for each in kept.values()}
    journeys = {name: one for name, one in whole.journeys.items() if name in named}
    return Catalog(journeys, kept)


def packs_of(shape: Shape, count: int) -> Iterator[bytes]:
    """What intake packs: a directory, then lessons and videos only, or everything that an
    organisation does."""
    people = directory.entries(_people(shape, count), _PRIVACY, pseudonymiser(_PRIVACY), _BEGINS)
    yield encode(Batch(0, _BEGINS, learners=[p for p in people if isinstance(p, LearnerEntry)]))
    events = _events(shape, count)
    for begin in range(0, len(events), _BATCH_EVENTS):
        yield encode(Batch(0, _BEGINS, events[begin : begin + _BATCH_EVENTS]))


def _people(shape: Shape, count: int) -> bytes:
    if shape == "lessons":
        return workload.directory(count // 3)
    return b"".join(msgspec.json.encode(line) + b"\n" for line in run.directory(_plan(count)))


def _plan(count: int) -> Plan:
    return Plan(max(15, count // 40), 7, _BEGINS, 1, events=12.0)


def _events(shape: Shape, count: int) -> list[Event]:
    codec = Codec()
    decoder = Decoder(vocabulary.load(), pseudonymiser(_PRIVACY), codec)
    return [
        decoder.decode(SOURCES.index(source), 0, offset, 0, _BEGINS, value)
        for offset, (source, value) in enumerate(islice(_values(shape, codec, count), count))
    ]


def _values(shape: Shape, codec: Codec, count: int) -> Iterator[tuple[str, bytes]]:
    if shape == "lessons":
        wanted = workload.Workload(count, count // 3, workload.SPANS["live"], _BEGINS)
        yield from (("lms", value) for value in workload.statements(wanted))
        return
    for source, item in _plan(count).emissions():
        yield source, item.event if isinstance(item.event, bytes) else codec.encode(flat(item))


class Stages:
    """One partition of each agent, as the worker drives them."""

    def __init__(self, catalog: Catalog) -> None:
        self.rows = {agent: EpochRows() for agent in _AGENTS}
        most = catalog.breakdowns.most_values
        names = vocabulary.load()
        self._stages: dict[str, Stage] = {
            "learners": LearnersStage(self.rows["learners"], 0, 1, catalog, names, _ROOMY),
            "objects": ObjectsStage(self.rows["objects"], 0, 1, catalog, _ROOMY),
            "rolling": RollingStage(self.rows["rolling"], 0, 1, most, _NEVER_DECIDES),
        }
        self._waiting: dict[str, list[bytes]] = {agent: [] for agent in _AGENTS}
        self.cpu = dict.fromkeys(_AGENTS, 0.0)
        self.said = 0
        for stage in self._stages.values():
            stage.recovered()

    def take(self, packs: list[bytes]) -> None:
        """An epoch of each agent, the one after the other."""
        self._waiting["learners"] += packs
        for agent in _AGENTS:
            records, self._waiting[agent] = self._waiting[agent], []
            if not records:
                continue
            began = time.process_time()
            outputs = self._epoch(agent, records)
            self.cpu[agent] += time.process_time() - began
            self._hand_on(outputs)

    def _epoch(self, agent: str, records: list[bytes]) -> list[Output]:
        rows, stage = self.rows[agent], self._stages[agent]
        outputs: list[Output] = []
        for record in records:
            outputs += stage.apply(record, rows.position + 1)
            rows.position += 1
        outputs += stage.seal(rows.position)
        rows.seal()
        return outputs

    def _hand_on(self, outputs: list[Output]) -> None:
        for output in outputs:
            if output.topic in _READS:
                self._waiting[_READS[output.topic]].append(output.value)
            elif output.topic == INDICATORS:
                self.said += len(output.value)


def measure(which: Which, shape: Shape, count: int) -> Cost:
    """One run, in this process."""
    packs = list(packs_of(shape, count))
    stages = Stages(catalog_of(which))
    before, _ = memory_mib("self")
    size = _EPOCH_EVENTS // _BATCH_EVENTS
    stages.take(packs[:1])
    stages.cpu = dict.fromkeys(_AGENTS, 0.0)
    for begin in range(1, len(packs), size):
        stages.take(packs[begin : begin + size])
    _, peak = memory_mib("self")
    state = {agent: rows.held() for agent, rows in stages.rows.items()}
    return Cost(count, stages.cpu, state, stages.said, peak - before)


def apart(which: Which, shape: Shape, count: int) -> Cost:
    """As `measure`, in a process of its own."""
    words = ["-m", "benchmarks.catalog_cost", "--events", str(count), "--one", which, shape]
    done = subprocess.run(
        [sys.executable, *words], stdout=subprocess.PIPE, timeout=_SECONDS, check=True
    )
    return msgspec.json.decode(done.stdout, type=Cost)


def rounds(shape: Shape, count: int, times: int) -> list[tuple[Cost, Cost]]:
    """(first, whole) of each round; in every second round the whole one is measured first."""
    found = []
    for number in range(times):
        order: list[Which] = ["whole", "first"] if number % 2 else ["first", "whole"]
        costs = {which: apart(which, shape, count) for which in order}
        found.append((costs["first"], costs["whole"]))
    return found


def table(shape: Shape, found: list[tuple[Cost, Cost]]) -> Table:
    """Every number as its median and, where it is not always the same, its range."""
    made = Table(title=f"{shape}: {found[0][0].events:,} events, {len(found)} rounds")
    for name in ("", "first", "whole", "whole / first"):
        made.add_column(name)
    numbers: dict[str, Callable[[Cost], float]] = {
        "events/s of CPU, learners stage": lambda cost: cost.learners_rate,
        "events/s of CPU, three stages": lambda cost: cost.rate,
        "bytes of state": lambda cost: sum(cost.state.values()),
        "bytes of indicators said": lambda cost: cost.said,
        "MiB grown": lambda cost: cost.grown,
    }
    for name, number in numbers.items():
        first, whole = ([number(pair[side]) for pair in found] for side in (0, 1))
        ratios = [b / a if a else 0.0 for a, b in zip(first, whole, strict=True)]
        made.add_row(name, _range(first, ",.0f"), _range(whole, ",.0f"), _range(ratios, ".2f"))
    return made


def _range(values: list[float], form: str) -> str:
    low, high = min(values), max(values)
    middle = f"{median(values):{form}}"
    return middle if low == high else f"{middle} ({low:{form}} to {high:{form}})"


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=6_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("CATALOG", "SHAPE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        which, shape = given.one
        print(msgspec.json.encode(measure(which, shape, given.events)).decode())
        return
    console = Console(width=120)
    console.print(described(), f"load {load_average()}")
    for each in get_args(Shape):
        console.print(table(each, rounds(each, given.events, given.rounds)))
    console.print(f"load {load_average()}")


if __name__ == "__main__":
    main()
