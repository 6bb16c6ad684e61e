"""Which values of a breakdown are counted: at most so many an indicator and kind of cohort.

Of more values those are counted whose CRC-32 is smallest. So it does not matter in which order
they come, and what is counted by all partitions together is counted by each of them: who knows
fewer values keeps all that are among the smallest of all. A value that was let go of never comes
back.
"""

from bisect import bisect, insort
from collections.abc import Iterable, Iterator
from zlib import crc32

import msgspec

from schemas.partition import WHOLE_KINDS
from schemas.records import Series
from streams.model.facts import Labels, without_delay
from streams.model.stage import Rows

_decode = msgspec.msgpack.Decoder(list[str]).decode
_PREFIX = b"U"


class _Kept:
    """The values of one indicator and kind, smallest first."""

    def __init__(self, values: Iterable[str]) -> None:
        self.names = set(values)
        self.ordered = sorted((_order(value), value) for value in self.names)


class Values:
    """The values of one partition, in rows `U` + indicator and kind. A value of a kind that ends
    with a delay is told without it."""

    def __init__(self, rows: Rows, most: int) -> None:
        self._rows = rows
        self._most = most
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._new: dict[Series, None] = {}

    def recovered(self) -> None:
        for key, raw in self._rows.items(_PREFIX):
            indicator, _, kind = key[len(_PREFIX) :].decode().partition("\0")
            self._kept[indicator, kind] = _Kept(_decode(raw))

    def note(self, indicator: str, labels: Labels) -> list[Series]:
        """Values were seen; return those that are let go of for them. What was counted of these
        may stay where it is, but is not shown."""
        gone: list[Series] = []
        for kind, value in labels:
            kept = self._kept.get((indicator, kind))
            if kept is None:
                kept = self._kept[indicator, kind] = _Kept(())
            if value not in kept.names:
                gone += self._add(Series(indicator, kind, value), kept)
        return gone

    def counts(self, indicator: str, kind: str, cohort: str) -> bool:
        """Whether the cohort is one of those that are counted; all are that are of no breakdown."""
        if kind in WHOLE_KINDS:
            return True
        base, value = without_delay(kind, cohort)
        if not base:
            return True
        kept = self._kept.get((indicator, kind))
        return kept is not None and value in kept.names

    def counted(self, indicator: str, labels: Labels) -> list[tuple[str, str]]:
        """Of these cohorts, those that are counted."""
        return [one for one in labels if self.counts(indicator, *one)]

    def new(self) -> list[Series]:
        """The values that came since this was last asked."""
        new, self._new = [*self._new], {}
        return new

    def _add(self, series: Series, kept: _Kept) -> Iterator[Series]:
        indicator, kind, value = series
        place = (_order(value), value)
        if bisect(kept.ordered, place) >= self._most:
            return
        insort(kept.ordered, place)
        kept.names.add(value)
        self._new[series] = None
        if len(kept.ordered) > self._most:
            _, gone = kept.ordered.pop()
            kept.names.remove(gone)
            yield Series(indicator, kind, gone)
        key = _PREFIX + f"{indicator}\0{kind}".encode()
        self._rows.put(key, [each for _, each in kept.ordered])


def is_of(series: Series, value: Series) -> bool:
    """Whether the cohort of a series is of that value, with any delay."""
    if (series.indicator, series.cohort_kind) != (value.indicator, value.cohort_kind):
        return False
    return without_delay(series.cohort_kind, series.cohort)[1] == value.cohort


def _order(value: str) -> int:
    return crc32(value.encode())
