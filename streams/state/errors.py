"""What can be wrong with keyed state. All of it stops the worker: half a state gives wrong answers.

StateError
+-- Untrusted       the state must not be used; `uptake rebuild-state` makes it from stored events
|   +-- LogCutShort     the log no longer holds the whole state
|   +-- LogEmpty        the log holds nothing although input was taken
|   +-- LogDamaged      a record of the log is none
|   +-- InputLost       the position of the state does not lie inside its input topic
|   +-- StateOutdated   another catalog, vocabulary, number of partitions or format has made it
+-- LogNotRead      a rebalance has disturbed the reading of the log
+-- ForeignWriter   somebody else wrote to the log while we held its partition
+-- InputStuck      the next record of the input does not come
+-- StoodStill      this process was stopped so long that others may have its partitions
"""

from collections.abc import Callable
from types import TracebackType

from schemas.stopping import Exit


class StateError(Exception):
    """The root of the tree."""


class Untrusted(StateError):
    """A restart changes nothing. The text says what to run."""

    def __str__(self) -> str:
        return (
            f"{super().__str__()}. State is made anew from the stored events: end intake, worker"
            " and sink and run `uptake rebuild-state` (`uptake up` does so by itself)"
        )


class LogCutShort(Untrusted):
    """Slices are missing: the log was cut off too far, or a record was deleted by hand."""


class LogEmpty(Untrusted):
    """The log was emptied, or deleted and made again."""


class LogDamaged(Untrusted):
    """Or written by a version with another format."""


class StateOutdated(Untrusted):
    """What is kept would not be what these declarations would have kept."""


class LogNotRead(StateError):
    """Nothing is known of the log but that it was not read whole; a restart reads it."""


class ForeignWriter(StateError):
    """A restart reads what the other wrote and goes on from there."""


class InputLost(Untrusted):
    """The topic was deleted and made again, or its retention passed what was not yet read."""


class InputStuck(StateError):
    """The broker has not delivered the next record although later ones came."""


class StoodStill(StateError):
    """A frozen process must not write when it wakes."""


def exit_code(error: Exception) -> int:
    """Of a process that this error has stopped."""
    return int(Exit.REBUILD if isinstance(error, Untrusted) else Exit.FAILED)


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
