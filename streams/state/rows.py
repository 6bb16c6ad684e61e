"""Keyed state of one partition, and the epoch records that make it durable.

Rows lie in memory encoded and are decoded when touched. At the end of an epoch one log record
says: the input position reached, every row that changed, and the next few of SLICES slices of the
whole state, about as many bytes as the changes. So an epoch is written wholly or not at all, and
once every slice was written anew, all that lies before the oldest of them can be cut off.

Folding takes a record only if it reaches further than what is there. Two writers of the same
input write equal rows, so a writer that had lost the partition can do no harm.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeVar
from zlib import crc32

import msgspec
from msgspec import Struct

from streams.state.errors import ForeignWriter, LogCutShort, LogDamaged, StateError

T = TypeVar("T")

SLICES: Final = 1024
FORMAT: Final = 3
"""Goes up when SLICES, the record or the meaning of any row changes."""

_LEAST_SLICE_BYTES = 4096
_ROW_OVERHEAD = 20
_HELD_OVERHEAD = 150
"""What a row takes in memory besides the bytes of its key and of itself (measured: 135 to 210)."""
_SLICE_OVERHEAD = 8
_FIRST_GUESS = 200
_NOTHING = -1
_DROPPED = b""
_ABSENT = object()


class Epoch(Struct, array_like=True, gc=False):
    """One record of the log: what happened from `base` (not included) to `position`."""

    format: int
    base: int
    position: int
    changed: dict[bytes, bytes]
    """Encoded rows by key; nothing stands for a dropped one."""
    slices: dict[int, dict[bytes, bytes]]
    """Whole slices as of `position`."""


class Sealed(NamedTuple):
    """An epoch on its way to the log."""

    record: bytes
    position: int
    slices: tuple[int, ...]
    rows: int

    @property
    def ends_round(self) -> bool:
        """Whether with this record every slice was written since the last time this was true."""
        return self.slices[-1] < self.slices[0] or self.slices[-1] == SLICES - 1


_encode_row = msgspec.msgpack.Encoder().encode
_encode_epoch = msgspec.msgpack.Encoder().encode
_decode_epoch = msgspec.msgpack.Decoder(Epoch).decode


class EpochRows:
    """The rows of one partition. Implements `streams.model.stage.Rows`.

    `position` is the offset of the last input record applied; whoever applies one sets it.
    """

    def __init__(self) -> None:
        self.position = _NOTHING
        self._mean_bytes: float = _FIRST_GUESS
        self._at_seal: dict[bytes, object] = {}
        self._reset()

    def _reset(self) -> None:
        self._held: int | None = 0
        self._cold: list[dict[bytes, bytes]] = [{} for _ in range(SLICES)]
        self._dirty: dict[bytes, Any] = {}
        self._copied_at = [_NOTHING] * SLICES
        self._next_slice = 0
        self._base = _NOTHING
        self._from_beginning = False
        self._read_to = _NOTHING

    # What a stage does

    def get(self, key: bytes, decode: Callable[[bytes], T]) -> T | None:
        """The row, decoded; it may be changed in place until the epoch ends."""
        row: T | None = self._dirty.get(key, _ABSENT)
        if row is not _ABSENT:
            return row
        encoded = self._cold[crc32(key) % SLICES].get(key)
        if encoded is None:
            return None
        row = decode(encoded)
        self._dirty[key] = row
        return row

    def peek(self, key: bytes, decode: Callable[[bytes], T]) -> T | None:
        """The row, decoded, for reading only."""
        row: T | None = self._dirty.get(key, _ABSENT)
        if row is not _ABSENT:
            return row
        encoded = self._cold[crc32(key) % SLICES].get(key)
        return None if encoded is None else decode(encoded)

    def put(self, key: bytes, row: object) -> None:
        """A new row, or another in the place of the old one."""
        self._dirty[key] = row

    def drop(self, key: bytes) -> None:
        """Remove the row, if it is there."""
        self._dirty[key] = None

    def items(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Encoded rows whose keys begin with `prefix`; raises StateError when rows changed."""
        if self._dirty:
            raise StateError("rows can be listed only while nothing is changed")
        for rows in self._cold:
            for key, encoded in rows.items():
                if key.startswith(prefix):
                    yield key, encoded

    def changed(self) -> Iterable[tuple[bytes, object | None]]:
        """The rows touched since the last epoch; None stands for a dropped one."""
        return self._dirty.items()

    def held(self) -> int:
        """How many bytes of memory the rows take; raises StateError when rows changed."""
        if self._dirty:
            raise StateError("rows can be weighed only while nothing is changed")
        if self._held is None:
            self._held = sum(map(_weight_of, self._cold))
        return self._held

    def forget(self, rule: Callable[[bytes, bytes], bytes | None]) -> None:
        """Put `rule(key, encoded)` in the place of each row; None: it goes. The log is told
        nothing; raises StateError when rows changed."""
        if self._dirty:
            raise StateError("rows can be forgotten only while nothing is changed")
        for number, rows in enumerate(self._cold):
            # A new dict, as one from which much is deleted does not become smaller.
            self._cold[number] = {
                key: left
                for key, encoded in rows.items()
                if (left := rule(key, encoded)) is not None
            }
        self._held = None

    # What the runner does

    def __len__(self) -> int:
        return sum(map(len, self._cold))

    def changed_bytes(self) -> float:
        """About how many bytes the changes of this epoch will take."""
        return len(self._dirty) * self._mean_bytes

    @property
    def has_news(self) -> bool:
        """Whether input was applied since the last epoch."""
        return self.position > self._base

    def put_at_seal(self, key: bytes, row: object) -> None:
        """As `put`, but when the epoch ends: until then nothing counts as changed by it."""
        self._at_seal[key] = row

    def seal(self) -> Sealed:
        """End the epoch. From here on all rows are encoded again; decoded ones are worthless.

        Raises StateError when no input was applied since the last epoch: who reads the log would
        pass such a record over, with its slices.
        """
        if not self.has_news:
            raise StateError("nothing was applied since the last epoch")
        self._dirty.update(self._at_seal)
        self._at_seal = {}
        changed, size = self._encode_changes()
        if changed:
            self._mean_bytes = max(_ROW_OVERHEAD, size / len(changed))
        slices = self._next_slices(max(size, _LEAST_SLICE_BYTES))
        epoch = Epoch(FORMAT, self._base, self.position, changed, slices)
        self._base = self.position
        return Sealed(_encode_epoch(epoch), self.position, tuple(slices), len(changed))

    def _encode_changes(self) -> tuple[dict[bytes, bytes], int]:
        changed: dict[bytes, bytes] = {}
        size = grown = 0
        for key, row in self._dirty.items():
            rows = self._cold[crc32(key) % SLICES]
            # Also a row that is as it was, or one dropped that was never there: the record may be
            # folded into a state between `base` and `position`, which another writer reached.
            before = rows.get(key)
            if before is not None:
                grown -= len(key) + len(before) + _HELD_OVERHEAD
            if row is None:
                rows.pop(key, None)
                changed[key] = _DROPPED
            else:
                encoded = rows[key] = changed[key] = _encode_row(row)
                size += len(encoded) + _ROW_OVERHEAD
                grown += len(key) + len(encoded) + _HELD_OVERHEAD
        self._dirty = {}
        if self._held is not None:
            self._held += grown
        return changed, size

    def _next_slices(self, room: float) -> dict[int, dict[bytes, bytes]]:
        """The rows themselves, not copies: to be encoded before one of them changes."""
        slices: dict[int, dict[bytes, bytes]] = {}
        while room > 0 and len(slices) < SLICES:
            rows = self._cold[self._next_slice]
            slices[self._next_slice] = rows
            room -= _SLICE_OVERHEAD + sum(map(len, rows.values())) + _ROW_OVERHEAD * len(rows)
            self._next_slice = (self._next_slice + 1) % SLICES
        return slices

    def written(self, sealed: Sealed, offset: int, alone: bool) -> None:
        """The epoch lies in the log at `offset`.

        With `alone` the log must hold nothing that was not read or written here; else raises
        ForeignWriter. (Not on a broker that misreports the end of a log.)
        """
        if alone and offset != self._read_to + 1:
            raise ForeignWriter(
                f"expected to write at offset {self._read_to + 1} of the state log, "
                f"was written at {offset}"
            )
        self._read_to = offset
        for number in sealed.slices:
            self._copied_at[number] = offset

    def needed_from(self) -> int | None:
        """The lowest log offset that the state needs; None: all from the beginning."""
        oldest = min(self._copied_at)
        return None if oldest == _NOTHING else oldest

    def begin_at(self, offset: int) -> None:
        """Nothing was ever written: the input begins at `offset`."""
        self.position = offset - 1

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever read or written."""
        return self._read_to == _NOTHING

    # Recovery

    def fold(self, record: bytes, offset: int) -> bool:
        """Take one record of the log, in the order of the log; False: it says nothing new.

        Raises StateError when it is no epoch of this format, or when rows changed meanwhile.
        """
        if offset <= self._read_to:
            return False
        epoch = self._decode(record)
        if epoch.position <= self.position:
            self._read_to = offset
            return False
        if self._dirty:
            raise ForeignWriter("the state log went on while we held changes not yet written")
        if epoch.base > self.position and self.position != _NOTHING:
            # What lies between was cut off while we read; `check` says whether the rest is whole.
            self._reset()
            self.position = _NOTHING
        self._take(epoch, offset)
        return True

    @staticmethod
    def _decode(record: bytes) -> Epoch:
        try:
            epoch = _decode_epoch(record)
        except msgspec.MsgspecError as error:
            raise LogDamaged(f"a record of the state log is no epoch: {error}") from error
        if epoch.format != FORMAT:
            raise LogDamaged(
                f"the state log has format {epoch.format}, this version reads {FORMAT}"
            )
        return epoch

    def _take(self, epoch: Epoch, offset: int) -> None:
        if self.position == _NOTHING and epoch.base == _NOTHING:
            self._from_beginning = True
        for number, rows in epoch.slices.items():
            self._cold[number] = rows
            self._copied_at[number] = offset
            self._next_slice = (number + 1) % SLICES
        for key, encoded in epoch.changed.items():
            rows_of_slice = self._cold[crc32(key) % SLICES]
            if encoded == _DROPPED:
                rows_of_slice.pop(key, None)
            else:
                rows_of_slice[key] = encoded
        self._held = None
        self.position = self._base = epoch.position
        self._read_to = offset

    def check(self) -> None:
        """Raises LogCutShort unless what was folded is the whole state."""
        missing = self._copied_at.count(_NOTHING)
        if self.position != _NOTHING and not self._from_beginning and missing:
            raise LogCutShort(f"{missing} of {SLICES} slices are not in the state log")


def _weight_of(rows: dict[bytes, bytes]) -> int:
    return sum(map(len, rows)) + sum(map(len, rows.values())) + _HELD_OVERHEAD * len(rows)
