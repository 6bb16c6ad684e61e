"""Places of many ids, in 12 bytes for each.

A hash of 8 bytes stands for an id. So an id that was never added may seem to have a place, which
whoever asks must look at. Hashes and places lie side by side in buckets, one string of bytes
each; there is one bucket more for every so many ids (linear hashing).
"""

from collections.abc import Iterator
from struct import Struct

_pair = Struct("<qI")
_hash_bytes = Struct("<q")
_BUCKET_IDS = 24


class Places:
    """A multimap from ids to numbers below 2**32."""

    def __init__(self) -> None:
        self._buckets = [bytearray()]
        self._level = 1
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def of(self, name: bytes) -> Iterator[int]:
        """The places that `name` may have, and those that it has."""
        place = hash(name)
        bucket = self._buckets[self._at(place)]
        wanted = _hash_bytes.pack(place)
        found = bucket.find(wanted)
        while found >= 0:
            if not found % _pair.size:
                yield _pair.unpack_from(bucket, found)[1]
            found = bucket.find(wanted, found + 1)

    def add(self, name: bytes, place: int) -> None:
        """One more place of `name`."""
        number = hash(name)
        self._buckets[self._at(number)] += _pair.pack(number, place)
        self._count += 1
        if self._count > _BUCKET_IDS * len(self._buckets):
            self._split()

    def remove(self, name: bytes, place: int) -> None:
        """Raises KeyError when this was not added."""
        number = hash(name)
        bucket = self._buckets[self._at(number)]
        pair = _pair.pack(number, place)
        found = bucket.find(pair)
        while found >= 0 and found % _pair.size:
            found = bucket.find(pair, found + 1)
        if found < 0:
            raise KeyError(name)
        del bucket[found : found + _pair.size]
        self._count -= 1

    def _at(self, number: int) -> int:
        at = number & (2 * self._level - 1)
        return at if at < len(self._buckets) else at & (self._level - 1)

    def _split(self) -> None:
        """One more bucket, for half of what lies in the next one that was not split."""
        new = len(self._buckets)
        if new == 2 * self._level:
            self._level = new
        old = self._buckets[new - self._level]
        kept, moved = bytearray(), bytearray()
        for number, place in _pair.iter_unpack(old):
            part = moved if number & self._level else kept
            part += _pair.pack(number, place)
        # As copies, which are not larger than they need to be.
        self._buckets[new - self._level] = kept[:]
        self._buckets.append(moved[:])
