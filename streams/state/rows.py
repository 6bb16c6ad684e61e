"""Keyed state of one partition, and the epoch records that make it durable.

Rows lie in memory encoded and are decoded when touched. At the end of an epoch one log record
says: the input position reached, every row that changed, and the next few of SLICES slices of the
whole state, about as many bytes as the changes. So an epoch is written wholly or not at all, and
once every slice was written anew, all that lies before the oldest of them can be cut off.

Rows are many and small, and an object for each would weigh more than they do. So a slice is a few
buckets, each one string of bytes with about eight rows, and the log says a slice in just these
strings.

Folding takes a record only if it reaches further than what is there. Two writers of the same
input write equal rows, so a writer that had lost the partition can do no harm.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeVar
from zlib import crc32

import msgspec
from msgspec import Struct

from streams.model.stage import ROW_BYTES
from streams.state.buckets import (
    BUCKET_ROWS,
    EMPTY,
    SLICES,
    Bucket,
    bucket_at,
    buckets_of,
    decode_bucket,
    encode_bucket,
    kinds_of,
    rows_in,
    split,
)
from streams.state.errors import ForeignWriter, LogCutShort, LogDamaged, StateError

T = TypeVar("T")

FORMAT: Final = 4
"""Goes up when SLICES, the record or the meaning of any row changes."""

_LEAST_SLICE_BYTES = 4096
_ROW_OVERHEAD = 20
_SLICE_OVERHEAD = 8
_OPEN_BUCKETS = 256
"""So many decoded buckets are kept until the end of the epoch."""

_PENDING_BYTES = 4096
_FIRST_GUESS = 200
_NOTHING = -1
_DROPPED = b""
_ABSENT = object()


class Epoch(Struct, array_like=True, gc=False):
    """One record of the log: what happened from `base` (not included) to `position`."""

    format: int
    base: int
    position: int
    changed: dict[int, bytes]
    """For each slice, encoded as a bucket: encoded rows by key; nothing stands for a dropped one.
    Who reads the log need not look into what a later slice says anew."""
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

    @property
    def ends_round(self) -> bool:
        """Whether with this record every slice was written since the last time this was true."""
        return self.slices[-1] < self.slices[0] or self.slices[-1] == SLICES - 1


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
        self._at_seal: dict[bytes, object] = {}
        self._reset()

    def _reset(self) -> None:
        self._held: int | None = 0
        self._kinds: dict[bytes, list[int]] | None = None
        self._slices: list[list[bytes]] = [[EMPTY] for _ in range(SLICES)]
        self._counts = [0] * SLICES
        self._open: dict[tuple[int, int], Bucket] = {}
        self._pending: dict[int, list[bytes]] = {}
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
        encoded = self._encoded(key)
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
        encoded = self._encoded(key)
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
        self._take_pending()
        for number in self._slices_with(prefix):
            for bucket in self._slices[number]:
                for key, encoded in decode_bucket(bucket).items():
                    if key.startswith(prefix):
                        yield key, encoded

    def _slices_with(self, prefix: bytes) -> Iterable[int]:
        """After recovery each part of a stage asks for its own kind of rows, most of few rows."""
        if not prefix:
            return range(SLICES)
        if self._kinds is None:
            self._kinds = kinds_of(self._slices)
        return self._kinds.get(prefix[:1], ())

    def changed(self) -> Iterable[tuple[bytes, object | None]]:
        """The rows touched since the last epoch; None stands for a dropped one."""
        return self._dirty.items()

    def held(self) -> int:
        """How many bytes of memory the rows take; raises StateError when rows changed."""
        if self._dirty:
            raise StateError("rows can be weighed only while nothing is changed")
        if self._held is None:
            self._held = sum(
                len(key) + len(encoded) + ROW_BYTES for key, encoded in self.items(b"")
            )
        return self._held

    def forget(self, rule: Callable[[bytes, bytes], bytes | None]) -> None:
        """Put `rule(key, encoded)` in the place of each row; None: it goes. The log is told
        nothing; raises StateError when rows changed."""
        if self._dirty:
            raise StateError("rows can be forgotten only while nothing is changed")
        self._take_pending()
        self._open = {}
        for number, buckets in enumerate(self._slices):
            kept: Bucket = {}
            for bucket in buckets:
                for key, encoded in decode_bucket(bucket).items():
                    left = rule(key, encoded)
                    if left is not None:
                        kept[key] = left
            self._slices[number] = buckets_of(kept)
            self._counts[number] = len(kept)
        self._held = None
        self._kinds = None

    # What the runner does

    def __len__(self) -> int:
        self._take_pending()
        return sum(self._counts)

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
        slices = self._next_slices(max(size, _LEAST_SLICE_BYTES))
        epoch = Epoch(FORMAT, self._base, self.position, changed, slices)
        self._base = self.position
        return Sealed(_encode_epoch(epoch), self.position, tuple(slices), count)

    def _encode_changes(self) -> tuple[dict[int, bytes], int]:
        """The changed rows by slice, encoded, and their bytes; each is brought into its bucket."""
        self._take_pending()
        by_slice: dict[int, Bucket] = {}
        size = 0
        # Also a row that is as it was, or one dropped that was never there: the record may be
        # folded into a state between `base` and `position`, which another writer reached.
        for key, row in self._dirty.items():
            encoded = _DROPPED if row is None else _encode_row(row)
            by_slice.setdefault(crc32(key) % SLICES, {})[key] = encoded
            size += len(encoded) + _ROW_OVERHEAD
        self._dirty = {}
        for number, rows in by_slice.items():
            self._bring_in(number, rows)
        self._open = {}
        return {number: encode_bucket(rows) for number, rows in by_slice.items()}, size

    def _next_slices(self, room: float) -> dict[int, list[bytes]]:
        """The slices themselves, not copies: to be encoded before one of them changes."""
        slices: dict[int, list[bytes]] = {}
        while room > 0 and len(slices) < SLICES:
            buckets = self._slices[self._next_slice]
            slices[self._next_slice] = buckets
            room -= _SLICE_OVERHEAD + sum(map(len, buckets))
            self._next_slice = (self._next_slice + 1) % SLICES
        return slices

    # Buckets

    def _encoded(self, key: bytes) -> bytes | None:
        if self._pending:
            self._take_pending()
        place = crc32(key)
        number = place % SLICES
        return self._bucket(number, bucket_at(place, len(self._slices[number]))).get(key)

    def _bucket(self, number: int, at: int) -> Bucket:
        """To be changed only by who writes it back."""
        bucket = self._open.get((number, at))
        if bucket is None:
            if len(self._open) == _OPEN_BUCKETS:
                self._open = {}
            bucket = self._open[number, at] = decode_bucket(self._slices[number][at])
        return bucket

    def _bring_in(self, number: int, rows: Bucket) -> None:
        """Put rows of a slice into its buckets; take out those that are _DROPPED."""
        self._kinds = None
        buckets = self._slices[number]
        by_bucket: dict[int, list[bytes]] = {}
        for key in rows:
            by_bucket.setdefault(bucket_at(crc32(key), len(buckets)), []).append(key)
        grown = count = 0
        for at, keys in by_bucket.items():
            bucket = self._bucket(number, at)
            count -= len(bucket)
            for key in keys:
                before = bucket.pop(key, None)
                if before is not None:
                    grown -= len(key) + len(before) + ROW_BYTES
                if encoded := rows[key]:
                    bucket[key] = encoded
                    grown += len(key) + len(encoded) + ROW_BYTES
            count += len(bucket)
            buckets[at] = encode_bucket(bucket)
        self._counts[number] += count
        if self._held is not None:
            self._held += grown
        while self._counts[number] > BUCKET_ROWS * len(buckets):
            self._open.pop((number, split(buckets)), None)

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
            found = _decode_head(record).format
            if found != FORMAT:
                raise LogDamaged(f"the state log has format {found}, this version reads {FORMAT}")
            return _decode_epoch(record)
        except msgspec.MsgspecError as error:
            raise LogDamaged(f"a record of the state log is no epoch: {error}") from error

    def _take(self, epoch: Epoch, offset: int) -> None:
        if self.position == _NOTHING and epoch.base == _NOTHING:
            self._from_beginning = True
        self._open = {}
        self._held = self._kinds = None
        for number, buckets in epoch.slices.items():
            self._slices[number] = buckets
            self._counts[number] = sum(map(rows_in, buckets))
            self._copied_at[number] = offset
            self._next_slice = (number + 1) % SLICES
            self._pending.pop(number, None)
        for number, rows in epoch.changed.items():
            # A slice holds what changed in the same epoch.
            if number not in epoch.slices:
                self._pending.setdefault(number, []).append(rows)
                self._take_if_large(number)
        self.position = self._base = epoch.position
        self._read_to = offset

    def _take_if_large(self, number: int) -> None:
        """What waits for a slice takes memory; to bring it in costs a pass over the slice, and is
        for nothing where the slice itself is still to come."""
        if self._copied_at[number] == _NOTHING and not self._from_beginning:
            return
        waiting = sum(map(len, self._pending[number]))
        if waiting > max(_PENDING_BYTES, sum(map(len, self._slices[number])) // 3):
            self._bring_in_pending(number, self._pending.pop(number))

    def _take_pending(self) -> None:
        """Bring in what was read from the log."""
        pending, self._pending = self._pending, {}
        for number, parts in pending.items():
            self._bring_in_pending(number, parts)

    def _bring_in_pending(self, number: int, parts: list[bytes]) -> None:
        rows: Bucket = {}
        for part in parts:
            rows.update(decode_bucket(part))
        self._bring_in(number, rows)
        self._open = {}

    def repack(self) -> None:
        """Put a copy of each bucket in its place: copies made one after the other lie closer."""
        for number, buckets in enumerate(self._slices):
            self._slices[number] = [bytes(memoryview(bucket)) for bucket in buckets]

    def check(self) -> None:
        """Raises LogCutShort unless what was folded is the whole state."""
        self._take_pending()
        missing = self._copied_at.count(_NOTHING)
        if self.position != _NOTHING and not self._from_beginning and missing:
            raise LogCutShort(f"{missing} of {SLICES} slices are not in the state log")
