"""What a stage is: the pure part of an agent, one for each partition.

A stage sees records in the order of their offsets, each once, and the rows of its partition. It
has no clock and does no I/O, so that a second run over the same records says exactly the same.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, Protocol, TypeVar

T = TypeVar("T")

DECIDE_RECORDS: Final = 128
"""An epoch ends before each record whose offset is a multiple of this: there a stage may decide
what depends on the weight of its rows."""

LISTED: Final = b"ABCIOTUX"
"""Kinds of rows, by the first byte of their keys, that stages list, or ask for all over, when state
comes back. They lie apart from the others, which are far more. To change this is to change the
format of the state log."""

ROW_BYTES: Final = 40
"""About what a row takes in memory besides the bytes of its key and of itself: its bucket's share,
and what the allocator cannot give back (measured with seven million rows: 15 after a recovery, 39
in the process that had made them)."""

NEVER: Final = -(1 << 40)
"""A day before any other, as a horizon: nothing was let go of."""


class Memory(NamedTuple):
    """What is shown of a partition's memory: the horizon (a day since 1970, or NEVER), bytes held
    when it was last looked at, and whether they were too many even after letting go."""

    horizon: int
    held: int
    over_budget: bool


class Output(NamedTuple):
    """A record to send."""

    topic: str
    partition: int
    value: bytes


Rule = Callable[[bytes, bytes], bytes | None]
"""(key, encoded row) -> what stays of it; None: nothing does."""


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

    def held(self) -> int:
        """How many bytes of memory the rows take; only while nothing is changed."""

    def forget(self, rule: Rule) -> None:
        """Put `rule(key, encoded)` in the place of each row; None: it goes. Nothing is written of
        it: what is forgotten must follow from other rows, and `recovered` must forget it again.
        Only while nothing is changed."""

    def forgotten(self, rule: Rule) -> None:
        """As `forget`, of what was forgotten before the rows were read back, in `recovered`: they
        may still hold it, though `held` does not count it. `rule` is asked at any time later."""


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

    @property
    def memory(self) -> Memory:
        """How full the memory of the partition is."""


StageFactory = Callable[[Rows, int], Stage]
