"""Memory of event ids: where each was seen first. Kept by the day on which the event happened, so
that for a day that is kept it is known exactly which ids were seen.

The ids of a day lie in blocks in the order they came. In memory a hash of an id points at its
place, so that only a duplicate needs its block.
"""

import struct
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import msgspec
from msgspec import Struct

from schemas.records import Coordinates
from streams.model.places import Places
from streams.model.stage import Rows

BLOCK = 64
HELD_BYTES = 13
"""What an id takes in memory besides its place in a block (measured)."""


class Block(Struct, array_like=True, gc=False):
    """A row of the state: ids of one day, about 20 bytes for each. Those of one source partition
    and generation stand near each other there, so offsets are told from that of the first."""

    ids: bytearray
    """16 bytes for each."""
    of_first: bytearray
    """For each: which of `firsts` has its source, partition and generation."""
    above: list[int]
    """For each: its offset, less that of this first one."""
    firsts: list[Coordinates]


class _Open(NamedTuple):
    """A block that is not full."""

    number: int
    block: Block
    logs: dict[tuple[int, int, int], tuple[int, int]]
    """(source, partition, generation) -> (place in the `firsts` of the block, offset there)."""


_id = struct.Struct("16s")
_key = struct.Struct(">cqQ")
_decode = msgspec.msgpack.Decoder(Block).decode
_PREFIX = b"I"
_GONE = b""


class IdMemory:
    """The ids of one partition."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._places = Places()
        self._keys: list[bytes] = []
        """By number of a block in this process: its key, or _GONE."""
        self._open: dict[int, _Open] = {}
        self._touched: set[int] = set()
        self._free: list[int] = []
        self.by_day: dict[int, int] = {}
        """How many ids of each day."""

    def __len__(self) -> int:
        return len(self._places)

    def recovered(self) -> None:
        self._places = Places(self._recovered_ids())

    def _recovered_ids(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        """(place of the first, ids) of each block; all but `_places` is rebuilt on the way."""
        for key, raw in self._rows.items(_PREFIX):
            day = day_of_ids(key)
            block = _decode(raw)
            count = len(block.above)
            number = self._add_block(key)
            self.by_day[day] = self.by_day.get(day, 0) + count
            if count < BLOCK:
                self._open[day] = _Open(number, block, _logs(block))
            yield number * BLOCK, _names(block)

    def first(self, event_id: bytes) -> Coordinates | None:
        """Where the id was seen first; None if it was not, as far as memory reaches."""
        for place in self._places.of(event_id):
            number, inside = divmod(place, BLOCK)
            block = self._block(number)
            at = inside * _id.size
            if block.ids[at : at + _id.size] == event_id:
                one = block.firsts[block.of_first[inside]]
                offset = one.offset + block.above[inside]
                return Coordinates(one.source, one.partition, offset, one.generation)
        return None

    def remember(
        self, event_id: bytes, day: int, source: int, partition: int, offset: int, generation: int
    ) -> None:
        """Note a new id of an event that happened on `day` (since 1970)."""
        number, block, logs = self._open.get(day) or self._begin(day)
        log = logs.get((source, partition, generation))
        if log is None:
            log = logs[source, partition, generation] = len(logs), offset
            block.firsts.append(Coordinates(source, partition, offset, generation))
        above = block.above
        inside = len(above)
        self._places.add(event_id, number * BLOCK + inside)
        block.ids += event_id
        block.of_first.append(log[0])
        above.append(offset - log[1])
        self.by_day[day] += 1
        if inside + 1 < BLOCK:
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
        for number, key in enumerate(self._keys):
            if key == _GONE or day_of_ids(key) >= before:
                continue
            for place, name in enumerate(_names(self._block(number)), number * BLOCK):
                self._places.remove(name, place)
            self._keys[number] = _GONE
            self._free.append(number)
        for day in [day for day in self.by_day if day < before]:
            del self.by_day[day]
            self._open.pop(day, None)

    def _begin(self, day: int) -> _Open:
        count = self.by_day.setdefault(day, 0)
        number = self._add_block(_key.pack(_PREFIX, day, count // BLOCK))
        opened = self._open[day] = _Open(number, Block(bytearray(), bytearray(), [], []), {})
        return opened

    def _add_block(self, key: bytes) -> int:
        if not self._free:
            self._keys.append(key)
            return len(self._keys) - 1
        number = self._free.pop()
        self._keys[number] = key
        return number

    def _write(self, day: int) -> None:
        number, block, _ = self._open[day]
        self._rows.put(self._keys[number], block)

    def _block(self, number: int) -> Block:
        """For reading only."""
        key = self._keys[number]
        opened = self._open.get(day_of_ids(key))
        if opened is not None and opened.number == number:
            return opened.block
        block = self._rows.peek(key, _decode)
        if block is None:
            raise LookupError(f"a block of the event ids is missing in the state: {key.hex()}")
        return block


def day_of_ids(key: bytes) -> int:
    """The day of a row of ids."""
    day: int = _key.unpack(key)[1]
    return day


def _names(block: Block) -> Iterator[bytes]:
    return chain.from_iterable(_id.iter_unpack(block.ids))


def _logs(block: Block) -> dict[tuple[int, int, int], tuple[int, int]]:
    return {
        (one.source, one.partition, one.generation): (at, one.offset)
        for at, one in enumerate(block.firsts)
    }
