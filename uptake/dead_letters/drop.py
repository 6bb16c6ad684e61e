"""Letters that are not wanted.

The stream has counted an event whose row the store refused. When that row is dropped, the event
is taken back as by a voiding statement (docs/decisions/0016): its id is noted in `voids`, and the
stream is told, with all that the row says of the event.
"""

import time
from collections.abc import Sequence

from schemas.records import DeadLetter, Event
from schemas.settings import Settings
from sinks.clickhouse import refused
from sinks.clickhouse.client import Store
from streams import life as lives
from streams.intake.stored import of_row
from uptake.dead_letters import letters
from uptake.dead_letters.letters import DROPPED, Fate
from uptake.repair import voids

_MOST = 500
"""Ids in one question to the store."""


def drop(settings: Settings, store: Store, chosen: Sequence[DeadLetter]) -> int:
    """Note that they are not wanted, and return how many events were taken back for it.

    One that is killed may be run again: each event is taken back once. Raises RebuildUnfinished
    while state is made anew, if an event is to be taken back; NotWritten and StoreError.
    """
    refused_events = [event for letter in chosen for event in _event_of(letter)]
    events = _without_stored(store, refused_events)
    if events:
        _take_back(settings, store, events)
    now = time.time_ns() // 1_000_000
    fate = Fate(DROPPED, now, 0, -1, -1)
    letters.note(store, [(letter, fate) for letter in chosen])
    return len(events)


def _event_of(letter: DeadLetter) -> list[Event]:
    """The event, if the letter is its row."""
    found = refused.row_of(letter)
    if found is None or found[0] != "events_log":
        return []
    return list(of_row(letter.value or b""))


def _without_stored(store: Store, events: Sequence[Event]) -> list[Event]:
    """Those that are not stored by another way, as after a replay of the same letter."""
    known: set[bytes] = set()
    for begin in range(0, len(events), _MOST):
        ids = (f"unhex('{event.event_id.hex()}')" for event in events[begin : begin + _MOST])
        rows = store.query(
            f"SELECT DISTINCT event_id FROM events_log WHERE event_id IN ({', '.join(ids)})"
        )
        known.update(found for (found,) in rows)
    return [event for event in events if event.event_id not in known]


def _take_back(settings: Settings, store: Store, events: Sequence[Event]) -> None:
    """Tell the stream, in the life that is in force. State that is made anew meanwhile may hold
    the events, as their letters are not noted as dropped yet: then it is told too."""
    told = -1
    while told != (life := lives.number(settings.kafka)):
        voids.tell(settings.kafka, "uptake-drop", events, life)
        told = life
    voids.told(store, events, told)
