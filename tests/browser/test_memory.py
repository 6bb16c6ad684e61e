"""How much memory the processes took that drew the pages: these tests come after those."""

from benchmarks.machine import memory_mib
from tests.chaos.memory import BOUNDS_MIB, over_bound
from tests.fixtures.running import Running


def test_no_process_took_more_memory_than_its_bound(up: Running) -> None:
    pids = {name: int(state["pid"]) for name, state in up.processes().items()}
    pids["up"] = up.process.pid
    peaks = {name: memory_mib(pid)[1] for name, pid in pids.items()}
    assert {*peaks} >= {"board", "store", "up"}
    assert all(peaks.values())
    assert over_bound(peaks) == [], f"of {BOUNDS_MIB}"
