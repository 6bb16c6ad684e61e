"""When one person was active, by indicator: rows of the state, and the coverage that follows.

What happened on the person's latest active day lies in the row that tells of the person; each
earlier day has a row of its own. So who was active on one day takes one row, and a busy person's
days are not written again and again.

A day is told by code, which stands for the indicators that count the same: three numbers for each
contribution, sorted: its minute in the day, its context, and how often it was made. A context is a
number that tells apart where it came from: the person's cohort at that time, or the partition that
said it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from streams.model.coverage import DAY_MINUTES, People, cover
from streams.model.stage import Rows

Day = dict[int, list[int]]
Spread = tuple[frozenset[int] | None, People]
"""Contexts to look at (None: all of them), and where the changes of coverage go."""

_FIELDS = 3
_decode = msgspec.msgpack.Decoder(Day).decode
_NONE: tuple[int, ...] = ()
_REACH_DAYS = 28


class Activity(Struct, array_like=True, gc=False):
    """When a person was active."""

    latest: int | None = None
    """The latest active day (since 1970)."""
    day: Day = {}
    """What happened on it."""
    earlier: dict[int, list[int]] = {}
    """The active days before it, by code."""

    def trim(self, before: int) -> None:
        """Let go of days before `before`, in place; their rows go with the day."""
        if self.latest is None or self.latest < before:
            self.latest, self.day, self.earlier = None, {}, {}
            return
        for code, active in [*self.earlier.items()]:
            del active[: bisect_left(active, before)]
            if not active:
                del self.earlier[code]


class Presence:
    """The activity of one person. `activity`: what is kept by the caller."""

    def __init__(self, rows: Rows, owner: bytes, activity: Activity) -> None:
        self._rows = rows
        self._key = b"V" + owner
        self._activity = activity

    def count(self, code: int, minute: int, context: int) -> int:
        """How many contributions are counted in this minute and context."""
        number, inside = divmod(minute, DAY_MINUTES)
        entry = self._entry(code, number)
        place = None if entry is None else _find(entry, inside, context)
        return 0 if entry is None or place is None else entry[place + 2]

    def credit(
        self, code: int, minute: int, context: int, by: int, spreads: Iterable[Spread]
    ) -> None:
        """Count `by` more (or fewer) contributions and spread the coverage that this brings or
        takes."""
        number, inside = divmod(minute, DAY_MINUTES)
        day = self._day(number)
        entry = day.get(code)
        place = None if entry is None else _find(entry, inside, context)
        if entry is None or place is None:
            self._spread(code, minute, spreads, 1)
            self._insert(day, code, number, [inside, context, by])
            return
        entry[place + 2] += by
        if not entry[place + 2]:
            del entry[place : place + _FIELDS]
            if not entry:
                self._let_go(day, code, number)
            self._spread(code, minute, spreads, -1)

    def minutes(self, code: int, number: int, contexts: frozenset[int] | None) -> Sequence[int]:
        entry = self._entry(code, number)
        if entry is None:
            return _NONE
        begins = number * DAY_MINUTES
        if contexts is None:
            return [begins + inside for inside in entry[::_FIELDS]]
        placed = zip(entry[::_FIELDS], entry[1::_FIELDS], strict=True)
        return [begins + inside for inside, context in placed if context in contexts]

    def days(self, code: int) -> Sequence[int]:
        """The active days, in order."""
        earlier = self._activity.earlier.get(code, _NONE)
        latest = self._activity.latest
        if latest is None or code not in self._activity.day:
            return earlier
        return [*earlier, latest]

    def _spread(self, code: int, minute: int, spreads: Iterable[Spread], sign: int) -> None:
        for contexts, people in spreads:
            cover(people, minute, _View(self, code, minute // DAY_MINUTES, contexts), sign)

    def _day(self, number: int) -> Day:
        """What happened on a day, to be changed."""
        activity = self._activity
        if number == activity.latest:
            return activity.day
        if activity.latest is None or number > activity.latest:
            self._begin_day(number)
            return activity.day
        key = self._day_key(number)
        day = self._rows.get(key, _decode)
        if day is None:
            day = {}
            self._rows.put(key, day)
        return day

    def _insert(self, day: Day, code: int, number: int, contribution: list[int]) -> None:
        entry = day.get(code)
        if entry is not None:
            place = _place(entry, contribution[0], contribution[1])
            entry[place:place] = contribution
            return
        day[code] = contribution
        if number != self._activity.latest:
            days = self._activity.earlier.setdefault(code, [])
            days.insert(bisect_left(days, number), number)

    def _let_go(self, day: Day, code: int, number: int) -> None:
        """Keep nothing empty, so that the state is the same whatever way led to it."""
        del day[code]
        if number == self._activity.latest:
            if not day:
                self._end_day()
            return
        if not day:
            self._rows.drop(self._day_key(number))
        self._forget_day(code, number)

    def _begin_day(self, number: int) -> None:
        """A later day than all before."""
        activity = self._activity
        if activity.latest is not None:
            self._rows.put(self._day_key(activity.latest), activity.day)
            for code in activity.day:
                activity.earlier.setdefault(code, []).append(activity.latest)
        activity.latest, activity.day = number, {}

    def _end_day(self) -> None:
        """Nothing is left of the latest day: the one before takes its place."""
        activity = self._activity
        activity.latest = max((days[-1] for days in activity.earlier.values()), default=None)
        if activity.latest is None:
            return
        key = self._day_key(activity.latest)
        day = self._rows.get(key, _decode)
        if day is None:
            raise LookupError(f"an active day of a person is missing in the state: {key.hex()}")
        self._rows.drop(key)
        activity.day = day
        for code in day:
            self._forget_day(code, activity.latest)

    def _forget_day(self, code: int, number: int) -> None:
        days = self._activity.earlier[code]
        days.remove(number)
        if not days:
            del self._activity.earlier[code]

    def _entry(self, code: int, number: int) -> list[int] | None:
        activity = self._activity
        if number == activity.latest:
            return activity.day.get(code)
        if number not in activity.earlier.get(code, _NONE):
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


def day_of_presence(key: bytes) -> int:
    """The day of a row of activity."""
    return int.from_bytes(key[-4:], "big", signed=True)


def _place(entry: list[int], minute: int, context: int) -> int:
    """Where a contribution stands among the sorted ones, or would stand."""
    place = _FIELDS * bisect_left(entry[::_FIELDS], minute)
    while place < len(entry) and entry[place] == minute and entry[place + 1] < context:
        place += _FIELDS
    return place


def _find(entry: list[int], minute: int, context: int) -> int | None:
    place = _place(entry, minute, context)
    return place if entry[place : place + 2] == [minute, context] else None
