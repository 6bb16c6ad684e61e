"""Clocks of processes that can be put wrong while they run. See clock/sitecustomize.py."""

import struct
from pathlib import Path

_HERE = Path(__file__).parent / "clock"


class Clock:
    """Of one process. Its file is written in place: the process holds it in its memory."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.write_bytes(bytes(8))

    def environment(self, path: str) -> dict[str, str]:
        """For the process; `path` is what is on its PYTHONPATH already."""
        return {"CHAOS_CLOCK": str(self._file), "PYTHONPATH": f"{_HERE}:{path}"}

    def put_wrong(self, milliseconds: int) -> None:
        """The clock jumps to this distance from the right time; 0: it is right."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("q", milliseconds))
