"""Events that were taken back: remembered by id, so that each is taken back once, and never counted
when it comes later. Rows `X` + day on which it happened + id; they go with that day.
"""

from struct import Struct

from streams.model.stage import Rows

_key = Struct(">cq16s")
_PREFIX = b"X"


class Voids:
    """Of one partition."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._ids: set[bytes] = set()

    def recovered(self) -> None:
        self._ids = {_key.unpack(key)[2] for key, _ in self._rows.items(_PREFIX)}

    def __contains__(self, event_id: bytes) -> bool:
        return event_id in self._ids

    def add(self, event_id: bytes, day: int) -> bool:
        """Note that the event of that day (since 1970) was taken back; False: known already."""
        if event_id in self._ids:
            return False
        self._ids.add(event_id)
        self._rows.put(_key.pack(_PREFIX, day, event_id), 1)
        return True

    def forget(self, before: int) -> None:
        """Let go of those of days before `before`, while their rows are there."""
        for key, _ in self._rows.items(_PREFIX):
            if day_of_void(key) < before:
                self._ids.discard(_key.unpack(key)[2])


def day_of_void(key: bytes) -> int:
    """The day of a row of an event that was taken back."""
    day: int = _key.unpack(key)[1]
    return day
