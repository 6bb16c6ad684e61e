"""xAPI statements of a video course, one JSON a line: they go in as they are.

Learner: the actor's account (home page and name). The id is the statement's own.
"""

from collections.abc import Iterable, Iterator

import msgspec

from schemas.adapters.common import AdapterError, milliseconds

SOURCE = "lms"


class _Times(msgspec.Struct, gc=False):
    timestamp: str = ""


_decode_times = msgspec.json.Decoder(_Times).decode


def statements(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The statements of a file, without empty lines and surrounding blanks."""
    for line in lines:
        text = line.strip()
        if text:
            yield text


def occurred_at(statement: bytes) -> int:
    """When it happened, in ms since 1970 UTC.

    Raises AdapterError when the statement is no JSON object or has no timestamp.
    """
    try:
        times = _decode_times(statement)
    except msgspec.MsgspecError as error:
        raise AdapterError(f"not an xAPI statement: {error}") from None
    return milliseconds(times.timestamp)
