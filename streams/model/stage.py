"""What a stage is: the pure part of an agent, one for each partition.

A stage sees records in the order of their offsets, each once, and the rows of its partition. It
has no clock and does no I/O, so that a second run over the same records says exactly the same.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class Output(NamedTuple):
    """A record to send."""

    topic: str
    partition: int
    value: bytes


class Rows(Protocol):
    """The keyed state of one partition, as a stage sees it."""

    def get(self, key: bytes, decode: Callable[[bytes], T]) -> T | None:
        """The row, decoded; it may be changed in place until the epoch ends."""

    def peek(self, key: bytes, decode: Callable[[bytes], T]) -> T | None:
        """The row, decoded, for reading only."""

    def put(self, key: bytes, row: object) -> None:
        """A new row, or another in the place of the old one; msgpack at the end of the epoch."""

    def drop(self, key: bytes) -> None:
        """Remove the row, if it is there."""

    def items(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Encoded rows whose keys begin with `prefix`; only while nothing is changed."""

    def changed(self) -> Iterable[tuple[bytes, object | None]]:
        """The rows changed since the last epoch; None stands for a dropped row."""


class Stage(Protocol):
    """See the module's head."""

    def apply(self, value: bytes, offset: int) -> list[Output]:
        """Take one record; return what is to be sent at once.

        Raises msgspec.DecodeError or msgspec.ValidationError on bytes that are no record of the
        topic: our own bug, the worker stops.
        """

    def seal(self, position: int) -> list[Output]:
        """End an epoch at input offset `position`: return the whole values it changed."""

    def recovered(self) -> None:
        """The rows were read back from the log: rebuild what is derived from them."""


StageFactory = Callable[[Rows, int], Stage]
