"""A process of the product that looks, while it works, where its main thread is.

A timer of consumed CPU time asks a thousand times a second (it counts the CPU of all threads, so
samples are shares and not times). At the end each function's share is written: alone (`self`) and
with what it called (`total`). C code counts to the Python function that called it.

    python -m benchmarks.profiled FOLDER intake --config FILE
"""

import argparse
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import msgspec
from msgspec import Struct

from schemas.settings import Settings
from schemas.settings_load import load

_STEP_SECONDS = 0.001
_DEEPEST = 60
_KEPT = 400
_ROOT = Path(__file__).parents[1]
_LIBRARY = re.compile(r".*/lib/python[\d.]+/")


class Shares(Struct):
    """Of all samples; function -> share."""

    samples: int
    alone: dict[str, float]
    total: dict[str, float]


class Sampler:
    """Collects samples of this thread."""

    def __init__(self) -> None:
        self._alone: Counter[str] = Counter()
        self._total: Counter[str] = Counter()
        self._names: dict[object, str] = {}
        self._samples = 0

    def begin(self) -> None:
        """From now on."""
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _STEP_SECONDS, _STEP_SECONDS)

    def end(self) -> Shares:
        """What was seen."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        count = max(1, self._samples)
        return Shares(
            self._samples,
            {name: n / count for name, n in self._alone.most_common(_KEPT)},
            {name: n / count for name, n in self._total.most_common(_KEPT)},
        )

    def _look(self, _: int, frame: FrameType | None) -> None:
        names = list(self._stack(frame))
        self._samples += 1
        self._alone[names[0]] += 1
        self._total.update(set(names))

    def _stack(self, frame: FrameType | None) -> Iterator[str]:
        for _ in range(_DEEPEST):
            if frame is None:
                return
            code = frame.f_code
            name = self._names.get(code)
            if name is None:
                name = self._names[code] = _name(code.co_filename, code.co_qualname)
            yield name
            frame = frame.f_back


def _name(file: str, function: str) -> str:
    """`streams/intake/reader.py Reader.read`: no folder of this machine is in it."""
    path = file.rpartition("site-packages/")[2].removeprefix(f"{_ROOT}/")
    return f"{_LIBRARY.sub('', path)} {function}"


def _process(name: str) -> Callable[[Settings], int | None]:
    if name == "intake":
        from streams.intake.service import run as intake

        return intake
    if name == "worker":
        from streams.agents.worker import run as worker

        return worker
    from sinks.clickhouse.service import run as sink

    return sink


def main() -> int:
    """Run until SIGTERM, then write FOLDER/PROCESS.json."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("process", choices=("intake", "worker", "sink"))
    parser.add_argument("--config", type=Path, required=True)
    given = parser.parse_args()
    run = _process(given.process)
    sampler = Sampler()
    sampler.begin()
    try:
        return run(load(given.config).settings) or 0
    finally:
        (given.folder / f"{given.process}.json").write_bytes(msgspec.json.encode(sampler.end()))


if __name__ == "__main__":
    sys.exit(main())
