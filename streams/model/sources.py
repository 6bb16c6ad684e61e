"""What the learners stage keeps of where events came from: how far each source partition was
taken, and what the asset directory knows of the objects."""

import msgspec
from msgspec import Struct

from schemas.records import AssetEntry, DeadOutcome, Event
from streams.model.stage import Rows

_decode_asset = msgspec.msgpack.Decoder(AssetEntry).decode


class Marks(Struct, array_like=True):
    """How far each source partition was taken, of events and of dead outcomes: see `_place` for
    the keys; whether state is being rebuilt; and the life of the topics between the stages."""

    events: dict[int, int] = {}
    dead: dict[int, int] = {}
    quiet: bool = False
    life: int = 0

    def takes_event(self, event: Event) -> bool:
        """Move the mark to the event; False if it was taken already."""
        place = _place(event.generation, event.source, event.partition)
        return _advance(self.events, place, event.offset)

    def takes_dead(self, dead: DeadOutcome) -> bool:
        """Move the mark to the dead outcome; False if it was taken already."""
        return _advance(
            self.dead, _place(dead.generation, dead.source, dead.partition), dead.offset
        )


class Assets:
    """The asset directory, as far as this partition needs it."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._any = False

    def recovered(self) -> None:
        self._any = next(self._rows.items(b"A"), None) is not None

    def take(self, entry: AssetEntry) -> None:
        """A line of the directory."""
        self._any = True
        key = b"A" + entry.asset_id.encode()
        if entry.removed:
            self._rows.drop(key)
        else:
            self._rows.put(key, entry)

    def module(self, event: Event) -> str:
        """The module that the object of the event belongs to."""
        if not self._any:
            return event.parent
        asset = self._rows.peek(b"A" + event.object_id.encode(), _decode_asset)
        return asset.module if asset is not None else event.parent


def _place(generation: int, source: int, partition: int) -> int:
    """A source partition in one number."""
    return (generation << 40) | (source << 32) | partition


def _advance(marks: dict[int, int], place: int, offset: int) -> bool:
    """Move the mark of a source partition; False if `offset` lies below it already.

    Every writer of batches appends the events of one source partition in the order of their
    offsets, from a place all before which is written. So what lies below the mark was taken.
    """
    if offset < marks.get(place, 0):
        return False
    marks[place] = offset + 1
    return True
