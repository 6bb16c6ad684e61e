"""A slice of the state as a few buckets, each one string of bytes with about eight rows.

A crc32 of its key says in which slice a row lies, and in which bucket of it. A slice gets one more
bucket when it has more rows (linear hashing), so that no row but those of one bucket moves.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Final
from zlib import crc32

import msgspec

from streams.state.errors import LogDamaged

SLICES: Final = 1024
BUCKET_ROWS: Final = 8
"""A slice gets one bucket more when there are more rows than this for each."""

EMPTY: Final = b"\x80"

Bucket = dict[bytes, bytes]
"""Encoded rows by key."""

encode_bucket = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Bucket).decode


def decode_bucket(encoded: bytes) -> Bucket:
    """The rows of a bucket; raises LogDamaged when it is none."""
    try:
        return _decode(encoded)
    except msgspec.MsgspecError as error:
        raise LogDamaged(f"a bucket of the state log is no map of rows: {error}") from error


def bucket_at(place: int, buckets: int) -> int:
    """The bucket of a hash, as linear hashing has it: buckets are split one after the other."""
    inside = place // SLICES
    level = 1 << (buckets.bit_length() - 1)
    at = inside & (2 * level - 1)
    return at if at < buckets else at & (level - 1)


def split(buckets: list[bytes]) -> int:
    """Add a bucket, for rows of an earlier one; return which one that was."""
    count = len(buckets)
    old = count - (1 << (count.bit_length() - 1))
    parts: tuple[Bucket, Bucket] = ({}, {})
    for key, encoded in decode_bucket(buckets[old]).items():
        parts[bucket_at(crc32(key), count + 1) == count][key] = encoded
    buckets[old] = encode_bucket(parts[0])
    buckets.append(encode_bucket(parts[1]))
    return old


def buckets_of(rows: Bucket) -> list[bytes]:
    """All rows of a slice as buckets."""
    count = max(1, -(-len(rows) // BUCKET_ROWS))
    parts: list[Bucket] = [{} for _ in range(count)]
    for key, encoded in rows.items():
        parts[bucket_at(crc32(key), count)][key] = encoded
    return list(map(encode_bucket, parts))


def rows_in(bucket: bytes) -> int:
    """How many, by the head of a msgpack map; raises LogDamaged when it is none."""
    first = bucket[0] if bucket else 0
    if 0x80 <= first < 0x90:
        return first & 0x0F
    if first not in (0xDE, 0xDF):
        raise LogDamaged(f"a bucket of the state log begins with {first:#04x}, not with a map")
    return int.from_bytes(bucket[1:3] if first == 0xDE else bucket[1:5], "big")


def kinds_of(slices: Iterable[list[bytes]]) -> dict[bytes, list[int]]:
    """In which slices rows lie, by the first byte of their keys; one pass over all rows."""
    kinds: dict[bytes, list[int]] = {}
    for number, buckets in enumerate(slices):
        keys = chain.from_iterable(map(decode_bucket, buckets))
        for kind in {key[:1] for key in keys}:
            kinds.setdefault(kind, []).append(number)
    return kinds
