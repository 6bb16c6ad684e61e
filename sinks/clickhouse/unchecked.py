"""Events that happened before the horizon of memory: only the store knows whether they are new.

What is stored already, at other coordinates, is a duplicate. Within one cycle the first wins, and
what memory has checked wins always. A decision that was made once is made again when the records
come again: an event that is stored at its own coordinates stays stored, and a duplicate is written
down only after the event that it repeats (see `Cycle.writes`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from schemas.records import Coordinates, Duplicate, Enriched, EnrichedEvent
from schemas.topics import SOURCES

_MOST_KEYS: Final = 1_000
"""Keys in one query: its text stays below the server's limit of 256 KiB."""


class Key(NamedTuple):
    """What two rows of one event have in common; the beginning of the table's sorting key."""

    source: int
    signal: str
    occurred_at: int
    event_id: bytes


Stored = dict[Key, list[Coordinates]]
"""Where the store has events of these keys."""
Query = Callable[[str], Sequence[tuple[Any, ...]]]


def keys(records: Iterable[Enriched]) -> list[Key]:
    """Of all events that are to be looked up, in a stable order."""
    return sorted({_key(entry) for record in records for entry in record.stored if entry.unchecked})


def look_up(query: Query, wanted: Sequence[Key]) -> Stored:
    """Ask the store. Raises what `query` raises."""
    found: Stored = {}
    for begin in range(0, len(wanted), _MOST_KEYS):
        part = wanted[begin : begin + _MOST_KEYS]
        for source, signal, occurred_at, event_id, generation, partition, offset in query(
            _sql(part)
        ):
            number = SOURCES.index(source)
            key = Key(number, signal, occurred_at, bytes.fromhex(event_id))
            place = Coordinates(number, partition, offset, generation)
            found.setdefault(key, []).append(place)
    return found


def set_aside(records: Iterable[Enriched], known: Stored) -> None:
    """Move what is there already from `stored` to `duplicates`, in place."""
    records = list(records)
    first = _checked(records, {_key(e) for r in records for e in r.stored if e.unchecked})
    for record in records:
        kept: list[EnrichedEvent] = []
        for entry in record.stored:
            again = _of(entry, known, first) if entry.unchecked else None
            if again is None:
                kept.append(entry)
            else:
                record.duplicates.append(again)
        record.stored = kept


def _checked(records: Iterable[Enriched], wanted: set[Key]) -> dict[Key, Coordinates]:
    """Events with these keys that memory has checked."""
    return {
        _key(entry): entry.event.place
        for record in records
        for entry in record.stored
        if wanted and not entry.unchecked and _key(entry) in wanted
    }


def _of(entry: EnrichedEvent, known: Stored, first: dict[Key, Coordinates]) -> Duplicate | None:
    """What the entry repeats; None: it is new, and the first of its key from now on."""
    place = entry.event.place
    stored = known.get(_key(entry), [])
    if place in stored:
        return None
    earlier = min(stored, default=None, key=_order) or first.setdefault(_key(entry), place)
    if earlier == place:
        return None
    return entry.event.repeating(earlier)


def _key(entry: EnrichedEvent) -> Key:
    event = entry.event
    return Key(event.source, entry.signal, event.occurred_at, event.event_id)


def _order(place: Coordinates) -> tuple[int, int, int]:
    return place.generation, place.partition, place.offset


def _sql(wanted: Sequence[Key]) -> str:
    tuples = ", ".join(_tuples(wanted))
    return (
        "SELECT DISTINCT source, toString(signal), toUnixTimestamp64Milli(occurred_at),"
        " lower(hex(event_id)), generation, partition, offset FROM events_log"
        f" WHERE (source, signal, occurred_at, event_id) IN ({tuples})"
    )


def _tuples(wanted: Sequence[Key]) -> Iterator[str]:
    for key in wanted:
        signal = key.signal.replace("\\", "\\\\").replace("'", "\\'")
        time = f"fromUnixTimestamp64Milli({key.occurred_at}, 'UTC')"
        yield f"('{SOURCES[key.source]}', '{signal}', {time}, unhex('{key.event_id.hex()}'))"
