"""One process of a run."""

from collections.abc import Callable

from uptake.local.broker import resident_bytes
from uptake.local.child import Child
from uptake.local.processes import ready


class Process:
    """A child that is started again when it has ended, unless it is `held`."""

    def __init__(
        self,
        child: Child,
        port: int,
        path: str = "/readyz",
        begin: Callable[[], None] | None = None,
    ) -> None:
        """`begin` starts the child, where more has to be done for it."""
        self.child = child
        self.port = port
        self.path = path
        self.held = True
        self.start_at: float | None = None
        self.expected = False
        """Its end was our doing."""
        self.peak_bytes = 0
        """The most memory that it had at any look."""
        self._begin = begin or child.start

    def start(self) -> None:
        """Start it, to be kept running."""
        self.held = False
        self.expected = False
        self.start_at = None
        self._begin()

    def look(self) -> None:
        """Note how much memory it has now."""
        if self.child.running():
            self.peak_bytes = max(self.peak_bytes, resident_bytes(self.child.pid))

    def is_ready(self) -> bool:
        """Whether it runs and says that it is ready."""
        return self.child.running() and ready(self.port, self.path)
