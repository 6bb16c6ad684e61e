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
from benchmarks.machine import memory_mib
from streams.state import allocator
{{begin}}
buckets = [bytes({_BYTES}) for _ in range({_BUCKETS})]

def renew():
    for at, bucket in enumerate(buckets):
        buckets[at] = bytes(memoryview(bucket))

_, before = memory_mib("self")
thread = threading.Thread(target=renew)
thread.start()
thread.join()
print(memory_mib("self")[1] - before)
"""

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc has arenas and tells of its memory"
)


def test_a_pass_beside_the_loop_takes_no_memory_of_its_own() -> None:
    whole = _BUCKETS * _BYTES >> 20
    assert _grown_mib("") > whole // 2
    assert _grown_mib("allocator.one_arena()") < whole // 10


def _grown_mib(begin: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _PASS.format(begin=begin)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return int(done.stdout)
