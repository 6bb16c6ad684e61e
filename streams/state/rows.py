"""Keyed state of one partition, and the epoch records that make it durable.

Rows lie in memory encoded and are decoded when touched. At the end of an epoch one log record
says: the input position reached, every row that changed, and the next few of SLICES slices of the
whole state, twice as many bytes as the changes. So an epoch is written wholly or not at all, and
once every slice was written anew, all that lies before the oldest of them can be cut off.

Rows are many and small, and an object for each would weigh more than they do. So a slice is a few
buckets, each one string of bytes with about eight rows, and the log says a slice in just these
strings.

Folding takes a record only if it reaches further than what is there. Two writers of the same
input write equal rows, so a writer that had lost the partition can do no harm.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from streams.model.stage import Rule
from streams.state.buckets import DROPPED, SLICES, Bucket
from streams.state.errors import ForeignWriter, LogCutShort, LogDamaged, StateError
from streams.state.slices import Slices, encode_changes

T = TypeVar("T")

FORMAT: Final = 5
"""Goes up when SLICES, the record or the meaning of any row changes."""

_LEAST_SLICE_BYTES = 4096
_SLICES_TO_CHANGES = 2
"""Bytes of slices for each that was changed. More make recovery shorter, and the log longer that is
written."""

_CUT_RECORDS = 16
_ROW_OVERHEAD = 20
_SLICE_OVERHEAD = 8
_FIRST_GUESS = 200
_NOTHING = -1
_ABSENT = object()


class Epoch(Struct, array_like=True, gc=False):
    """One record of the log: what happened from `base` (not included) to `position`."""

    format: int
    base: int
    position: int
    rows: int
    """So many there are as of `position`."""
    held: int
    """Bytes of memory that they take."""
    changed: dict[int, bytes]
    """For each slice, encoded: its `Changes`. Who reads the log need not look into what a later
    slice says anew."""
    slices: dict[int, list[bytes]]
    """Whole slices as of `position`: their encoded buckets."""


class _Head(Struct, array_like=True, gc=False):
    """What every format begins with."""

    format: int


class Sealed(NamedTuple):
    """An epoch on its way to the log."""

    record: bytes
    position: int
    slices: tuple[int, ...]
    rows: int


_encode_row = msgspec.msgpack.Encoder().encode
_encode_epoch = msgspec.msgpack.Encoder().encode
_decode_head = msgspec.msgpack.Decoder(_Head).decode
_decode_epoch = msgspec.msgpack.Decoder(Epoch).decode


class EpochRows:
    """The rows of one partition. Implements `streams.model.stage.Rows`.

    `position` is the offset of the last input record applied; whoever applies one sets it.
    """

    def __init__(self) -> None:
        self.position = _NOTHING
        self._mean_bytes: float = _FIRST_GUESS
        self._cut_at = 0
        self._at_seal: dict[bytes, object] = {}
        self._reset()

    def _reset(self) -> None:
        self._slices = Slices()
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
        encoded = self._slices.get(key)
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
        encoded = self._slices.get(key)
        return None if encoded is None else decode(encoded)

    def put(self, key: bytes, row: object) -> None:
        """A new row, or another in the place of the old one."""
        self._dirty[key] = row

    def drop(self, key: bytes) -> None:
        """Remove the row, if it is there."""
        self._dirty[key] = None

    def items(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Encoded rows whose keys begin with `prefix`; raises StateError when rows changed."""
        self._refuse_changes("listed")
        return self._slices.items(prefix)

    def changed(self) -> Iterable[tuple[bytes, object | None]]:
        """The rows touched since the last epoch; None stands for a dropped one."""
        return self._dirty.items()

    def held(self) -> int:
        """How many bytes of memory the rows take; raises StateError when rows changed."""
        self._refuse_changes("weighed")
        return self._slices.held

    def forget(self, rule: Rule) -> None:
        """Put `rule(key, encoded)` in the place of each row; None: it goes. The log is told
        nothing; raises StateError when rows changed."""
        self._refuse_changes("forgotten")
        self._slices.forget(rule)

    def forgotten(self, rule: Rule) -> None:
        """As `forget`, when rows were just read back: they were weighed without it. Raises
        StateError when rows changed."""
        self._refuse_changes("forgotten")
        self._slices.forgotten(rule)

    def _refuse_changes(self, what: str) -> None:
        if self._dirty:
            raise StateError(f"rows can be {what} only while nothing is changed")

    # What the runner does

    def __len__(self) -> int:
        return self._slices.rows

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
        count = len(self._dirty)
        changed, size = self._encode_changes()
        if count:
            self._mean_bytes = max(_ROW_OVERHEAD, size / count)
        slices = self._next_slices(max(_SLICES_TO_CHANGES * size, _LEAST_SLICE_BYTES))
        held = self._slices.held
        epoch = Epoch(FORMAT, self._base, self.position, len(self), held, changed, slices)
        self._base = self.position
        return Sealed(_encode_epoch(epoch), self.position, tuple(slices), count)

    def _encode_changes(self) -> tuple[dict[int, bytes], int]:
        """The changes by slice, encoded, and the bytes of the rows; each is brought in."""
        by_slice: dict[int, dict[int, Bucket]] = {}
        size = 0
        # Also a row that is as it was, or one dropped that was never there: the record may be
        # folded into a state between `base` and `position`, which another writer reached.
        for key, row in self._dirty.items():
            encoded = DROPPED if row is None else _encode_row(row)
            number, at = self._slices.place(key)
            by_slice.setdefault(number, {}).setdefault(at, {})[key] = encoded
            size += len(encoded) + _ROW_OVERHEAD
        self._dirty = {}
        changed = {
            number: encode_changes(self._slices.change(number, rows))
            for number, rows in by_slice.items()
        }
        self._slices.epoch_ended()
        return changed, size

    def _next_slices(self, room: float) -> dict[int, list[bytes]]:
        """The slices themselves, not copies: to be encoded before one of them changes."""
        slices: dict[int, list[bytes]] = {}
        while room > 0 and len(slices) < SLICES:
            buckets = self._slices.copy(self._next_slice)
            slices[self._next_slice] = buckets
            room -= _SLICE_OVERHEAD + sum(map(len, buckets))
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

    def cut(self) -> int | None:
        """The log offset below which all can be cut off; None: too little to be worth it."""
        needed = self.needed_from()
        if needed is None or needed < self._cut_at + _CUT_RECORDS:
            return None
        self._cut_at = needed
        return needed

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
            found = _decode_head(record).format
            if found != FORMAT:
                raise LogDamaged(f"the state log has format {found}, this version reads {FORMAT}")
            return _decode_epoch(record)
        except msgspec.MsgspecError as error:
            raise LogDamaged(f"a record of the state log is no epoch: {error}") from error

    def _take(self, epoch: Epoch, offset: int) -> None:
        if self.position == _NOTHING and epoch.base == _NOTHING:
            self._from_beginning = True
        for number, buckets in epoch.slices.items():
            self._slices.replace(number, buckets)
            self._copied_at[number] = offset
            self._next_slice = (number + 1) % SLICES
        for number, changes in epoch.changed.items():
            # A slice holds what changed in the same epoch.
            if number not in epoch.slices:
                known = self._from_beginning or self._copied_at[number] != _NOTHING
                self._slices.fold(number, changes, known)
        self._slices.rows, self._slices.held = epoch.rows, epoch.held
        self.position = self._base = epoch.position
        self._read_to = offset

    def repack(self) -> None:
        """Lay the rows side by side in memory."""
        self._slices.repack()

    def check(self) -> None:
        """Raises LogCutShort unless what was folded is the whole state."""
        missing = self._copied_at.count(_NOTHING)
        if self.position != _NOTHING and not self._from_beginning and missing:
            raise LogCutShort(f"{missing} of {SLICES} slices are not in the state log")
