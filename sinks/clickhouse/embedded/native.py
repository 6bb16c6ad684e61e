"""The Native format for clients that name a protocol version. Pure.

The engine writes Native as for version 0. A client that asks for a newer version (clickhouse-go,
so Grafana) expects a head before each block and, from 54454 on, a flag before each column's data.
Where a column ends is known only by walking through it.
"""

from collections.abc import Iterator
from typing import Final

from clickhouse_connect.datatypes.base import ClickHouseType
from clickhouse_connect.datatypes.container import Array, Map, Tuple
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.datatypes.string import String

from sinks.clickhouse.embedded.errors import NOT_IMPLEMENTED, refused

WITH_COLUMN_FLAGS: Final = 54454
"""The first version whose columns carry a flag (custom serialization)."""

_BLOCK_HEAD: Final = b"\x01\x00\x02\xff\xff\xff\xff\x00"
"""Not an overflow block; no bucket."""

_DICTIONARY_HEAD: Final = 8
"""Bytes before a column that has a dictionary, for each of them: the version of its form."""

_PLAIN: Final = b"\x00"
"""Flag of a column: written in the usual way."""


def reframe(data: bytes) -> bytes:
    """Native blocks of version 0 -> the same blocks as version 54454 has them.

    Raises Refused for types whose length cannot be found.
    """
    return b"".join(_reframed(data))


def _reframed(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        begin = at
        columns, at = _varint(data, at)
        rows, at = _varint(data, at)
        yield _BLOCK_HEAD + data[begin:at]
        for _ in range(columns):
            begin = at
            length, at = _varint(data, at)
            length, at = _varint(data, at + length)
            kind = data[at : at + length].decode()
            at += length
            yield data[begin:at] + _PLAIN
            begin = at
            if rows:
                at = _end_of_column(data, at, get_from_name(kind), rows)
            yield data[begin:at]


def _end_of_column(data: bytes, at: int, kind: ClickHouseType, rows: int) -> int:
    """Where a column ends whose type's name ends at `at`: heads of dictionaries, then values."""
    return _end(data, at + _DICTIONARY_HEAD * _dictionaries(kind), kind, rows)


def _dictionaries(kind: ClickHouseType) -> int:
    """How many dictionaries a column of this type has."""
    if isinstance(kind, Array):
        return _dictionaries(kind.element_type)
    if isinstance(kind, Map):
        return _dictionaries(kind.key_type) + _dictionaries(kind.value_type)
    if isinstance(kind, Tuple):
        return sum(map(_dictionaries, kind.element_types))
    return int(kind.low_card)


def _end(data: bytes, at: int, kind: ClickHouseType, rows: int) -> int:
    """Where the values end that begin at `at`."""
    if kind.low_card:
        return _end_of_dictionary(data, at, kind, rows)
    return _end_of_values(data, at + rows if kind.nullable else at, kind, rows)


def _end_of_dictionary(data: bytes, at: int, kind: ClickHouseType, rows: int) -> int:
    """Flags (the low byte: size of an index), the different values, then an index a row."""
    index_bytes = 1 << data[at]
    different = int.from_bytes(data[at + 8 : at + 16], "little")
    at = _end_of_values(data, at + 16, kind, different)
    return at + 8 + index_bytes * rows


def _end_of_values(data: bytes, at: int, kind: ClickHouseType, rows: int) -> int:
    """The same, but for what Nullable and LowCardinality put before them."""
    if isinstance(kind, String):
        for _ in range(rows):
            length, at = _varint(data, at)
            at += length
        return at
    if isinstance(kind, Array):
        return _end_of_array(data, at, [kind.element_type], rows)
    if isinstance(kind, Map):
        return _end_of_array(data, at, [kind.key_type, kind.value_type], rows)
    if isinstance(kind, Tuple):
        for element in kind.element_types:
            at = _end(data, at, element, rows)
        return at
    if kind.byte_size:
        return at + kind.byte_size * rows
    raise refused(NOT_IMPLEMENTED, f"Native with a protocol version and {kind.name}")


def _end_of_array(data: bytes, at: int, elements: list[ClickHouseType], rows: int) -> int:
    """The ends of the arrays as 8 bytes each come first, then all their elements."""
    at += 8 * rows
    count = int.from_bytes(data[at - 8 : at], "little")
    if count:
        for element in elements:
            at = _end(data, at, element, count)
    return at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
