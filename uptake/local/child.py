"""One child process: its own log file, and an end when its parent ends."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic

from uptake.local.errors import LocalError

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _ends_with_parent(death_signal: int) -> Callable[[], None] | None:
    """What the child runs before its program: ask the kernel for a signal at its parent's end.

    The kernel means the thread that made the child, so children are started from the main thread.
    """
    if _libc is None:
        return None
    prctl = _libc.prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:
            os.kill(os.getpid(), death_signal)

    return ask


class Child:
    """A program that runs in a session of its own, so that Ctrl-C in the terminal reaches only
    its parent, which ends its children in the right order."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        death_signal: int = signal.SIGKILL,
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._environment = dict(os.environ if environment is None else environment)
        self._death_signal = death_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The process id, also of one that has ended; None before the first start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it; its log is appended to. Raises LocalError where it cannot be run."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self._environment,
                    start_new_session=True,
                    preexec_fn=_ends_with_parent(self._death_signal),
                )
            except OSError as error:
                raise LocalError(f"{self.name} cannot be run: {error}") from error

    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def exit_code(self) -> int | None:
        """Its exit code (negative: the signal that ended it); None while it runs."""
        return self._process.poll() if self._process else None

    def ask_to_end(self) -> None:
        """Send SIGTERM and return at once."""
        if self._process is not None and self.running():
            self._process.send_signal(signal.SIGTERM)

    def stop(self, seconds: float = 10.0) -> bool:
        """SIGTERM, and SIGKILL after `seconds`. True: it ended by itself."""
        self.ask_to_end()
        if self._process is None:
            return True
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False: it still runs after `seconds`."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(seconds, 0.0))
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait_until(self, ready: Callable[[], bool], seconds: float, step: float = 0.05) -> None:
        """Wait for `ready`. Raises LocalError with the end of the log when the child ends or the
        time is over."""
        limit = monotonic() + seconds
        while not ready():
            if self.wait(step):
                raise LocalError(self.failure(f"ended with exit code {self.exit_code()}"))
            if monotonic() > limit:
                raise LocalError(self.failure(f"was not ready after {seconds:.0f} s"))

    def failure(self, what: str) -> str:
        """A message about this child with the last lines it logged."""
        lines = self.last_lines()
        told = "\n".join(f"    {line}" for line in lines) if lines else "    (it logged nothing)"
        return f"{self.name} {what}; the end of {self.log}:\n{told}"

    def logged(self, text: str) -> bool:
        """Whether it has logged `text` since the last start."""
        if not self.log.exists():
            return False
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return text.encode() in file.read()

    def last_lines(self, count: int = 12) -> list[str]:
        """The last lines logged since the last start."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as file:
            size = self.log.stat().st_size
            file.seek(max(self._log_start, size - 16_384))
            text = file.read().decode(errors="replace")
        return text.splitlines()[-count:]
