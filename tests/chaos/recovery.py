"""How long it takes after a fault until events come through again."""

from threading import Event, Lock, Thread
from time import monotonic
from typing import Final, NamedTuple

from tests.chaos.asking import Store
from tests.chaos.feeder import Ledger
from tests.chaos.refusal import may_be_refused

_LOOK_SECONDS: Final = 0.25
_ANSWER_SECONDS: Final = 3.0


class Recovered(NamedTuple):
    """In seconds, until the first new events that were acknowledged after the fault's end, all of
    a piece, are in the store; but for those that the store may have refused."""

    since_fault: float
    """From the fault's end; faults that came later may have made it longer."""
    since_last: float
    """From the end of the last fault of any kind before the recovery."""


class Recovery:
    """Measures the recovery from each fault. Looks about four times a second."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger
        self._waiting: list[tuple[float, str]] = []
        self._ends: list[float] = []
        self._seconds: dict[str, Recovered] = {}
        self._lock = Lock()
        self._over = Event()
        self._thread = Thread(target=self._run, name="recovery", daemon=True)
        self._thread.start()

    def note(self, fault: str) -> None:
        """This fault has just ended."""
        now = monotonic()
        with self._lock:
            self._waiting.append((now, fault))
            self._ends.append(now)

    def seconds(self) -> dict[str, Recovered]:
        """By fault; all that was waited for is stored by now, or will be left out."""
        self._over.set()
        self._thread.join(2 * _ANSWER_SECONDS)
        return self._seconds

    def _run(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            with self._lock:
                waiting = list(self._waiting)
            done = [pair for pair in waiting if self._through(pair[0])]
            now = monotonic()
            with self._lock:
                for pair in done:
                    self._waiting.remove(pair)
                    last = max(end for end in self._ends if end <= now)
                    self._seconds[pair[1]] = Recovered(
                        round(now - pair[0], 2), round(now - last, 2)
                    )

    def _through(self, end: float) -> bool:
        of_piece = next((each.ids for each in self._ledger.moments if each.at > end), None)
        if of_piece is None:
            return False
        ids = [each for each in of_piece if not may_be_refused(each)]
        named = ",".join(f"unhex('{each.hex()}')" for each in ids)
        sql = f"SELECT uniqExact(event_id) FROM events_log WHERE event_id IN ({named})"
        try:
            return self._store.rows(sql, _ANSWER_SECONDS) in ([[len(ids)]], [[str(len(ids))]])
        except OSError:
            return False
