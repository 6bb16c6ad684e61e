"""Finds dead letters in the store, shows them and sends them again."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from schemas.records import DeadLetter
from schemas.settings import Settings
from schemas.topics import DIRECTORY, EVENTS
from streams.intake import store
from streams.intake.dead_letters import CUT, REPLAY_HEADER, REPLAYED_AT_HEADER
from streams.intake.writer import Writer

_WAIT_SECONDS = 30.0
_OURS = frozenset({REPLAY_HEADER, REPLAYED_AT_HEADER})
_REPLAYABLE = frozenset({*EVENTS, DIRECTORY})
_LETTERS = """
SELECT toUnixTimestamp64Milli(received_at), toUnixTimestamp64Milli(dead_at), source, stage, reason,
    detail, topic, partition, offset, generation, code_version, hex(key), hex(value),
    arrayMap(header -> (header.1, hex(header.2)), headers)
FROM dead_letters_log FINAL
WHERE ({reason:String} = '' OR reason = {reason:String})
    AND ({source:String} = '' OR source = {source:String})
    AND ({topic:String} = '' OR topic = {topic:String})
    AND ({partition:Int64} < 0 OR partition = {partition:Int64})
    AND ({offset:Int64} < 0 OR offset = {offset:Int64})
ORDER BY dead_at DESC, topic, generation DESC, partition, offset DESC
LIMIT {limit:UInt64}
"""


class NotReplayable(Exception):
    """Never valid: this letter can not be sent again as it is."""


def find(
    settings: Settings,
    *,
    reason: str = "",
    source: str = "",
    topic: str = "",
    partition: int = -1,
    offset: int = -1,
    limit: int = 100,
) -> list[DeadLetter]:
    """The letters of which all this is true, the newest first; empty text and -1 ask for
    nothing. Raises StoreUnavailable."""
    wanted = {
        "reason": reason,
        "source": source,
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "limit": limit,
    }
    found = store.rows(settings.clickhouse, _LETTERS, wanted)
    return [_letter(row) for row in found]


def shown(letter: DeadLetter) -> str:
    """All of a letter, a line a part. It may hold personal data: for a screen, not for a log."""
    lines = [
        f"record    {letter.topic} partition {letter.partition} offset {letter.offset}"
        f" (life {letter.generation} of the log)",
        f"received  {_time(letter.received_at)}",
        f"refused   {_time(letter.dead_at)} by {letter.stage} of version {letter.code_version}",
        f"reason    {letter.reason}: {letter.detail}",
        f"key       {_escaped(letter.key)}",
        *(
            f"header    {_escaped(name.encode())}: {_escaped(text)}"
            for name, text in letter.headers
        ),
        f"value     {_escaped(letter.value)}",
    ]
    return "\n".join(lines)


def replay(
    settings: Settings,
    letters: Iterable[DeadLetter],
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Send the original records again, each with the time at which it was received first; return
    how many. Each counts once more as received; one that is valid now is known by its id, so
    sending it twice stores it once.

    Nothing is sent when one of them can not be (NotReplayable). Raises NotWritten when Kafka does
    not take them in time.
    """
    letters = list(letters)
    for letter in letters:
        _check(letter)
    writer = Writer(settings.kafka, "uptake-replay")
    for letter in letters:
        origin = f"{letter.generation}/{letter.topic}/{letter.partition}/{letter.offset}"
        headers = [header for header in letter.headers if header[0] not in _OURS]
        writer.write(
            letter.topic,
            letter.value,
            key=letter.key,
            timestamp=letter.received_at,
            headers=[
                *headers,
                (REPLAY_HEADER, origin.encode()),
                (REPLAYED_AT_HEADER, b"%d" % (time.time_ns() // 1_000_000)),
            ],
        )
        progress(writer.acknowledged)
    writer.finish(_WAIT_SECONDS)
    progress(writer.acknowledged)
    return len(letters)


def _check(letter: DeadLetter) -> None:
    where = f"{letter.topic} partition {letter.partition} offset {letter.offset}"
    if letter.topic not in _REPLAYABLE:
        raise NotReplayable(f"{where}: only records of tools can be sent again")
    if letter.detail.endswith(CUT):
        raise NotReplayable(f"{where}: not all of its bytes were kept")


def _letter(row: tuple[Any, ...]) -> DeadLetter:
    *facts, key, value, headers = row
    kept = [(name, _bytes(of)) for name, of in headers]
    return msgspec.convert((*facts, _bytes(key), _bytes(value), kept), DeadLetter)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def _escaped(value: bytes | None) -> str:
    """Readable where it is text, \\x.. where it is not; never more than one line."""
    if value is None:
        return "(none)"
    text = value.decode("utf-8", "backslashreplace")
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def _time(milliseconds: int) -> str:
    """RFC 3339; a record's time may be any number its writer gave it, also none of a calendar."""
    try:
        when = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms since 1970"
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
