"""A clock that jumps, for a process that is started with this folder on its path.

The file that CHAOS_CLOCK names holds by how many ms the time of the day is wrong, as eight bytes.
Only what Python code asks of the module `time` is wrong: not `datetime.now`, and not what C code
asks of the system.
"""

import mmap
import os
import struct
import time
from pathlib import Path

_real_time = time.time
_real_time_ns = time.time_ns


def _install(path: Path) -> None:
    with path.open("rb") as file:
        wrong = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)

    def milliseconds() -> int:
        return int(struct.unpack("q", wrong[:8])[0])

    time.time = lambda: _real_time() + milliseconds() / 1_000
    time.time_ns = lambda: _real_time_ns() + milliseconds() * 1_000_000


if "CHAOS_CLOCK" in os.environ:
    _install(Path(os.environ["CHAOS_CLOCK"]))
