"""How much memory the processes took that drew the pages: these tests come after those."""

from pathlib import Path

from tests.chaos.memory import BOUNDS_MIB, over_bound
from tests.fixtures.running import Running


def test_no_process_took_more_memory_than_its_bound(up: Running) -> None:
    pids = {name: int(state["pid"]) for name, state in up.processes().items()}
    pids["up"] = up.process.pid
    peaks = {name: _peak_mib(pid) for name, pid in pids.items()}
    assert {*peaks} >= {"board", "store", "up"}
    assert all(peaks.values())
    assert over_bound(peaks) == [], f"of {BOUNDS_MIB}"


def _peak_mib(pid: int) -> int:
    """The most resident memory that a process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [kib] = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(kib) >> 10
