"""Memory of event ids: where each was seen first. The newest are kept, up to a budget.

The ids lie in blocks of 256 in the order they came; the oldest block is let go of first. In memory
an id points at its place, so that only a duplicate needs its block.
"""

from struct import Struct

import msgspec

from schemas.records import Coordinates
from streams.model.stage import Rows

BLOCK = 256
_entry = Struct(">16sBHQI")
_decode = msgspec.msgpack.Decoder(bytes).decode
_PREFIX = b"I"


class IdMemory:
    """At most about `budget` ids of one partition."""

    def __init__(self, rows: Rows, budget: int) -> None:
        self._rows = rows
        self._blocks = max(1, budget // BLOCK)
        self._places: dict[bytes, int] = {}
        self._open: list[bytes] = []
        self._first = 0
        self._next = 0

    def recovered(self) -> None:
        for key, raw in sorted(self._rows.items(_PREFIX)):
            number = int.from_bytes(key[1:], "big")
            entries = list(_entry.iter_unpack(_decode(raw)))
            for place, entry in enumerate(entries):
                self._places[entry[0]] = number * BLOCK + place
            if not self._next:
                self._first = number
            self._next = number * BLOCK + len(entries)
        if self._next % BLOCK:
            self._open = self._entries(self._next // BLOCK)

    def first(self, event_id: bytes) -> Coordinates | None:
        """Where the id was seen first; None if it was not, as far as memory reaches."""
        place = self._places.get(event_id)
        if place is None:
            return None
        number, inside = divmod(place, BLOCK)
        block = self._open if number == self._next // BLOCK else self._entries(number)
        _, source, partition, offset, generation = _entry.unpack(block[inside])
        return Coordinates(source, partition, offset, generation)

    def remember(
        self, event_id: bytes, source: int, partition: int, offset: int, generation: int
    ) -> None:
        self._places[event_id] = self._next
        self._open.append(_entry.pack(event_id, source, partition, offset, generation))
        self._next += 1
        if not self._next % BLOCK:
            self._write(self._next // BLOCK - 1)
            self._open = []
            self._let_go()

    def settle(self) -> None:
        """Bring the open block into the rows."""
        if self._open:
            self._write(self._next // BLOCK)

    def _write(self, number: int) -> None:
        self._rows.put(_key(number), b"".join(self._open))

    def _entries(self, number: int) -> list[bytes]:
        raw = self._rows.peek(_key(number), _decode)
        if raw is None:
            raise LookupError(f"block {number} of the event ids is missing in the state")
        return [raw[i : i + _entry.size] for i in range(0, len(raw), _entry.size)]

    def _let_go(self) -> None:
        while self._next // BLOCK - self._first > self._blocks:
            for raw in self._entries(self._first):
                event_id = raw[:16]
                if self._places.get(event_id, -1) // BLOCK == self._first:
                    del self._places[event_id]
            self._rows.drop(_key(self._first))
            self._first += 1


def _key(number: int) -> bytes:
    return _PREFIX + number.to_bytes(8, "big")
