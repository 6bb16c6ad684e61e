"""Errors in the form in which a ClickHouse server answers them."""

import re
from typing import Final

_CODE: Final = re.compile(r"Code: (\d+)\. DB::Exception:")

SYNTAX_ERROR: Final = 62
READONLY: Final = 164
TOO_MANY_QUERIES: Final = 202
SESSION_NOT_FOUND: Final = 372
NOT_IMPLEMENTED: Final = 48
ACCESS_DENIED: Final = 497
AUTHENTICATION_FAILED: Final = 516
UNKNOWN_COMPRESSION: Final = 89
BAD_ARGUMENTS: Final = 36
TOO_LARGE: Final = 307
NOT_ENOUGH_SPACE: Final = 243

_NAMES: Final = {
    SYNTAX_ERROR: "SYNTAX_ERROR",
    READONLY: "READONLY",
    TOO_MANY_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    SESSION_NOT_FOUND: "SESSION_NOT_FOUND",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    ACCESS_DENIED: "ACCESS_DENIED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    UNKNOWN_COMPRESSION: "UNKNOWN_COMPRESSION_METHOD",
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    TOO_LARGE: "TOO_MANY_BYTES",
    NOT_ENOUGH_SPACE: "NOT_ENOUGH_SPACE",
}

_STATUS: Final = {
    NOT_IMPLEMENTED: 501,
    AUTHENTICATION_FAILED: 403,
    ACCESS_DENIED: 403,
    TOO_MANY_QUERIES: 429,
    TOO_LARGE: 413,
    UNKNOWN_COMPRESSION: 400,
    BAD_ARGUMENTS: 400,
    SYNTAX_ERROR: 400,
    SESSION_NOT_FOUND: 404,
    6: 400,
    27: 400,
    33: 400,
    41: 400,
    46: 404,
    47: 404,
    53: 400,
    60: 404,
    81: 404,
    115: 404,
    159: 408,
}
"""HTTP status by number of the error, as a ClickHouse server chooses it; else 500."""


class Refused(Exception):
    """An answer that is an error. `code` is ClickHouse's number of it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return _STATUS.get(self.code, 500)


def refused(code: int, message: str) -> Refused:
    """An error that the front finds by itself."""
    return Refused(code, f"Code: {code}. DB::Exception: {message} ({_NAMES[code]})")


def of_engine(error: Exception) -> Refused:
    """An error of the engine, with what the Python layer put before it cut off."""
    text = str(error)
    found = _CODE.search(text)
    if found is None:
        return Refused(1001, f"Code: 1001. DB::Exception: {text} (STD_EXCEPTION)")
    return Refused(int(found[1]), text[found.start() :].strip())
