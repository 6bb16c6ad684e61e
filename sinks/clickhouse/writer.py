"""Insert columns, whatever happens: wait while ClickHouse is away, single out rows it refuses."""

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Any, Final, Protocol, TypeVar

from schemas.metrics import BATCH_SIZE, INSERT_SECONDS, STORE_AWAY
from sinks.clickhouse.cycle import Write
from sinks.clickhouse.errors import NeverValid, TryAgain

T = TypeVar("T")

FIRST_WAIT: Final = 0.1
LONGEST_WAIT: Final = 5.0

MOST_REFUSED: Final = 100
"""Refused rows of one write after which we slow down: then it may not be the rows that are wrong,
and somebody has time to mend the table. No row is lost by going on, each is a dead letter that
`uptake dead-letters replay` inserts again; and one bad row must not hold all others up."""
REFUSED_WAIT: Final = 0.2
"""Seconds for each row after those."""


class Inserts(Protocol):
    """What is needed of client.Store."""

    def insert(self, table: str, columns: Sequence[Sequence[Any]]) -> None:
        """Store rows. Raises StoreError."""


class Refusal(Protocol):
    """Where refused rows go."""

    def __call__(self, table: str, row: tuple[Any, ...], why: NeverValid) -> None:
        """Take one row, durably."""


class Writer:
    """`wait` is called with seconds between two tries; it may raise to give up."""

    def __init__(self, store: Inserts, refuse: Refusal, wait: Callable[[float], None]) -> None:
        self._store = store
        self._refuse = refuse
        self._wait = wait
        self.away = False
        """ClickHouse did not take the last try."""

    def write(self, write: Write) -> None:
        """Insert all rows that ClickHouse takes, and hand the others to `refuse`.

        Raises OurBug when the request itself is wrong.
        """
        if not write.columns or not write.columns[0]:
            return
        size = len(write.columns[0])
        started = perf_counter()
        refused = self._insert(write.table, write.columns, size)
        for count, (row, why) in enumerate(refused, 1):
            if count > MOST_REFUSED:
                self._wait(REFUSED_WAIT)
            self._refuse(write.table, row, why)
        INSERT_SECONDS.labels(write.table).observe(perf_counter() - started)
        BATCH_SIZE.labels("sink", write.table).observe(size)

    def _insert(
        self, table: str, columns: Sequence[Sequence[Any]], size: int
    ) -> Iterator[tuple[tuple[Any, ...], NeverValid]]:
        """Insert, halving what is refused until single rows are left; those come out."""
        try:
            self.patiently(lambda: self._store.insert(table, columns))
        except NeverValid as why:
            if size == 1:
                yield tuple(column[0] for column in columns), why
                return
            half = size // 2
            yield from self._insert(table, [column[:half] for column in columns], half)
            yield from self._insert(table, [column[half:] for column in columns], size - half)

    def patiently(self, call: Callable[[], T]) -> T:
        """What `call` gives, which is made again as long as ClickHouse is away."""
        wait = FIRST_WAIT
        while True:
            try:
                result = call()
            except TryAgain:
                self._note_away(True)
                self._wait(wait)
                wait = min(2 * wait, LONGEST_WAIT)
            else:
                self._note_away(False)
                return result

    def _note_away(self, away: bool) -> None:
        self.away = away
        STORE_AWAY.set(away)
