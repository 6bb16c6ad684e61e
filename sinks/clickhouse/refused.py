"""Rows that ClickHouse refuses for good, and records that are none of ours -> dead letters, and
rows back. Pure."""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec

from schemas.records import DeadLetter
from schemas.topics import ENRICHED, INDICATORS, PANES, SOURCES
from schemas.version import VERSION
from sinks.clickhouse import tables
from sinks.clickhouse.errors import NeverValid

STAGE: Final = "sink"
REASON: Final = "refused_by_store"
UNDECODABLE: Final = "undecodable"
"""Reason of a record of an internal topic that cannot be read: a mistake of ours, or somebody
else wrote to the topic."""
MOST_BYTES: Final = 8 * 1024 * 1024
"""Of a record with a dead letter, as its topic takes it."""
_ROOM: Final = 64 * 1024

TABLE_HEADER: Final = "uptake-table"
"""Header of such a letter: the table whose row its value is."""

_VALUES: Final = re.compile(r" Column values:| before: |:? \(at row | \(version | \(for url ")
"""From here on the server's text may quote the row."""

_TOPICS: Final = {
    "panes": PANES,
    "rolling": INDICATORS,
    "repairs": INDICATORS,
    "recalls": INDICATORS,
}


class Times(NamedTuple):
    """ms since 1970 UTC."""

    written_at: int
    now: int


def dead_letter(table: str, row: Sequence[Any], why: NeverValid, now_ms: int) -> DeadLetter:
    """The dead letter of one row. Its value is the row as msgpack, by name of column.

    A row of an event carries the event's coordinates. Others have none: partition -1, and a
    checksum of the row in the place of the offset, so that two rows stay two letters.
    """
    named = dict(zip(tables.names(table), row, strict=True))
    value = msgspec.msgpack.encode(named)
    of_event = table in ("events_log", "set_aside")
    return DeadLetter(
        received_at=named["received_at"] if of_event else now_ms,
        dead_at=now_ms,
        source=named["source"] if of_event else "",
        stage=STAGE,
        reason=REASON,
        detail=f"a row of {table}: error {why.code}: {server_reason(why)}",
        topic=f"events.{named['source']}" if of_event else _TOPICS.get(table, ENRICHED),
        partition=named["partition"] if of_event else -1,
        offset=named["offset"] if of_event else crc32(value),
        generation=named["generation"] if of_event else 0,
        code_version=VERSION,
        key=None,
        value=value,
        headers=[(TABLE_HEADER, table.encode())],
    )


def undecodable(
    topic: str, partition: int, offset: int, generation: int, value: bytes | None, times: Times
) -> DeadLetter:
    """The dead letter of a record of an internal topic, with its bytes unless they are too many;
    the topic keeps them too."""
    kept = value is None or len(value) <= MOST_BYTES - _ROOM
    return DeadLetter(
        received_at=times.written_at,
        dead_at=times.now,
        source="",
        stage=STAGE,
        reason=UNDECODABLE,
        detail="no record of this topic" + ("" if kept else "; its bytes are not kept"),
        topic=topic,
        partition=partition,
        offset=offset,
        generation=generation,
        code_version=VERSION,
        key=None,
        value=value if kept else None,
    )


def row_of(letter: DeadLetter) -> tuple[str, tuple[Any, ...]] | None:
    """The table and the row that the letter is about; None: it does not say, or of columns that
    the table has no more."""
    table = next((text or b"" for name, text in letter.headers if name == TABLE_HEADER), b"")
    name = table.decode(errors="replace")
    if name not in tables.INSERTED or not letter.value:
        return None
    named = msgspec.msgpack.decode(letter.value, type=dict[str, Any])
    columns = tables.names(name)
    return (name, tuple(named[each] for each in columns)) if {*columns} == {*named} else None


def server_reason(why: NeverValid) -> str:
    """The server's sentence, without the numbers before it and the values after it."""
    sentence = str(why).rpartition("DB::Exception: ")[2]
    return _VALUES.split(sentence, maxsplit=1)[0].strip()


def set_aside_row(letter: DeadLetter) -> list[list[Any]]:
    """Columns of `set_aside` that count a refused event as dead."""
    assert letter.source in SOURCES
    row = (
        "dead", letter.source, letter.partition, letter.offset, letter.generation,
        letter.received_at, REASON, bytes(16), "", 0, 0, 0,
    )  # fmt: skip
    return [[value] for value in row]
