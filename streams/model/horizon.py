"""How far back the memory of a partition reaches.

The horizon is a day. Memory is complete for what happened on that day or later, and holds nothing
that happened before. It rises when memory is over its budget, and never falls.

What a stage says depends on the horizon, so two runs over the same records must raise it at the
same record, wherever their epochs end. Therefore it is raised only before records whose offset
`decides`; the epoch before ends just there, in every run, so that what the rows weigh is known
exactly and is the same.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from streams.model.stage import DECIDE_RECORDS, NEVER, Memory, Rows

DAY_MS: Final = 86_400_000
KEPT_DAYS: Final = 57
"""Two windows of 28 days and a day: what live windows show is always memory's own."""

_ROW = b"H"


class Limits(NamedTuple):
    """What a partition of an agent may hold: bytes of memory, ids of events. The last `days` days
    are kept whatever they take. The horizon rises only before each `records`th record."""

    memory: int
    ids: int = 1 << 60
    days: int = KEPT_DAYS
    records: int = DECIDE_RECORDS


Leaves = Callable[[bytes, bytes], tuple[int, int] | None]
"""(key, encoded row) -> with which day something of it is let go of, and how many bytes that frees;
None: nothing ever is."""


class Known(Struct, array_like=True, gc=False):
    """The row of the state. `tried`: up to which day it was let go, and it did not suffice."""

    day: int = NEVER
    newest: int = NEVER
    tried: int = NEVER


_decode = msgspec.msgpack.Decoder(Known).decode


class Horizon:
    """See the module's head."""

    def __init__(self, rows: Rows, limits: Limits, leaves: Leaves) -> None:
        self._rows = rows
        self._limits = limits
        self._leaves = leaves
        self._tried = NEVER
        self._held = 0
        self._over = False
        self.day = NEVER
        """Memory is complete from this day on."""
        self.newest = NEVER
        """The newest day on which something happened."""

    @property
    def memory(self) -> Memory:
        return Memory(self.day, self._held, self._over)

    def recovered(self) -> None:
        known = self._rows.peek(_ROW, _decode) or Known()
        self.day = known.day
        self.newest = known.newest
        self._tried = known.tried

    def decides(self, offset: int) -> bool:
        """Whether the horizon may rise before the record at `offset` is applied."""
        return offset % self._limits.records == 0

    def happened(self, day: int) -> None:
        """Something happened on `day`. If it is kept, and older than all that could be let go of
        when that did not suffice, there is something to let go of again."""
        if self._tried <= day <= self.newest or day < self.day:
            return
        self.newest = max(self.newest, day)
        self._know(NEVER if day < self._tried else self._tried)

    def _know(self, tried: int) -> None:
        self._tried = tried
        self._rows.put(_ROW, Known(self.day, self.newest, tried))

    def decide(self, ids: Mapping[int, int], id_bytes: int, forget: Callable[[int], None]) -> bool:
        """Raise the horizon if memory is over its budget; return whether it rose.

        `ids`: how many ids of each day are remembered, each `id_bytes` beside its row. `forget`
        lets go of what is older than a day.
        """
        count = sum(ids.values())
        self._held = self._rows.held() + count * id_bytes
        self._over = self._held > self._limits.memory or count > self._limits.ids
        room = self.newest - self._limits.days
        if not self._over or room <= max(self.day, self._tried, 0):
            return False
        to, suffices = self._rise_to(room, self._weights(ids, id_bytes), count, ids)
        rises = to > self.day
        if rises:
            forget(to)
            self.day = to
        self._know(self._tried if suffices else room)
        return rises

    def _rise_to(
        self, room: int, weights: Mapping[int, int], count: int, ids: Mapping[int, int]
    ) -> tuple[int, bool]:
        """The new horizon, not above `room`, and whether it suffices. To be over budget costs a
        pass over all rows, so one pass frees a tenth if there is a tenth to free."""
        to = NEVER
        held, enough = self._held, self._limits.memory * 9 // 10
        enough_ids = self._limits.ids * 9 // 10
        for day in sorted(weights):
            if day >= room or (held <= enough and count <= enough_ids):
                break
            held -= weights[day]
            count -= ids.get(day, 0)
            to = max(day + 1, 1)
        self._over = held > self._limits.memory or count > self._limits.ids
        return to, held <= enough and count <= enough_ids

    def _weights(self, ids: Mapping[int, int], id_bytes: int) -> dict[int, int]:
        weights = {day: count * id_bytes for day, count in ids.items()}
        for key, encoded in self._rows.items(b""):
            leaves = self._leaves(key, encoded)
            if leaves is not None and leaves[0] >= self.day:
                day, weight = leaves
                weights[day] = weights.get(day, 0) + weight
        return weights
