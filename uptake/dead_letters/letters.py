"""Finds dead letters in the store, and says what was done about each."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from schemas.records import DeadLetter
from schemas.settings import Settings
from sinks.clickhouse.client import Store

REPLAYED = "replayed"
DROPPED = "dropped"

_PLACE = re.compile(
    r"(?P<topic>.+)/(?P<partition>-1|\d{1,9})/(?P<offset>\d{1,18})(@(?P<life>\d+))?"
)
_KEY = "topic, generation, partition, offset, stage"
_WHERE = """
    ({reason:String} = '' OR reason = {reason:String})
    AND ({source:String} = '' OR source = {source:String})
    AND ({stage:String} = '' OR stage = {stage:String})
    AND dead_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
    AND ({topic:String} = ''
        OR (topic = {topic:String} AND partition = {partition:Int32} AND offset = {offset:Int64}))
    AND ({life:Int64} < 0 OR generation = {life:Int64})
"""
_LETTERS = f"""
SELECT toUnixTimestamp64Milli(received_at), toUnixTimestamp64Milli(dead_at), source, stage, reason,
    detail, topic, partition, offset, generation, code_version, hex(key), hex(value),
    arrayMap(header -> (header.1, hex(header.2)), headers),
    fate, toUnixTimestamp64Milli(decided_at), to_generation, to_partition, to_offset
FROM (SELECT * FROM dead_letters_log FINAL WHERE {_WHERE}) AS l
LEFT JOIN (SELECT * FROM dead_letter_fates FINAL) AS f USING ({_KEY})
WHERE {{every:Bool}} OR fate = ''
"""
_NEWEST = "ORDER BY dead_at DESC, topic, generation DESC, partition, offset DESC"
_FIRST = "ORDER BY received_at, topic, generation, partition, offset"
_COUNTS = f"""
SELECT source, stage, reason, count(), countIf(fate = ''), countIf(fate = '{REPLAYED}'),
    countIf(fate = '{DROPPED}'), toUnixTimestamp64Milli(min(dead_at)),
    toUnixTimestamp64Milli(max(dead_at))
FROM dead_letters
WHERE {_WHERE}
GROUP BY source, stage, reason
ORDER BY count() DESC, source, stage, reason
"""


class Place(NamedTuple):
    """Where a record lies. `life`: generation of the log; -1: the newest that has such a letter."""

    topic: str
    partition: int
    offset: int
    life: int = -1


class Wanted(NamedTuple):
    """Which letters; empty text, 0 and None ask for nothing."""

    reason: str = ""
    source: str = ""
    stage: str = ""
    since: int = 0
    """Refused at this time or later (ms since 1970 UTC)."""
    place: Place | None = None
    every: bool = False
    """Also those about which something was done."""


class Fate(NamedTuple):
    """What was done about a letter."""

    kind: str
    """REPLAYED or DROPPED."""
    decided_at: int
    """ms since 1970 UTC."""
    generation: int
    partition: int
    """Where the record lies now; -1: it was not sent."""
    offset: int


class Found(NamedTuple):
    """A letter, and what was done about it."""

    letter: DeadLetter
    fate: Fate | None


class Count(NamedTuple):
    """How many letters there are of a source, stage and reason. Times in ms since 1970 UTC."""

    source: str
    stage: str
    reason: str
    all: int
    open: int
    """About which nothing was done."""
    replayed: int
    dropped: int
    first: int
    last: int


def place_of(text: str) -> Place | None:
    """TOPIC/PARTITION/OFFSET, with @GENERATION where it is another life of the log; None: it is
    none. Partition -1 is that of rows which are no events."""
    match = _PLACE.fullmatch(text)
    if match is None:
        return None
    life = -1 if match["life"] is None else int(match["life"])
    return Place(match["topic"], int(match["partition"]), int(match["offset"]), life)


def named(letter: DeadLetter, generation: int) -> str:
    """The place of a letter as `place_of` reads it. `generation`: the life of the log now."""
    life = "" if letter.generation == generation else f"@{letter.generation}"
    return f"{letter.topic}/{letter.partition}/{letter.offset}{life}"


def find(store: Store, wanted: Wanted, limit: int, *, first: bool = False) -> list[Found]:
    """Those that are wanted, the newest first; `first`: those received first first. Raises
    StoreError."""
    order = _FIRST if first else _NEWEST
    sql = f"{_LETTERS} {order} LIMIT {{limit:UInt64}}"
    rows = store.query(sql, {**_parameters(wanted), "limit": limit})
    return [_found(row) for row in rows]


def counts(store: Store, wanted: Wanted) -> list[Count]:
    """How many there are of each source, stage and reason, the most first. Raises StoreError."""
    return [Count(*row) for row in store.query(_COUNTS, _parameters(wanted))]


def note(store: Store, fates: Sequence[tuple[DeadLetter, Fate]]) -> None:
    """Record what was done. Raises StoreError."""
    if not fates:
        return
    rows = [
        (
            letter.topic, letter.generation, letter.partition, letter.offset, letter.stage,
            fate.kind, fate.decided_at, fate.generation, fate.partition, fate.offset,
        )
        for letter, fate in fates
    ]  # fmt: skip
    store.insert("dead_letter_fates", list(zip(*rows, strict=True)))


def shown(found: Found, settings: Settings) -> str:
    """All of a letter, a line a part. It may hold personal data: for a screen, not for a log."""
    letter, fate = found
    lines = [
        f"record    {letter.topic} partition {letter.partition} offset {letter.offset}"
        f" (life {letter.generation} of the log)",
        f"received  {time_of(letter.received_at)}",
        f"refused   {time_of(letter.dead_at)} by {letter.stage} of version {letter.code_version}",
        f"reason    {letter.reason}: {letter.detail}",
        *([] if fate is None else [f"fate      {fate_line(letter, fate, settings)}"]),
        f"key       {_escaped(letter.key)}",
        *(
            f"header    {_escaped(name.encode())}: {_escaped(text)}"
            for name, text in letter.headers
        ),
        f"value     {_escaped(letter.value)}",
    ]
    return "\n".join(lines)


def fate_line(letter: DeadLetter, fate: Fate, settings: Settings) -> str:
    """What was done, in a few words."""
    when = time_of(fate.decided_at)
    if fate.partition < 0:
        return f"{fate.kind} {when}"
    now = msgspec.structs.replace(
        letter, generation=fate.generation, partition=fate.partition, offset=fate.offset
    )
    return f"{fate.kind} {when} to {named(now, settings.kafka.generation)}"


def time_of(milliseconds: int) -> str:
    """RFC 3339, UTC; a record's time may be any number its writer gave it, of no calendar too."""
    try:
        when = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms since 1970"
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parameters(wanted: Wanted) -> dict[str, Any]:
    place = wanted.place or Place("", 0, 0)
    return {
        "reason": wanted.reason,
        "source": wanted.source,
        "stage": wanted.stage,
        "since": wanted.since,
        "every": wanted.every,
        **place._asdict(),
    }


def _found(row: tuple[Any, ...]) -> Found:
    *facts, key, value, headers, kind, decided_at, generation, partition, offset = row
    kept = [(name, _bytes(of)) for name, of in headers]
    letter = msgspec.convert((*facts, _bytes(key), _bytes(value), kept), DeadLetter)
    fate = Fate(kind, decided_at, generation, partition, offset) if kind else None
    return Found(letter, fate)


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
