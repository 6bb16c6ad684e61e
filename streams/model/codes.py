"""Small numbers for names and cohorts, given in the order of first use and kept in the state.

As the order of records decides, every worker that reads the same log gives the same numbers.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import msgspec

from schemas.records import Cohort, Series
from streams.model.stage import Rows

V = TypeVar("V", bound=Hashable)


class Codes(Generic[V]):
    """A list of values in one row of the state; a value's place is its code."""

    def __init__(self, rows: Rows, key: bytes, decode: Callable[[bytes], list[V]]) -> None:
        self._rows = rows
        self._key = key
        self._decode = decode
        self.values: list[V] = []
        self._codes: dict[V, int] = {}

    def recovered(self) -> None:
        self.values = list(self._rows.peek(self._key, self._decode) or [])
        self._codes = {value: code for code, value in enumerate(self.values)}

    def code(self, value: V) -> int:
        known = self._codes.get(value)
        if known is not None:
            return known
        code = self._codes[value] = len(self.values)
        self.values.append(value)
        self._rows.put(self._key, self.values)
        return code


def names(rows: Rows, key: bytes) -> Codes[str]:
    return Codes(rows, key, msgspec.msgpack.Decoder(list[str]).decode)


def cohorts(rows: Rows, key: bytes) -> Codes[Cohort]:
    return Codes(rows, key, msgspec.msgpack.Decoder(list[Cohort]).decode)


def series_codes(rows: Rows, key: bytes) -> Codes[Series]:
    return Codes(rows, key, msgspec.msgpack.Decoder(list[Series]).decode)
