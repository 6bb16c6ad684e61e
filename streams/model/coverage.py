"""Distinct people in sliding windows, as changes that add up.

A learner active in slot s is in the windows that end with slots s .. s+w-1. Over all the slots in
which the learner is active, the covered windows form stretches; +1 where a stretch begins and -1
after it ends. The running sum of these changes over all learners is the number of distinct people
of each window, and sums of several partitions add up, as each learner lives on one.

Times are minutes since 1970; a day has 1,440 of them. Grain 0 is the minute, 1 the hour, 2 the day.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple, Protocol

MINUTE_MS = 60_000
DAY_MINUTES = 1_440
GRAIN_MINUTES = (1, 60, DAY_MINUTES)


class Window(NamedTuple):
    """A sliding window: its name, the grain of its slides, its length in slots, and whether it
    is the second window of its grain."""

    name: str
    grain: int
    slots: int
    second: bool


WINDOWS = (
    Window("1h", 0, 60, False),
    Window("1d", 1, 24, False),
    Window("7d", 2, 7, False),
    Window("28d", 2, 28, True),
)

People = tuple[dict[int, int], dict[int, int], dict[int, int], dict[int, int]]
"""For each window of WINDOWS: slot -> change of distinct people from the window that ends with
this slot on."""

_NEVER = 1 << 40
"""Further away than any slot."""


class Activity(Protocol):
    """Where a learner is active already."""

    def minutes(self, day: int) -> Sequence[int]:
        """Active minutes of that day (since 1970), sorted; empty where there are none."""

    def days(self) -> Sequence[int]:
        """Active days, sorted."""


def cover(people: People, minute: int, activity: Activity, sign: int) -> None:
    """Add to `people` what changes when the learner becomes active in `minute`, which is not
    counted in `activity` yet (`sign` 1), or ceased to be and was taken out (`sign` -1)."""
    day = minute // DAY_MINUTES
    today = activity.minutes(day)
    place = bisect_left(today, minute)
    before, after = -_NEVER, _NEVER
    if place < len(today):
        after = today[place]
        if after == minute:
            return
    elif tomorrow := activity.minutes(day + 1):
        after = tomorrow[0]
    if place:
        before = today[place - 1]
    elif yesterday := activity.minutes(day - 1):
        before = yesterday[-1]
    _stretch(people[0], before, minute, after, 60, sign)
    hour, hour_before, hour_after = minute // 60, before // 60, after // 60
    if hour in (hour_before, hour_after):
        return
    _stretch(people[1], hour_before, hour, hour_after, 24, sign)
    if today:
        return
    days = activity.days()
    place = bisect_left(days, day)
    day_before = days[place - 1] if place else -_NEVER
    day_after = days[place] if place < len(days) else _NEVER
    _stretch(people[2], day_before, day, day_after, 7, sign)
    _stretch(people[3], day_before, day, day_after, 28, sign)


def _stretch(
    changes: dict[int, int], before: int, slot: int, after: int, slots: int, sign: int
) -> None:
    """`slot` becomes active between its active neighbours: cover the windows not covered yet."""
    begin = slot if slot - before > slots else before + slots
    end = slot + slots if after - slot > slots else after
    if begin < end:
        changes[begin] = changes.get(begin, 0) + sign
        changes[end] = changes.get(end, 0) - sign
