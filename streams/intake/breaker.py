"""When most of what a source sends can not be valid, something upstream broke, and intake stops
instead of draining a topic into the dead letters. Pure."""

from collections import Counter, deque
from collections.abc import Sequence

from schemas.settings import IntakeSettings
from schemas.topics import SOURCES

_EARLIER = "before the restart"


class Tripped(Exception):
    """Too many records of a source are invalid; the text says how many and why."""

    def __init__(self, source: int, records: int, reasons: Counter[str]) -> None:
        told = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
        super().__init__(
            f"{reasons.total():,} of the last {records:,} records of {SOURCES[source]} can never be"
            f" valid ({told}). The poll in which this showed was not written and will be read"
            " again. Mend what sends or what reads them, or raise intake.breaker_share (1: never"
            " stop) to have them among the dead letters"
        )
        self.source = source


class _Window:
    """The last records of a source: how many there were in all, and which were invalid."""

    __slots__ = ("invalid", "total")

    def __init__(self) -> None:
        self.total = 0
        self.invalid: deque[tuple[int, str]] = deque()

    def forget(self, until: int) -> None:
        """Records up to this number are no longer among the last."""
        while self.invalid and self.invalid[0][0] <= until:
            self.invalid.popleft()


class Breaker:
    """Looks at the last `breaker_records` records of each source, over all of its partitions that
    this process reads, whenever an invalid one has come and at the end of each poll. It trips when
    more than `breaker_share` of them are invalid."""

    def __init__(self, settings: IntakeSettings) -> None:
        self._records = settings.breaker_records
        self._limit = settings.breaker_share * settings.breaker_records
        self._windows = [_Window() for _ in SOURCES]
        self._before = [(0, 0) for _ in SOURCES]
        self.tripped: Tripped | None = None
        """The first trip of the poll that is being read."""

    def invalid(self, source: int, number: int, reason: str) -> None:
        """Record `number` (from 1) of this poll's records of the source can never be valid."""
        window = self._windows[source]
        at = window.total + number
        window.invalid.append((at, reason))
        self._judge(source, at)

    def polled(self, taken: Sequence[int]) -> None:
        """The poll ends; it held so many records of each source."""
        for source, (window, count) in enumerate(zip(self._windows, taken, strict=True)):
            window.total += count
            self._judge(source, window.total)
            if self.tripped is None:
                self._before[source] = (min(window.total, self._records), len(window.invalid))

    def share(self, source: int) -> float:
        """Of invalid records among the last ones; 0 to 1."""
        window = self._windows[source]
        return len(window.invalid) / max(1, min(window.total, self._records))

    def before(self, source: int) -> tuple[int, int]:
        """The window before the poll that tripped: records, and invalid ones."""
        return self._before[source]

    def restore(self, source: int, records: int, invalid: int) -> None:
        """Go on from what `before` said. Which records were invalid is not known any more: they
        count as the last ones."""
        window = self._windows[source]
        if invalid <= len(window.invalid):
            return
        window.total = max(records, window.total)
        window.invalid = deque(
            (number, _EARLIER) for number in range(window.total - invalid + 1, window.total + 1)
        )
        self._before[source] = (window.total, invalid)

    def _judge(self, source: int, at: int) -> None:
        window = self._windows[source]
        window.forget(at - self._records)
        if at < self._records or len(window.invalid) <= self._limit or self.tripped:
            return
        reasons = Counter(reason for _, reason in window.invalid)
        self.tripped = Tripped(source, self._records, reasons)
