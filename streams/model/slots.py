"""The cells of one indicator, cohort and grain, summed over all partitions, in slot order.

From them come the rows of the sliding windows: contents by summing the slots of the window,
distinct people and eligible people by summing all their changes up to its end.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from streams.model.coverage import Window

Values = list[int]
"""n, num, den, p, q, standing."""

Span = tuple[int, int]
"""First and last window-end slot of a stretch."""

_BLOCK = 256
_CHANGES = (3, 4, 5)


class WindowRow(NamedTuple):
    """The content of the window that ends with slot `slot`."""

    slot: int
    n: int
    num: int
    den: int
    people: int
    standing: int
    present: bool


class Slots:
    """See the module's head.

    What an epoch changed is gathered record by record, also where a later record undoes it: a
    worker that died may have said what lay between.
    """

    def __init__(self, windows: Sequence[Window]) -> None:
        self._windows = windows
        self._spans: list[list[Span]] = [[] for _ in windows]
        self._touched: set[int] = set()
        self._held_before: set[int] = set()
        self._order: list[int] = []
        self._values: dict[int, Values] = {}
        self._blocks: dict[int, list[int]] = {}
        self._before: dict[int, Values] = {}
        self._base = [0, 0, 0]

    @property
    def empty(self) -> bool:
        return not self._order

    def change(self, slot: int, old: Values, new: Values) -> None:
        """One source's values of a slot were `old` and are `new`."""
        values = self._values.get(slot)
        if values is None:
            values = self._values[slot] = [0, 0, 0, 0, 0, 0]
            insort(self._order, slot)
        if slot not in self._before:
            self._before[slot] = list(values)
        values[0] += new[0] - old[0]
        values[1] += new[1] - old[1]
        values[2] += new[2] - old[2]
        if new[3:] == old[3:]:
            return
        block = self._blocks.setdefault(slot // _BLOCK, [0, 0, 0])
        for place, field in enumerate(_CHANGES):
            by = new[field] - old[field]
            values[field] += by
            block[place] += by

    def let_go(self, slot: int, values: Values) -> None:
        """Forget what one source says of a slot, between epochs. Its changes of people count on
        as if they came before any slot."""
        self.begin_with(values[3], values[4])
        number = slot // _BLOCK
        block = self._blocks.setdefault(number, [0, 0, 0])
        block[0] -= values[3]
        block[1] -= values[4]
        if not any(block):
            del self._blocks[number]
        held = self._values.get(slot)
        if held is None:
            # What several sources say cancels.
            held = self._values[slot] = [0, 0, 0, 0, 0, 0]
            insort(self._order, slot)
        for place in range(5):
            held[place] -= values[place]
        if not any(held):
            self._remove(slot)

    def touch_all(self) -> None:
        """Everything is to be said."""
        for spans, window in zip(self._spans, self._windows, strict=True):
            if self._order:
                spans.append((self._order[0], self._order[-1] + window.slots))

    def begin_with(self, p: int, q: int) -> None:
        """What `let_go` has summed up before."""
        self._base[0] += p
        self._base[1] += q

    def record_ended(self, closed: int) -> None:
        """Gather the stretches of each window that this record changed. The rows of windows that
        end with slots before `closed` belong to the store."""
        touched = sorted(self._before)
        for spans, window in zip(self._spans, self._windows, strict=True):
            spans += self._changed(touched, window, closed)
        self._touched.update(touched)
        self._held_before.update(slot for slot in touched if self._before[slot][0])
        self._before = {}

    def settle(self) -> None:
        """End the epoch: let go of what it changed and of empty slots."""
        for slot in self._touched:
            if not any(self._values[slot]):
                self._remove(slot)
        self._touched = set()
        self._held_before = set()
        self._spans = [[] for _ in self._windows]

    def rows(self, closed: int) -> Iterator[tuple[Window, WindowRow]]:
        """The rows from `closed` on of all windows that this epoch changed, each whole."""
        for spans, window in zip(self._spans, self._windows, strict=True):
            for low, high in merged(spans):
                if high >= closed:
                    for row in self._rows_between(window, max(low, closed), high):
                        yield window, row

    def repairs(self, closed: int) -> Iterator[tuple[Window, Span]]:
        """The stretches before `closed` that this epoch changed."""
        for spans, window in zip(self._spans, self._windows, strict=True):
            for low, high in spans:
                if low < closed:
                    yield window, (low, min(high, closed - 1))

    def _remove(self, slot: int) -> None:
        del self._values[slot]
        del self._order[bisect_left(self._order, slot)]

    def _changed(self, touched: list[int], window: Window, closed: int) -> Iterator[Span]:
        people = 4 if window.second else 3
        last = max(self._order[-1] + window.slots, closed - 1)
        running = [0, 0]
        for place, slot in enumerate(touched):
            before, after = self._before[slot], self._values[slot]
            # Before `closed` people are counted without what they did on days that were let go,
            # so that their changes may cancel where those of the truth do not.
            if before[:3] != after[:3] or slot < closed:
                yield slot, slot + window.slots
            running[0] += after[people] - before[people]
            running[1] += after[5] - before[5]
            if any(running):
                until = touched[place + 1] - 1 if place + 1 < len(touched) else last
                yield slot, until

    def _rows_between(self, window: Window, low: int, high: int) -> Iterator[WindowRow]:
        first = bisect_right(self._order, low - window.slots - 1)
        local = self._order[first : bisect_right(self._order, high)]
        values = [self._values[slot] for slot in local]
        people = 4 if window.second else 3
        base = self._until(low - window.slots - 1, first)
        sums = [list(accumulate((v[i] for v in values), initial=0)) for i in range(3)]
        covered = list(accumulate((v[people] for v in values), initial=base[people - 3]))
        standing = list(accumulate((v[5] for v in values), initial=base[2]))
        for slot in self._candidates(window, low, high):
            end = bisect_right(local, slot)
            begin = bisect_right(local, slot - window.slots)
            n, num, den = (column[end] - column[begin] for column in sums)
            present = self._holds(slot) or self._holds(slot - window.slots)
            yield WindowRow(slot, n, num, den, covered[end], standing[end], present)

    def _candidates(self, window: Window, low: int, high: int) -> list[int]:
        """Window-end slots in low..high at which content enters or leaves, or did before."""
        entering = self._order[bisect_left(self._order, low) : bisect_right(self._order, high)]
        first = bisect_left(self._order, low - window.slots)
        last = bisect_right(self._order, high - window.slots)
        found = {slot for slot in entering if self._held(slot)}
        found.update(s + window.slots for s in self._order[first:last] if self._held(s))
        return sorted(found)

    def _holds(self, slot: int) -> bool:
        values = self._values.get(slot)
        return values is not None and values[0] != 0

    def _held(self, slot: int) -> bool:
        """Whether the slot has content, or had it in this epoch."""
        return slot in self._held_before or self._holds(slot)

    def _until(self, slot: int, place: int) -> list[int]:
        """Sums of p, q and standing over all slots up to `slot`, which has `place` slots at or
        before it."""
        whole = list(self._base)
        for number, block in self._blocks.items():
            if (number + 1) * _BLOCK <= slot + 1:
                for i in range(3):
                    whole[i] += block[i]
        start = bisect_left(self._order, (slot + 1) // _BLOCK * _BLOCK)
        for inside in self._order[start:place]:
            for i, field in enumerate(_CHANGES):
                whole[i] += self._values[inside][field]
        return whole


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same stretches, in order and apart from each other."""
    found: list[Span] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found
