"""What is being waited for: one line that changes in a terminal, else a line now and then."""

from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

_PLAIN_SECONDS = 5.0


class Waiting:
    """`tell` it what is waited for, as often as you like. It writes to standard error."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._status: Status | None = None
        self._next = monotonic() + _PLAIN_SECONDS

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("waiting")
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def tell(self, text: str) -> None:
        """What is waited for now."""
        if self._status is not None:
            self._status.update(f"waiting: {text}")
        elif monotonic() >= self._next:
            self._next = monotonic() + _PLAIN_SECONDS
            self._console.print(f"waiting: {text}", highlight=False, markup=False)
