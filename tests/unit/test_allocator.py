"""Memory that the C library gives to threads, in a process of its own."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_BUCKETS = 40_000
_BYTES = 1_500
_PASS = f"""
import threading
from pathlib import Path
from streams.state import allocator
{{begin}}
buckets = [bytes({_BYTES}) for _ in range({_BUCKETS})]

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))

def renew():
    for at, bucket in enumerate(buckets):
        buckets[at] = bytes(memoryview(bucket))

before = peak()
thread = threading.Thread(target=renew)
thread.start()
thread.join()
print(peak() - before)
"""

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc has arenas and tells of its memory"
)


def test_a_pass_beside_the_loop_takes_no_memory_of_its_own() -> None:
    whole = _BUCKETS * _BYTES >> 10
    assert _grown_kib("") > whole // 2
    assert _grown_kib("allocator.one_arena()") < whole // 10


def _grown_kib(begin: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _PASS.format(begin=begin)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return int(done.stdout)
