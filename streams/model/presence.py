"""When one person was active, by indicator: rows of the state, and the coverage that follows.

One row holds a day of one person: code -> three lists side by side, sorted by (minute, context):
minutes since 1970, contexts, counts. A code stands for the indicators that count the same. A
context is a number that tells apart where a contribution came from: the person's cohort at that
time, or the partition that said it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import msgspec

from streams.model.coverage import DAY_MINUTES, People, cover
from streams.model.stage import Rows

Day = dict[int, list[list[int]]]
Spread = tuple[frozenset[int] | None, People]
"""Contexts to look at (None: all of them), and where the changes of coverage go."""

_decode = msgspec.msgpack.Decoder(Day).decode
_NONE: tuple[int, ...] = ()
_REACH_DAYS = 28


class Presence:
    """The activity of one person. `days`: code -> active days, kept by the caller."""

    def __init__(self, rows: Rows, owner: bytes, days: dict[int, list[int]]) -> None:
        self._rows = rows
        self._key = b"V" + owner
        self._days = days

    def count(self, code: int, minute: int, context: int) -> int:
        """How many contributions are counted in this minute and context."""
        entry = self._entry(code, minute // DAY_MINUTES)
        place = None if entry is None else _find(entry, minute, context)
        return 0 if entry is None or place is None else entry[2][place]

    def credit(
        self, code: int, minute: int, context: int, by: int, spreads: Iterable[Spread]
    ) -> None:
        """Count `by` more (or fewer) contributions and spread the coverage that this brings or
        takes."""
        number = minute // DAY_MINUTES
        day = self._rows.get(self._day_key(number), _decode)
        entry = day.get(code) if day is not None else None
        place = None if entry is None else _find(entry, minute, context)
        if day is None or entry is None or place is None:
            self._spread(code, minute, spreads, 1)
            self._insert(day, code, minute, context, by)
            return
        entry[2][place] += by
        if not entry[2][place]:
            for column in entry:
                del column[place]
            if not entry[0]:
                self._let_go(day, code, number)
            self._spread(code, minute, spreads, -1)

    def minutes(self, code: int, number: int, contexts: frozenset[int] | None) -> Sequence[int]:
        entry = self._entry(code, number)
        if entry is None:
            return _NONE
        if contexts is None:
            return entry[0]
        return [m for m, c in zip(entry[0], entry[1], strict=True) if c in contexts]

    def days(self, code: int) -> Sequence[int]:
        return self._days.get(code, _NONE)

    def _spread(self, code: int, minute: int, spreads: Iterable[Spread], sign: int) -> None:
        for contexts, people in spreads:
            cover(people, minute, _View(self, code, minute // DAY_MINUTES, contexts), sign)

    def _insert(self, day: Day | None, code: int, minute: int, context: int, by: int) -> None:
        number = minute // DAY_MINUTES
        if day is None:
            day = {}
            self._rows.put(self._day_key(number), day)
        entry = day.get(code)
        if entry is None:
            day[code] = [[minute], [context], [by]]
            days = self._days.setdefault(code, [])
            days.insert(bisect_left(days, number), number)
            return
        minutes, contexts, counts = entry
        place = bisect_left(minutes, minute)
        while place < len(minutes) and (minutes[place], contexts[place]) < (minute, context):
            place += 1
        minutes.insert(place, minute)
        contexts.insert(place, context)
        counts.insert(place, by)

    def _let_go(self, day: Day, code: int, number: int) -> None:
        """Keep nothing empty, so that the state is the same whatever way led to it."""
        del day[code]
        if not day:
            self._rows.drop(self._day_key(number))
        self._days[code].remove(number)
        if not self._days[code]:
            del self._days[code]

    def _entry(self, code: int, number: int) -> list[list[int]] | None:
        if number not in self._days.get(code, _NONE):
            return None
        day = self._rows.peek(self._day_key(number), _decode)
        return None if day is None else day.get(code)

    def _day_key(self, number: int) -> bytes:
        return self._key + number.to_bytes(4, "big", signed=True)


class _View:
    """The activity that `cover` asks about."""

    __slots__ = ("_code", "_contexts", "_presence", "_today")

    def __init__(
        self, presence: Presence, code: int, today: int, contexts: frozenset[int] | None
    ) -> None:
        self._presence = presence
        self._code = code
        self._today = today
        self._contexts = contexts

    def minutes(self, day: int) -> Sequence[int]:
        return self._presence.minutes(self._code, day, self._contexts)

    def days(self) -> Sequence[int]:
        days = self._presence.days(self._code)
        if self._contexts is None:
            return days
        near = (day for day in days if abs(day - self._today) <= _REACH_DAYS)
        return [day for day in near if self.minutes(day)]


def trim(days: dict[int, list[int]], before: int) -> None:
    """Take days before `before` from lists of active days, in place."""
    for code, active in [*days.items()]:
        del active[: bisect_left(active, before)]
        if not active:
            del days[code]


def day_of_presence(key: bytes) -> int:
    """The day of a row of activity."""
    return int.from_bytes(key[-4:], "big", signed=True)


def _find(entry: list[list[int]], minute: int, context: int) -> int | None:
    minutes, contexts, _ = entry
    place = bisect_left(minutes, minute)
    while place < len(minutes) and minutes[place] == minute:
        if contexts[place] == context:
            return place
        place += 1
    return None
