"""The keyed state of many learners in one process, without a broker: memory, log, recovery.

`python -m benchmarks.million --learners 1000000`

The stages of all partitions run as the worker runs them, with the real rows and epochs; their logs
are files. Then another process folds the logs, as the worker does after kill -9. So this shows
what the state itself costs; `python -m benchmarks recovery` adds Faust and a broker.
"""

import argparse
import gc
import os
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from struct import Struct
from tempfile import TemporaryDirectory

from benchmarks.machine import load_average, memory_mib
from benchmarks.recovery import packs
from schemas.settings import Settings
from schemas.topics import AGENTS, BATCHES, PANES, STEPS
from streams.agents import garbage
from streams.agents.stages import SOURCES, stage_factories
from streams.model.stage import DECIDE_RECORDS, Output, Stage
from streams.state.compact import compact
from streams.state.rows import EpochRows

_head = Struct(">QQ")


class Lane:
    """One partition of one agent, as `streams.agents.lane`, with a file as its log."""

    def __init__(self, stage: Stage, rows: EpochRows, folder: Path) -> None:
        self.rows = rows
        self._stage = stage
        self._folder = folder
        self._written = 0
        self.bytes_written = 0
        folder.mkdir()

    def take(self, value: bytes, epoch_bytes: int) -> list[Output]:
        """Apply a record; return what is said."""
        offset = self.rows.position + 1
        outputs = self._stage.apply(value, offset)
        self.rows.position = offset
        due = (offset + 1) % DECIDE_RECORDS == 0
        if due or self.rows.changed_bytes() >= epoch_bytes:
            outputs += self.end_epoch()
        return outputs

    def end_epoch(self) -> list[Output]:
        """Write what was applied; return what is said."""
        if not self.rows.has_news:
            return []
        outputs = self._stage.seal(self.rows.position)
        sealed = self.rows.seal()
        (self._folder / f"{self._written:08d}").write_bytes(sealed.record)
        self.bytes_written += len(sealed.record)
        self.rows.written(sealed, self._written, alone=True)
        self._written += 1
        garbage.epoch_ended(self._written)
        before = self.rows.cut()
        if before is not None:
            for old in self._folder.iterdir():
                if int(old.name) < before:
                    old.unlink()
        return outputs


def build(settings: Settings, learners: int, folder: Path) -> None:
    """Let the state come about; the logs lie in the folder then."""
    partitions = settings.kafka.partitions
    factories = stage_factories(settings)
    lanes: dict[tuple[str, int], Lane] = {}
    for agent in AGENTS:
        for partition in range(partitions):
            rows = EpochRows()
            rows.begin_at(0)
            stage = factories[agent](rows, partition)
            stage.recovered()
            lanes[SOURCES[agent], partition] = Lane(stage, rows, folder / f"{agent}-{partition}")
    waiting: deque[Output] = deque()

    def drain() -> None:
        while waiting:
            one = waiting.popleft()
            lane = lanes.get((one.topic, one.partition))
            if lane is not None:
                waiting.extend(lane.take(one.value, settings.worker.epoch_bytes))

    began = time.process_time()
    for partition, value in packs(learners, partitions):
        waiting.append(Output(BATCHES, partition, value))
        drain()
    for topic in (BATCHES, STEPS, PANES):
        for partition in range(partitions):
            waiting.extend(lanes[topic, partition].end_epoch())
            drain()
    _tell("built", time.process_time() - began)
    for agent in AGENTS:
        ours = [lanes[SOURCES[agent], partition] for partition in range(partitions)]
        print(
            f"  {agent}: {sum(len(lane.rows) for lane in ours):,} rows,"
            f" {sum(lane.bytes_written for lane in ours) / 1e6:.0f} MB written to the log"
        )


def recover(settings: Settings, folder: Path) -> None:
    """Read the logs back, as a worker does when it starts."""
    factories = stage_factories(settings)
    kept = []
    _tell("begun", time.process_time())
    for agent in AGENTS:
        began = time.process_time()
        all_rows = []
        size = 0
        for partition in range(settings.kafka.partitions):
            rows = EpochRows()
            for offset, record in enumerate(_records(folder / f"{agent}-{partition}")):
                rows.fold(record, offset)
                size += len(record)
            rows.check()
            all_rows.append(rows)
        compact(all_rows)
        _tell(f"{agent}: folded {size / 1e6:.0f} MB of log", time.process_time() - began)
        began = time.process_time()
        for partition, rows in enumerate(all_rows):
            stage = factories[agent](rows, partition)
            stage.recovered()
            kept.append(stage)
        _tell(f"{agent}: derived what is not in rows", time.process_time() - began)
        began = time.process_time()
        kinds = _kinds(all_rows)
        _tell(f"{agent}: looked through, which makes it all ready", time.process_time() - began)
        for kind, (count, weight) in sorted(kinds.items()):
            print(f"    {kind}: {count:,} rows, {weight / 1e6:.1f} MB of keys and values")
    gc.collect()
    _tell("whole", 0.0)


def _kinds(parts: list[EpochRows]) -> dict[str, tuple[int, int]]:
    counts: Counter[str] = Counter()
    weights: Counter[str] = Counter()
    for rows in parts:
        for key, encoded in rows.items(b""):
            counts[chr(key[0])] += 1
            weights[chr(key[0])] += len(key) + len(encoded)
    return {kind: (count, weights[kind]) for kind, count in counts.items()}


def _records(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.iterdir()):
        yield path.read_bytes()


def _tell(what: str, seconds: float) -> None:
    now, peak = memory_mib(os.getpid())
    print(f"{what}: {seconds:.1f} s of CPU, {now} MiB, peak {peak} MiB", flush=True)


def main() -> int:
    """Build in this process, recover in another."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.million", description=__doc__)
    parser.add_argument("--learners", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="with logs, to be folded only")
    parser.add_argument("--keep", type=Path, help="leave the logs in this folder, which is new")
    given = parser.parse_args()
    garbage.begin()
    if given.folder is not None:
        recover(Settings(), given.folder)
        return 0
    with ExitStack() as stack:
        folder = given.keep
        if folder is None:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="uptake-bench-")))
        else:
            folder.mkdir()
        print(f"{given.learners:,} learners, load {load_average()}", flush=True)
        build(Settings(), given.learners, folder)
        again = [sys.executable, "-m", "benchmarks.million", "--folder", str(folder)]
        return subprocess.run(again, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
