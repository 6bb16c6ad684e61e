"""Notices that this process was frozen (SIGSTOP, a paused machine) for longer than its session.

Others may have its partitions then, so it must not write with what it remembers.
"""

from time import monotonic

from streams.state.errors import StoodStill


class Heartbeat:
    """`limit`: how many seconds without a beat are too many."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._last: float | None = None

    def beat(self) -> None:
        """To be called often. Raises StoodStill."""
        self.check()
        self._last = monotonic()

    def excuse(self) -> None:
        """What ran until now was long, but ours."""
        self._last = monotonic()

    def check(self) -> None:
        """Raises StoodStill."""
        still = 0.0 if self._last is None else monotonic() - self._last
        if still > self._limit:
            raise StoodStill(f"nothing ran for {still:.1f} s; others may have our partitions")
