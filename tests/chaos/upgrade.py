"""`uptake rebuild-state` under another catalog, run again until it has done its work, as an
operator does when it was killed or when the store or Kafka was away."""

from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Final

from uptake.local.child import Child

_FILLED: Final = "start worker, sink, repair and intake now"
_PAUSE_SECONDS: Final = 1.0


class Upgrade:
    """One of a run. `tick` is to be called several times a second."""

    def __init__(
        self,
        command: list[str],
        log: Path,
        environment: Mapping[str, str],
        note_end: Callable[[Child], None],
    ) -> None:
        """`note_end` is told of each end that was neither good nor our doing."""
        self._first = Child("rebuild-state", [*command, "--wait"], log, environment)
        self._later = Child("rebuild-state", command, log, environment)
        self._note_end = note_end
        self._killed = False
        self._start_at = 0.0
        self._child = self._first
        self.filled = False
        """The processes may be started."""
        self.done = False
        """State is whole."""
        self._child.start()

    def kill(self) -> None:
        """SIGKILL, if it still runs; it is started again soon."""
        if self._child.running():
            self._killed = True
            self._child.kill()

    def tick(self) -> None:
        """See how far it is, and start it again when it has ended too early."""
        if self.done:
            return
        self.filled = self.filled or self._child.logged(_FILLED)
        if self._child.running():
            return
        if self._start_at:
            if monotonic() >= self._start_at:
                self._start_at = 0.0
                self._killed = False
                # Once processes run, it is not to wait for their end.
                self._child = self._later if self.filled else self._first
                self._child.start()
            return
        self.done = self._child.exit_code() == 0
        if not self.done:
            self._start_at = monotonic() + _PAUSE_SECONDS
            if not self._killed:
                self._note_end(self._child)

    def close(self) -> None:
        """SIGKILL, if it still runs."""
        self.done = True
        self._child.kill()
