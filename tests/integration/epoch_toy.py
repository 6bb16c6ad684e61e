"""Toy stages that count keys, with outputs on every topic, and a worker that runs them.

A record of `uptake.batches` is a list of keys. learners counts them and passes them on to objects,
which counts them by two; rolling adds both. So every way of an event through the three agents is
there, and the right answer is a count.
"""

import logging
import sys
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from schemas import topics
from schemas.settings import Settings
from streams.agents.worker import run
from streams.model.stage import NEVER, Memory, Output, Rows, Stage, StageFactory

PARTITIONS = 3
_POSITIONS = b"positions"
encode = msgspec.msgpack.Encoder().encode
decode_count = msgspec.msgpack.Decoder(int).decode
_decode_positions = msgspec.msgpack.Decoder(dict[str, int]).decode
_decode_keys = msgspec.msgpack.Decoder(list[int]).decode


class Part(Struct, array_like=True):
    """What one partition of one agent says to the next: keys to count, or whole counts."""

    agent: str
    partition: int
    position: int
    keys: list[int] = []
    counts: dict[int, int] = {}


decode_part = msgspec.msgpack.Decoder(Part).decode


def row_key(key: int) -> bytes:
    """The row of a counted key."""
    return b"k%d" % key


class Counter:
    """What the three stages share."""

    agent = ""
    memory = Memory(NEVER, 0, False)

    def __init__(self, rows: Rows, partition: int) -> None:
        self.rows = rows
        self.partition = partition

    def recovered(self) -> None:
        """Nothing is derived."""

    def add(self, key: int, times: int) -> None:
        """Count a key."""
        self.rows.put(row_key(key), (self.rows.peek(row_key(key), decode_count) or 0) + times)

    def is_new(self, part: Part) -> bool:
        """Whether the part reaches further than those before it from the same place."""
        place = f"{part.agent}/{part.partition}"
        positions = self.rows.get(_POSITIONS, _decode_positions)
        if positions is None:
            positions = {}
            self.rows.put(_POSITIONS, positions)
        if positions.get(place, -1) >= part.position:
            return False
        positions[place] = part.position
        return True

    def whole(self, position: int) -> dict[int, Part]:
        """Whole counts of the changed keys, by partition of the next topic."""
        parts: dict[int, Part] = {}
        for row, count in self.rows.changed():
            if row[:1] == b"k" and isinstance(count, int):
                key = int(row[1:])
                empty = Part(self.agent, self.partition, position, [], {})
                parts.setdefault(key % PARTITIONS, empty).counts[key] = count
        return parts


class Learners(Counter):
    """keys -> counts; enriched at once, keys on to objects."""

    agent = "learners"

    def apply(self, value: bytes, offset: int) -> list[Output]:
        """See Stage."""
        keys = _decode_keys(value)
        said = Part(self.agent, self.partition, offset, keys)
        outputs = [Output(topics.ENRICHED, self.partition, encode(said))]
        for key in keys:
            self.add(key, 1)
        for to in range(PARTITIONS):
            step = Part(self.agent, self.partition, offset, _of(keys, to))
            outputs.append(Output(topics.STEPS, to, encode(step)))
        return outputs

    def seal(self, position: int) -> list[Output]:
        """See Stage."""
        return [Output(topics.PANES, to, encode(p)) for to, p in self.whole(position).items()]


class Objects(Counter):
    """keys -> counts, by two."""

    agent = "objects"

    def apply(self, value: bytes, offset: int) -> list[Output]:
        """See Stage."""
        part = decode_part(value)
        if self.is_new(part):
            for key in part.keys:
                self.add(key, 2)
        return []

    def seal(self, position: int) -> list[Output]:
        """See Stage."""
        return [Output(topics.PANES, to, encode(p)) for to, p in self.whole(position).items()]


class Rolling(Counter):
    """whole counts -> sums."""

    agent = "rolling"

    def apply(self, value: bytes, offset: int) -> list[Output]:
        """See Stage."""
        part = decode_part(value)
        if self.is_new(part):
            for key, count in part.counts.items():
                mine = b"m%s/%d/%d" % (part.agent.encode(), part.partition, key)
                before = self.rows.peek(mine, decode_count) or 0
                self.rows.put(mine, count)
                self.add(key, count - before)
        return []

    def seal(self, position: int) -> list[Output]:
        """See Stage."""
        parts = self.whole(position).values()
        return [Output(topics.INDICATORS, self.partition, encode(part)) for part in parts]


def _of(keys: Iterable[int], partition: int) -> list[int]:
    return [key for key in keys if key % PARTITIONS == partition]


def factories() -> dict[str, StageFactory]:
    """Agent -> toy stage."""

    def learners(rows: Rows, partition: int) -> Stage:
        return Learners(rows, partition)

    def objects(rows: Rows, partition: int) -> Stage:
        return Objects(rows, partition)

    def rolling(rows: Rows, partition: int) -> Stage:
        return Rolling(rows, partition)

    return {"learners": learners, "objects": objects, "rolling": rolling}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    sys.exit(run(msgspec.json.decode(sys.argv[1], type=Settings), factories()))
