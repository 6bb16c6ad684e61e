"""A slice of the state as a few buckets, each one string of bytes with about eight rows.

A crc32 of its key says in which slice a row lies, and in which bucket of it. A slice gets one more
bucket when it has more rows (linear hashing), so that no row but those of one bucket moves.

A bucket is a msgpack map whose head always takes three bytes. So rows can be laid over those of a
bucket without a look into either: a key may come twice, and what comes last holds.
"""

from typing import Final
from zlib import crc32

import msgspec

from streams.model.stage import LISTED
from streams.state.errors import LogDamaged

HASHED: Final = 1024
SLICES: Final = 2 * HASHED
"""Each hash has two slices: the later half is for rows of kinds that are listed, so that to list
them is no pass over all rows."""

BUCKET_ROWS: Final = 8
"""A slice gets one bucket more when there are more rows than this for each."""

EMPTY: Final = b"\xde\x00\x00"
DROPPED: Final = b""
"""Stands for a row that is gone."""

Bucket = dict[bytes, bytes]
"""Encoded rows by key."""

_HEAD = 3
_NONE = 0xDE0000
"""The head of no entries, as a number: that of more is higher by so many."""

_MOST = 0xFFFF
_SHORT = 16
_HEADS = [(_NONE + count).to_bytes(_HEAD, "big") for count in range(_SHORT)]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Bucket).decode


def encode_bucket(rows: Bucket) -> bytes:
    """The rows as one string."""
    encoded = _encode(rows)
    return encoded if len(rows) >= _SHORT else _HEADS[len(rows)] + encoded[1:]


def decode_changes(encoded: bytes) -> Bucket:
    """The rows of a bucket, DROPPED ones among them; raises LogDamaged when it is none."""
    try:
        return _decode(encoded)
    except msgspec.MsgspecError as error:
        raise LogDamaged(f"a bucket of the state log is no map of rows: {error}") from error


def decode_bucket(encoded: bytes) -> Bucket:
    """The rows that a bucket holds; raises LogDamaged when it is none."""
    rows = decode_changes(encoded)
    if DROPPED in rows.values():
        return {key: row for key, row in rows.items() if row}
    return rows


def overlaid(layers: list[bytes]) -> bytes:
    """A bucket of several, of which the rows of later ones hold. Raises LogDamaged."""
    count = 0
    for layer in layers:
        # More than any count, if the head is another.
        count += int.from_bytes(layer[:_HEAD], "big") ^ _NONE
    if count <= _MOST:
        head = (_NONE + count).to_bytes(_HEAD, "big")
        return b"".join([head, *[layer[_HEAD:] for layer in layers]])
    rows: Bucket = {}
    for layer in layers:
        rows |= decode_changes(layer)
    return encode_bucket(rows)


def entries(bucket: bytes) -> int:
    """How many entries a bucket has, by its head: rows, and what is laid over by others or stands
    for a dropped one. Raises LogDamaged when it is no bucket."""
    head = int.from_bytes(bucket[:_HEAD], "big")
    if head >> 16 != 0xDE:
        raise LogDamaged(f"a bucket of the state log begins with {bucket[:3].hex()!r}, not with de")
    return head - _NONE


def slice_of(key: bytes, place: int) -> int:
    """The slice of a key, whose crc32 is `place`."""
    return place % HASHED + (HASHED if key[0] in LISTED else 0)


def bucket_at(place: int, buckets: int) -> int:
    """The bucket of a hash, as linear hashing has it: buckets are split one after the other."""
    inside = place // HASHED
    level = 1 << (buckets.bit_length() - 1)
    at = inside & (2 * level - 1)
    return at if at < buckets else at & (level - 1)


def next_split(count: int) -> int:
    """Which of so many buckets gives rows to one more."""
    return count - (1 << (count.bit_length() - 1))


def split(buckets: list[bytes]) -> int:
    """Add a bucket, for rows of an earlier one; return which one that was."""
    old = next_split(len(buckets))
    moves = (len(buckets) - old) * HASHED
    rows = decode_bucket(buckets[old])
    moved = [key for key in rows if crc32(key) & moves]
    buckets.append(encode_bucket({key: rows.pop(key) for key in moved}))
    buckets[old] = encode_bucket(rows)
    return old


def buckets_of(rows: Bucket) -> list[bytes]:
    """All rows of a slice as buckets."""
    count = max(1, -(-len(rows) // BUCKET_ROWS))
    parts: list[Bucket] = [{} for _ in range(count)]
    for key, encoded in rows.items():
        parts[bucket_at(crc32(key), count)][key] = encoded
    return list(map(encode_bucket, parts))
