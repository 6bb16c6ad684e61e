"""What can be wrong with keyed state. All of it stops the worker: half a state gives wrong answers.

StateError
+-- LogCutShort     the log no longer holds the whole state
+-- ForeignWriter   somebody else wrote to the log while we held its partition
+-- InputLost       the position of the state does not lie inside its input topic
+-- InputStuck      the next record of the input does not come
+-- StoodStill      this process was stopped so long that others may have its partitions
"""

from collections.abc import Callable
from types import TracebackType


class StateError(Exception):
    """The root of the tree."""


class LogCutShort(StateError):
    """Slices are missing: the log was cut off too far, or a record was deleted by hand."""


class ForeignWriter(StateError):
    """A restart reads what the other wrote and goes on from there."""


class InputLost(StateError):
    """The topic was deleted and made again, or its retention passed what was not yet read."""


class InputStuck(StateError):
    """The broker has not delivered the next record although later ones came."""


class StoodStill(StateError):
    """A frozen process must not write when it wakes."""


class Guard:
    """A block in which every error is told to `failed` and ends there. For places whose caller
    (Faust, a task nobody waits for) would lose it."""

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._failed(error)
        return True
