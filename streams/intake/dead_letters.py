"""Dead letters: records that can never be valid, with their bytes and why."""

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from schemas.records import DeadLetter
from schemas.version import VERSION
from streams.kafka_clients import MAX_RECORD_BYTES

STAGE = "intake"
CUT = " (not all of its bytes are kept)"
"""Ends the detail of a letter that holds less than the original."""
REPLAY_HEADER = "uptake-replay"
"""Header of a record that was sent again: generation/topic/partition/offset of the first."""
REPLAYED_AT_HEADER = "uptake-replayed-at"
"""Header of a record that was sent again: when, in ms since 1970 UTC. The record's own time is the
one at which it came first."""
_TIME_DIGITS = 15
_ORIGIN = re.compile(rb"(\d{1,7})/([a-z.]{1,99})/(\d{1,9})/(\d{1,18})")
_MAX_KEPT = MAX_RECORD_BYTES - 64 * 1024
"""Bytes of an original that fit into a record beside the rest of the letter."""


class Original(Protocol):
    """The record at fault."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> Sequence[tuple[str, bytes | None]] | None: ...


def replayed_at(original: Original) -> int:
    """When the record was sent again, in ms since 1970 UTC; 0: it was not."""
    for name, text in original.headers() or ():
        if name == REPLAYED_AT_HEADER and text and len(text) <= _TIME_DIGITS and text.isdigit():
            return int(text)
    return 0


class Origin(NamedTuple):
    """Where a record that was sent again lay first."""

    generation: int
    topic: str
    partition: int
    offset: int


def origin_of(original: Original) -> Origin | None:
    """Where the record lay first; None: it was not sent again."""
    for name, text in original.headers() or ():
        match = _ORIGIN.fullmatch(text or b"") if name == REPLAY_HEADER else None
        if match is not None:
            return Origin(int(match[1]), match[2].decode(), int(match[3]), int(match[4]))
    return None


def letter(
    original: Original,
    source: str,
    reason: str,
    detail: str,
    received_at: int,
    now: int,
    generation: int,
) -> DeadLetter:
    """The letter about a record. All its bytes are kept, unless they are more than a record of
    ours can hold: then the key and the headers go first, and the value is cut; `detail` says so."""
    key, value = original.key(), original.value()
    headers = list(original.headers() or ())
    size = len(key or b"") + sum(len(name) + len(text or b"") for name, text in headers)
    if size + len(value or b"") > _MAX_KEPT:
        detail += CUT
        key, headers, value = None, [], value and value[:_MAX_KEPT]
    return DeadLetter(
        received_at,
        now,
        source,
        STAGE,
        reason,
        detail,
        original.topic(),
        original.partition(),
        original.offset(),
        generation,
        VERSION,
        key,
        value,
        headers,
    )
