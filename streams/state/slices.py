"""All rows of a partition, encoded, in slices of buckets.

What an epoch changes in a slice is told by bucket. So whoever reads the log lays it over the rows
of the bucket, without decoding them; a slice is tidied when too much of it is laid over.

After a recovery a slice is made ready when it is first touched: what was read of it is laid over
its rows, and what was forgotten before is forgotten again. So a worker with a large state begins
soon, and pays for it later, bit by bit.
"""

from collections.abc import Iterable, Iterator
from typing import Final
from zlib import crc32

import msgspec
from msgspec import Struct

from streams.model.stage import LISTED, ROW_BYTES, Rule
from streams.state.buckets import (
    BUCKET_ROWS,
    EMPTY,
    HASHED,
    SLICES,
    Bucket,
    bucket_at,
    buckets_of,
    decode_bucket,
    decode_changes,
    encode_bucket,
    entries,
    next_split,
    overlaid,
    slice_of,
    split,
)
from streams.state.errors import LogDamaged

_OPEN_BUCKETS: Final = 256
"""So many decoded buckets are kept until the end of the epoch."""

_PENDING_BYTES: Final = 4096


class Changes(Struct, array_like=True, gc=False):
    """What an epoch changed in a slice."""

    rows: int
    """So many the slice has afterwards."""
    buckets: int
    """So many the slice had before."""
    changed: dict[int, bytes]
    """Changed rows by the number of their bucket, encoded as one; DROPPED for one that is gone."""


Place = tuple[int, int]
"""Number of a slice, and of a bucket in it."""

encode_changes: Final = msgspec.msgpack.Encoder().encode
_decode_changes = msgspec.msgpack.Decoder(Changes).decode


class Slices:
    """See the module's head. `rows`: how many there are, and `held`: bytes of memory they take; who
    folds says both."""

    def __init__(self) -> None:
        self.rows = 0
        self.held = 0
        self._buckets: list[list[bytes]] = [[EMPTY] for _ in range(SLICES)]
        self._counts = [0] * SLICES
        self._open: dict[Place, Bucket] = {}
        self._pending: dict[int, list[bytes]] = {}
        self._room = [_PENDING_BYTES] * SLICES
        self._stale: dict[int, Rule] = {}
        """Slices that may hold what was forgotten, and how to forget it again."""

    def place(self, key: bytes) -> Place:
        """Where the row of a key lies, until the next change of its slice."""
        place = crc32(key)
        number = slice_of(key, place)
        self._make_ready(number)
        return number, bucket_at(place, len(self._buckets[number]))

    def get(self, key: bytes) -> bytes | None:
        """The row of a key."""
        return self._bucket(self.place(key)).get(key)

    def items(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Rows whose keys begin with `prefix`."""
        for number in _slices_with(prefix):
            self._make_ready(number)
            for bucket in self._buckets[number]:
                for key, encoded in decode_bucket(bucket).items():
                    if key.startswith(prefix):
                        yield key, encoded

    def forget(self, rule: Rule) -> None:
        """Put `rule(key, encoded)` in the place of each row; None: it goes."""
        self._open = {}
        self.rows = self.held = 0
        for number in range(SLICES):
            self._make_ready(number)
            kept: Bucket = {}
            for bucket in self._buckets[number]:
                for key, encoded in decode_bucket(bucket).items():
                    left = rule(key, encoded)
                    if left is not None:
                        kept[key] = left
                        self.held += len(key) + len(left) + ROW_BYTES
            self._buckets[number] = buckets_of(kept)
            self._counts[number] = len(kept)
            self.rows += len(kept)

    def forgotten(self, rule: Rule) -> None:
        """As `forget`, of what was forgotten before it was read: `rows` and `held` know."""
        self._open = {}
        self._stale = dict.fromkeys(range(SLICES), rule)

    def _make_ready(self, number: int) -> None:
        if number in self._pending:
            self._take(number, self._pending.pop(number))
        if number in self._stale:
            self._forget_in(number, self._stale.pop(number))

    def _forget_in(self, number: int, rule: Rule) -> None:
        """Forget what a slice should not hold. Its buckets stay as many as they are."""
        buckets = self._buckets[number]
        self._counts[number] = 0
        for at, bucket in enumerate(buckets):
            rows = decode_bucket(bucket)
            left = {key: rule(key, encoded) for key, encoded in rows.items()}
            kept = {key: encoded for key, encoded in left.items() if encoded is not None}
            if kept != rows:
                buckets[at] = encode_bucket(kept)
            self._counts[number] += len(kept)

    # Epochs

    def change(self, number: int, changed: dict[int, Bucket]) -> Changes:
        """Bring changed rows (by bucket; DROPPED for one that is gone) into a slice."""
        buckets = self._buckets[number]
        told = Changes(0, len(buckets), {})
        for at, rows in changed.items():
            self._bring_in((number, at), rows)
            told.changed[at] = encode_bucket(rows)
        told.rows = self._counts[number]
        while self._counts[number] > BUCKET_ROWS * len(buckets):
            self._open.pop((number, split(buckets)), None)
        return told

    def _bring_in(self, place: Place, rows: Bucket) -> None:
        number, at = place
        bucket = self._bucket(place)
        count = len(bucket)
        grown = 0
        for key, encoded in rows.items():
            before = bucket.pop(key, None)
            if before is not None:
                grown -= len(key) + len(before) + ROW_BYTES
            if encoded:
                bucket[key] = encoded
                grown += len(key) + len(encoded) + ROW_BYTES
        self._buckets[number][at] = encode_bucket(bucket)
        self._counts[number] += len(bucket) - count
        self.rows += len(bucket) - count
        self.held += grown

    def _bucket(self, place: Place) -> Bucket:
        """To be changed only by who writes it back."""
        bucket = self._open.get(place)
        if bucket is None:
            if len(self._open) == _OPEN_BUCKETS:
                self._open = {}
            number, at = place
            bucket = self._open[place] = decode_bucket(self._buckets[number][at])
        return bucket

    def epoch_ended(self) -> None:
        """Let go of what was decoded."""
        self._open = {}

    def copy(self, number: int) -> list[bytes]:
        """The buckets themselves: to be encoded before one of them changes."""
        self._make_ready(number)
        self._tidy(number, self._counts[number])
        return self._buckets[number]

    def _tidy(self, number: int, most: int) -> None:
        """Leave out what is laid over and dropped, if there are more entries than `most`."""
        buckets = self._buckets[number]
        if sum(map(entries, buckets)) > most:
            buckets[:] = [encode_bucket(decode_bucket(bucket)) for bucket in buckets]

    # Recovery

    def replace(self, number: int, buckets: list[bytes]) -> None:
        """Take a whole slice."""
        self._open = {}
        self._pending.pop(number, None)
        self._buckets[number] = buckets
        self._counts[number] = sum(map(entries, buckets))
        self._give_room(number)

    def _give_room(self, number: int) -> None:
        """For changes of a slice that wait: to take them costs a pass over the slice, and is for
        nothing where the slice itself is still to come."""
        self._room[number] = max(_PENDING_BYTES, sum(map(len, self._buckets[number])))

    def fold(self, number: int, told: bytes, known: bool) -> None:
        """Take encoded Changes of a slice. `known`: the slice is; else it comes later, and then
        these are for nothing."""
        self._open = {}
        pending = self._pending.setdefault(number, [])
        pending.append(told)
        if not known:
            return
        self._room[number] -= len(told)
        if self._room[number] < 0:
            self._take(number, self._pending.pop(number))

    def _take(self, number: int, parts: Iterable[bytes]) -> None:
        buckets = self._buckets[number]
        layers: dict[int, list[bytes]] = {}
        for part in parts:
            told = _changes(part)
            if told.buckets < len(buckets):
                # Of a writer that had forgotten more, or split less.
                _lay(buckets, layers, [*layers])
                self._bring_in_all(number, told.changed.values())
                continue
            while len(buckets) < told.buckets:
                _lay(buckets, layers, [next_split(len(buckets))])
                split(buckets)
            for at, rows in told.changed.items():
                if at in layers:
                    layers[at].append(rows)
                else:
                    layers[at] = [buckets[at], rows]
            self._counts[number] = told.rows
        _lay(buckets, layers, [*layers])
        self._tidy(number, self._counts[number] * 5 // 4)
        self._give_room(number)

    def _bring_in_all(self, number: int, parts: Iterable[bytes]) -> None:
        buckets = len(self._buckets[number])
        changed: dict[int, Bucket] = {}
        for part in parts:
            for key, encoded in decode_changes(part).items():
                changed.setdefault(bucket_at(crc32(key), buckets), {})[key] = encoded
        known = self.rows, self.held
        self.change(number, changed)
        self.rows, self.held = known
        self._open = {}

    def repack(self) -> None:
        """Put a copy of each bucket in its place: copies made one after the other lie closer."""
        for number, buckets in enumerate(self._buckets):
            self._buckets[number] = [bytes(memoryview(bucket)) for bucket in buckets]


def _lay(buckets: list[bytes], layers: dict[int, list[bytes]], places: list[int]) -> None:
    """Lay what was gathered for some buckets over them."""
    for at in places:
        if at in layers:
            buckets[at] = overlaid(layers.pop(at))


def _slices_with(prefix: bytes) -> Iterable[int]:
    if not prefix:
        return range(SLICES)
    return range(HASHED, SLICES) if prefix[0] in LISTED else range(HASHED)


def _changes(encoded: bytes) -> Changes:
    try:
        told = _decode_changes(encoded)
    except msgspec.MsgspecError as error:
        raise LogDamaged(f"changes of a slice in the state log are none: {error}") from error
    if not all(0 <= at < told.buckets for at in told.changed):
        raise LogDamaged(f"a slice of {told.buckets} buckets has no {max(told.changed)}")
    return told
