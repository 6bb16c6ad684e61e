"""Which walks were let go of: 8 bytes of a hash of each key.

In the state the hashes lie in blocks in the order they came (rows `T` + number), so that little
is written when some are added; in memory they lie sorted in buckets.
"""

from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from streams.model.stage import Rows

_HASH = 8
_BLOCK = 512 * _HASH
_decode = msgspec.msgpack.Decoder(bytes).decode
_PREFIX = b"T"


class Tombstones:
    """See the module's head. A walk is named by its key."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._buckets: dict[int, bytes] = {}
        self._size = 0
        self._last = b""

    def recovered(self) -> None:
        self._last = b""
        for _, encoded in sorted(self._rows.items(_PREFIX)):
            self._last = _decode(encoded)
            self._size += len(self._last)
            self._sort_in(_split(self._last))
        if len(self._last) == _BLOCK:
            self._last = b""

    def __contains__(self, key: bytes) -> bool:
        return bool(self._buckets) and self._holds(_hash(key))

    def bury(self, keys: Iterable[bytes]) -> None:
        """Add walks, where they are not there yet."""
        new = sorted({name for name in map(_hash, keys) if not self._holds(name)})
        self._sort_in(new)
        for name in new:
            self._last += name
            self._size += _HASH
            if len(self._last) == _BLOCK:
                self._write()
                self._last = b""
        if new and self._last:
            self._write()

    def _write(self) -> None:
        number = (self._size - 1) // _BLOCK
        self._rows.put(_PREFIX + number.to_bytes(4, "big"), self._last)

    def _holds(self, name: bytes) -> bool:
        bucket = self._buckets.get(_bucket(name), b"")
        at = bisect_left(_Names(bucket), name) * _HASH
        return bucket[at : at + _HASH] == name

    def _sort_in(self, names: Iterable[bytes]) -> None:
        added: dict[int, list[bytes]] = {}
        for name in names:
            added.setdefault(_bucket(name), []).append(name)
        for number, new in added.items():
            old = self._buckets.get(number, b"")
            self._buckets[number] = b"".join(sorted(_split(old) + new))


class _Names:
    """A bucket as a sequence of hashes."""

    def __init__(self, bucket: bytes) -> None:
        self._bucket = bucket

    def __len__(self) -> int:
        return len(self._bucket) // _HASH

    def __getitem__(self, at: int) -> bytes:
        return self._bucket[at * _HASH : (at + 1) * _HASH]


def _hash(key: bytes) -> bytes:
    return blake2b(key, digest_size=_HASH).digest()


def _bucket(name: bytes) -> int:
    return int.from_bytes(name[:2], "big") >> 4


def _split(names: bytes) -> list[bytes]:
    return [names[i : i + _HASH] for i in range(0, len(names), _HASH)]
