"""Places of many ids, in about 12 bytes for each.

A hash of 4 bytes stands for an id. So an id that was never added may seem to have a place, which
whoever asks must look at: one in 1,400 of such ids when there are 3 million. Hash and place are 8
bytes, also read as one number with the hash in its lower half. They lie in buckets, one string of
bytes each; there is one bucket more for every so many ids (linear hashing).
"""

from array import array
from collections.abc import Iterable, MutableSequence, Sequence
from struct import Struct, pack, unpack

_pair = Struct("<II")
_half = Struct("<I")
_HASH = 0xFFFF_FFFF
_BUCKET_IDS = 32
_FEWEST = 64
"""Buckets at the beginning, a power of two."""


class Places:
    """A multimap from ids to numbers below 2**32. `runs`: what it begins with, as (number of the
    first id, ids); the other ids of a run have the numbers that follow."""

    def __init__(self, runs: Iterable[tuple[int, Iterable[bytes]]] = ()) -> None:
        parts = _parts(runs)
        self._count = sum(map(len, parts))
        buckets = max(_FEWEST, -(-self._count // _BUCKET_IDS))
        self._level = 1 << (buckets.bit_length() - 1)
        self._mask = 2 * self._level - 1
        self._buckets = _spread(parts, buckets, self._level)
        self._most = _BUCKET_IDS * buckets
        """With more ids a bucket is added."""

    def __len__(self) -> int:
        return self._count

    def of(self, name: bytes) -> Sequence[int]:
        """The places that `name` may have, and those that it has."""
        number = hash(name) & _HASH
        bucket = self._buckets[self._at(number)]
        wanted = _half.pack(number)
        found = bucket.find(wanted)
        if found < 0:
            return ()
        places: list[int] = []
        while found >= 0:
            if not found % _pair.size:
                places += _half.unpack_from(bucket, found + _half.size)
            found = bucket.find(wanted, found + 1)
        return places

    def add(self, name: bytes, place: int) -> None:
        """One more place of `name`."""
        number = hash(name) & _HASH
        # As `_at`, but every event comes here.
        at = number & self._mask
        buckets = self._buckets
        if at >= len(buckets):
            at -= self._level
        buckets[at] += _pair.pack(number, place)
        self._count += 1
        if self._count > self._most:
            self._split()

    def remove(self, name: bytes, place: int) -> None:
        """Raises KeyError when this was not added."""
        number = hash(name) & _HASH
        at = self._at(number)
        bucket = self._buckets[at]
        pair = _pair.pack(number, place)
        found = bucket.find(pair)
        while found >= 0 and found % _pair.size:
            found = bucket.find(pair, found + 1)
        if found < 0:
            raise KeyError(name)
        self._buckets[at] = bucket[:found] + bucket[found + _pair.size :]
        self._count -= 1

    def _at(self, number: int) -> int:
        at = number & self._mask
        return at if at < len(self._buckets) else at - self._level

    def _split(self) -> None:
        """One more bucket, for half of what lies in the next one that was not split."""
        new = len(self._buckets)
        if new > self._mask:
            self._level, self._mask = new, 2 * new - 1
        level = self._level
        pairs = _unpacked(self._buckets[new - level])
        self._buckets[new - level] = _packed([pair for pair in pairs if not pair & level])
        self._buckets.append(_packed([pair for pair in pairs if pair & level]))
        self._most += _BUCKET_IDS


def _packed(pairs: Sequence[int]) -> bytes:
    return pack(f"<{len(pairs)}Q", *pairs)


def _unpacked(pairs: bytes) -> tuple[int, ...]:
    return unpack(f"<{len(pairs) // _pair.size}Q", pairs)


def _parts(runs: Iterable[tuple[int, Iterable[bytes]]]) -> list[MutableSequence[int]]:
    """Pairs by the lowest bits of their hashes."""
    parts: list[MutableSequence[int]] = [array("Q") for _ in range(_FEWEST)]
    add = [part.append for part in parts]
    for first, names in runs:
        for place, number in enumerate(map(hash, names), first):
            add[number & (_FEWEST - 1)](place << 32 | number & _HASH)
    return parts


def _spread(parts: list[MutableSequence[int]], count: int, level: int) -> list[bytes]:
    """`count` buckets as if all pairs had been added one by one. A part after the other, so that
    what is worked on is small; the parts are used up."""
    lists: list[list[int]] = [[] for _ in range(count)]
    # By the lower bits of a hash: where there is no bucket yet, the one that is still to be split.
    by_hash = lists + lists[count - level : level]
    mask = 2 * level - 1
    buckets = [b""] * count
    while parts:
        for pair in parts.pop():
            by_hash[pair & mask].append(pair)
        for at in range(len(parts), count, _FEWEST):
            buckets[at] = _packed(lists[at])
            lists[at].clear()
    return buckets
