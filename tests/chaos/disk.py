"""A small disk of its own for the store, to be filled. Linux, and only for root."""

import os
import subprocess
from pathlib import Path
from typing import Final

_MIB: Final = 1 << 20
_SIZE: Final = 2_048 * _MIB
_TRIES: Final = 20


class Disk:
    """A file system in memory, mounted on `folder`, which comes back empty when it is taken off.

    Raises OSError where it cannot be mounted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        self._mount("-t", "tmpfs", "-o", f"size={_SIZE}", "uptake-chaos")
        self._mounted = True

    def fill(self) -> None:
        """Make it no larger than what is on it: not a byte more can be written. Raises OSError."""
        for _ in range(_TRIES):
            room = os.statvfs(self._folder)
            used = (room.f_blocks - room.f_bfree) * room.f_frsize
            try:
                self._mount("-o", f"remount,size={used}")
            except OSError:
                # More was written meanwhile.
                continue
            return
        raise OSError(f"{self._folder} cannot be made smaller")

    def mend(self) -> None:
        """There is room again."""
        self._mount("-o", f"remount,size={_SIZE}")

    def close(self) -> None:
        """Take it off; its files are gone. Nothing may run on it."""
        if self._mounted:
            self._mounted = False
            subprocess.run(["umount", "--lazy", str(self._folder)], check=True)

    def _mount(self, *options: str) -> None:
        done = subprocess.run(
            ["mount", *options, str(self._folder)], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise OSError(done.stderr.strip() or f"mount ended with {done.returncode}")


def available() -> bool:
    """Whether this user may mount one."""
    return os.geteuid() == 0 and Path("/bin/mount").exists()
