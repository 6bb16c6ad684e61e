"""Measure everything in one run on one machine: `python -m benchmarks [PART ...]`.

Parts: whole, stage, exactness, http, freshness, recovery, profile. Tables go to the terminal; all
numbers go to a JSON file (see --results).
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec
from rich.console import Console

from benchmarks import (
    exactness,
    freshness,
    machine,
    over_http,
    recovery,
    stage,
    tables,
    where,
    whole,
)
from benchmarks.workload import SPANS
from uptake.local.folder import BrokerKind
from uptake.local.kafka_jars import why_unavailable

_RESULTS = Path(__file__).parent / "results"
_HALF = 0.5
_WIDTH = 150
_FALLBACK_RATE = 10_000.0
_MINUTES = 12.0
_T = TypeVar("_T")


class Runner:
    """Runs parts and keeps what they found."""

    def __init__(self, given: argparse.Namespace, console: Console) -> None:
        self._given = given
        self._console = console
        self._kinds: list[BrokerKind] = given.broker or list(get_args(BrokerKind))
        self._began = time.monotonic()
        self.found: dict[str, list[Any]] = {}

    def run(self, part: str) -> None:
        """Run one part, show its table."""
        self._console.rule(part)
        results = _PARTS[part](self)
        self.found[part] = results
        for table in tables.of(part, results):
            self._console.print(table)

    def say(self, text: str) -> None:
        """Progress."""
        self._console.print(
            f"[{time.monotonic() - self._began:5.0f} s, load {machine.load_average()}] {text}",
            markup=False,
            highlight=False,
        )

    def whole(self) -> list[Any]:
        """The whole way, on each broker, in each shape."""
        given = self._given
        return [
            whole.measure(kind, shape, given.events, given.learners, self._sayer(kind, shape))
            for kind, shape in self._in_time(product(self._kinds, given.shape))
        ]

    def stage(self) -> list[Any]:
        """The Faust stage, in the first shape."""
        given = self._given
        shape = given.shape[0]
        counts = (given.events, given.naive_events, given.learners)
        return [
            stage.measure(kind, shape, *counts, self._sayer(kind, shape))
            for kind in self._in_time([self._best])
        ]

    def exactness(self) -> list[Any]:
        """What the checks and the durability of the worker cost, in the first shape."""
        given = self._given
        shape = given.shape[0]
        return [
            result
            for kind in self._in_time([self._best])
            for result in exactness.measure(
                kind, shape, given.events, given.learners, self._sayer(kind, shape)
            )
        ]

    def http(self) -> list[Any]:
        """The collector."""
        seconds = self._given.http_seconds
        return [
            result
            for kind in self._in_time(self._kinds)
            for result in over_http.measure(kind, seconds, self._sayer(kind))
        ]

    def freshness(self) -> list[Any]:
        """At half of the rate that this run has seen for the same broker."""
        given = self._given
        ways = get_args(freshness.Way)
        return [
            freshness.measure(
                kind,
                way,
                given.rate or self._half_rate(kind),
                given.freshness_seconds,
                given.learners,
                self._sayer(kind, way),
            )
            for kind, way in self._in_time(product(self._kinds, ways))
        ]

    def recovery(self) -> list[Any]:
        """Of a worker with a large state."""
        learners = self._given.recovery_learners
        return [
            result
            for kind in self._in_time([self._best])
            for result in recovery.measure(kind, learners, self._sayer(kind))
        ]

    def profile(self) -> list[Any]:
        """Where the time goes; a third of the events shows it."""
        given = self._given
        events = max(1, given.events // 3)
        return [
            where.profile(kind, shape, events, given.learners, self._sayer(kind, shape))
            for kind, shape in self._in_time(product([self._best], given.shape))
        ]

    def _in_time(self, runs: Iterable[_T]) -> Iterator[_T]:
        """The runs, as long as there is time to begin one."""
        for run in runs:
            if time.monotonic() - self._began > 60 * self._given.minutes:
                self.say(f"no time left for {run}; see --minutes")
                return
            yield run

    @property
    def _best(self) -> BrokerKind:
        return "kafka" if "kafka" in self._kinds else "embedded"

    def _half_rate(self, kind: BrokerKind) -> float:
        rates = [
            each.rate
            for each in self.found.get("whole", [])
            if each.broker == kind and each.shape == "live"
        ]
        return _HALF * rates[0] if rates else _FALLBACK_RATE

    def _sayer(self, *about: str) -> Callable[[str], None]:
        return lambda text: self.say(f"{', '.join(about)}: {text}")


_PARTS: dict[str, Callable[[Runner], list[Any]]] = {
    "whole": Runner.whole,
    "stage": Runner.stage,
    "exactness": Runner.exactness,
    "http": Runner.http,
    "freshness": Runner.freshness,
    "recovery": Runner.recovery,
    "profile": Runner.profile,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(_PARTS))
    parser.add_argument("--broker", action="append", choices=get_args(BrokerKind))
    parser.add_argument("--shape", action="append", choices=list(SPANS))
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--learners", type=int, default=100_000)
    parser.add_argument("--naive-events", type=int, default=20_000)
    parser.add_argument("--recovery-learners", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, help="of freshness; default: half of what whole saw")
    parser.add_argument("--http-seconds", type=float, default=6.0)
    parser.add_argument("--freshness-seconds", type=float, default=12.0)
    parser.add_argument(
        "--minutes", type=float, default=_MINUTES, help="after these no run is begun"
    )
    parser.add_argument("--results", type=Path, default=_RESULTS / "latest.json")
    given = parser.parse_args()
    unknown = [part for part in given.parts if part not in _PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(_PARTS)}")
    given.parts = given.parts or list(_PARTS)
    given.shape = given.shape or list(SPANS)
    return given


def main() -> int:
    """Run what was asked for; 1 where a part failed."""
    given = _arguments()
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    if given.broker is None and (why := why_unavailable()):
        console.print(f"Only the embedded broker is measured, for there is no Kafka: {why}")
        given.broker = ["embedded"]
    runner = Runner(given, console)
    failed = False
    for part in given.parts:
        try:
            runner.run(part)
        except Exception:  # noqa: BLE001 - the other parts are worth having
            console.print_exception()
            failed = True
    report = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "python -m benchmarks " + " ".join(sys.argv[1:]),
        "machine": machine.described(),
        **runner.found,
    }
    given.results.parent.mkdir(parents=True, exist_ok=True)
    given.results.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    console.print(f"All numbers: {given.results}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
