"""Memory of event ids: where each was seen first. Kept by the day on which the event happened, so
that for a day that is kept it is known exactly which ids were seen.

The ids of a day lie in blocks in the order they came. In memory a hash of an id points at its
place, so that only a duplicate needs its block.
"""

from struct import Struct

import msgspec

from schemas.records import Coordinates
from streams.model.places import Places
from streams.model.stage import Rows

BLOCK = 64
HELD_BYTES = 20
"""What an id takes in memory besides its place in a block (measured)."""

_entry = Struct(">16sBHQI")
_key = Struct(">cqQ")
_decode = msgspec.msgpack.Decoder(bytes).decode
_PREFIX = b"I"


class IdMemory:
    """The ids of one partition."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._places = Places()
        self._blocks: dict[int, bytes] = {}
        """Number of a block in this process -> its key."""
        self._open: dict[int, tuple[int, list[bytes]]] = {}
        self._touched: set[int] = set()
        self._free: list[int] = []
        self.by_day: dict[int, int] = {}
        """How many ids of each day."""

    def __len__(self) -> int:
        return len(self._places)

    def recovered(self) -> None:
        for key, raw in self._rows.items(_PREFIX):
            day = day_of_ids(key)
            entries = _split(_decode(raw))
            number = self._add_block(key)
            for place, entry in enumerate(entries):
                self._places.add(entry[:16], number * BLOCK + place)
            self.by_day[day] = self.by_day.get(day, 0) + len(entries)
            if len(entries) < BLOCK:
                self._open[day] = (number, entries)

    def first(self, event_id: bytes) -> Coordinates | None:
        """Where the id was seen first; None if it was not, as far as memory reaches."""
        for place in self._places.of(event_id):
            number, inside = divmod(place, BLOCK)
            entry = self._entries(number)[inside]
            if entry[:16] == event_id:
                _, source, partition, offset, generation = _entry.unpack(entry)
                return Coordinates(source, partition, offset, generation)
        return None

    def remember(
        self, event_id: bytes, day: int, source: int, partition: int, offset: int, generation: int
    ) -> None:
        """Note a new id of an event that happened on `day` (since 1970)."""
        count = self.by_day.get(day, 0)
        block = self._open.get(day)
        if block is None:
            block = (self._add_block(_key.pack(_PREFIX, day, count // BLOCK)), [])
            self._open[day] = block
        number, entries = block
        self._places.add(event_id, number * BLOCK + len(entries))
        entries.append(_entry.pack(event_id, source, partition, offset, generation))
        self.by_day[day] = count + 1
        if len(entries) < BLOCK:
            self._touched.add(day)
            return
        self._write(day)
        del self._open[day]
        self._touched.discard(day)

    def settle(self) -> None:
        """Bring the blocks that are not full into the rows."""
        for day in self._touched:
            self._write(day)
        self._touched.clear()

    def forget(self, before: int) -> None:
        """Let go of the ids of days before `before`; to be called while their rows are there and
        nothing is changed. The rows are dropped by who forgets rows."""
        for number, key in [*self._blocks.items()]:
            if day_of_ids(key) >= before:
                continue
            for place, entry in enumerate(self._entries(number)):
                self._places.remove(entry[:16], number * BLOCK + place)
            del self._blocks[number]
            self._free.append(number)
        for day in [day for day in self.by_day if day < before]:
            del self.by_day[day]
            self._open.pop(day, None)

    def _add_block(self, key: bytes) -> int:
        number = self._free.pop() if self._free else len(self._blocks)
        self._blocks[number] = key
        return number

    def _write(self, day: int) -> None:
        number, entries = self._open[day]
        self._rows.put(self._blocks[number], b"".join(entries))

    def _entries(self, number: int) -> list[bytes]:
        key = self._blocks[number]
        opened = self._open.get(day_of_ids(key))
        if opened is not None and opened[0] == number:
            return opened[1]
        raw = self._rows.peek(key, _decode)
        if raw is None:
            raise LookupError(f"a block of the event ids is missing in the state: {key.hex()}")
        return _split(raw)


def day_of_ids(key: bytes) -> int:
    """The day of a row of ids."""
    day: int = _key.unpack(key)[1]
    return day


def _split(raw: bytes) -> list[bytes]:
    return [raw[i : i + _entry.size] for i in range(0, len(raw), _entry.size)]
