"""What can go wrong between us and ClickHouse, in the project's four kinds.

Errors of the client library and of the network are translated here, at the boundary.
"""

import struct
from typing import Final

from clickhouse_connect.driver.exceptions import DataError, Error
from urllib3.exceptions import HTTPError, MaxRetryError


class StoreError(Exception):
    """Base of all of them. `code` is ClickHouse's number of the error, 0 when there is none."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class NeverValid(StoreError):
    """The rows themselves are refused, now and for ever."""


class TryAgain(StoreError):
    """ClickHouse is away, busy or out of room; the same request may succeed later."""


class SlowDown(TryAgain):
    """ClickHouse asks for fewer or larger requests."""


class OurBug(StoreError):
    """The request makes no sense to this server: wrong SQL, table, user or version."""


_SLOW_DOWN: Final = frozenset({202, 252, 293, 439})
"""Too many queries, parts, or tasks."""

_TRY_AGAIN: Final = frozenset(
    {3, 74, 75, 76, 159, 160, 164, 198, 203, 209, 210, 216, 225, 236, 241, 242, 243, 279, 285}
    | {286, 305, 306, 319, 364, 394, 425, 473, 499, 598, 604, 722, 999, 1000, 1002}
)
"""Files, time, memory, disks, replicas, Keeper, network, shutting down."""

_NEVER_VALID: Final = frozenset(
    {6, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 128, 130, 131, 190, 321, 349, 376, 395}
    | {407, 441, 469, 636, 691, 695}
)
"""Values that cannot be read, converted or kept."""

_VALUE_ERRORS: Final = (DataError, OverflowError, struct.error, TypeError, ValueError)


def translate(error: Exception) -> StoreError | None:
    """The error in our kinds; None when it is none that an insert or a query may raise."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, DataError):
        return NeverValid(_text(error))
    if isinstance(error, Error):
        return _of_server(error)
    if isinstance(error, (HTTPError, OSError)):
        return TryAgain(_text(error))
    if isinstance(error, _VALUE_ERRORS):
        return NeverValid(f"{type(error).__name__} while encoding rows")
    return None


def _of_server(error: Error) -> StoreError:
    code = error.code or 0
    text = _text(error)
    if code == 0:
        return TryAgain(text)
    if code in _SLOW_DOWN:
        return SlowDown(text, code)
    if code in _TRY_AGAIN:
        return TryAgain(text, code)
    if code in _NEVER_VALID:
        return NeverValid(text, code)
    return OurBug(text, code)


def _text(error: Exception) -> str:
    """One line, without the values of rows that ClickHouse puts after its first sentence."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MaxRetryError):
            return _no_answer(cause)
        cause = cause.__cause__ or cause.__context__
    first = str(error).strip().partition("\n")[0]
    return first[:300]


def _no_answer(error: MaxRetryError) -> str:
    """Where nothing answered, and why; the client's own text is long and begins with neither."""
    pool = error.pool
    why = str(error.reason).rpartition(": ")[2]
    return f"ClickHouse does not answer at {pool.host}:{pool.port}: {why}"[:300]
