"""What goes wrong on the way from tools: events that come twice, late, or broken."""

import heapq
from collections import deque
from collections.abc import Iterable
from random import Random

from uptake.simulate.engine import Emission

TWICE_SHARE = 0.01
LATE_SHARE = 0.01
LATE_SECONDS = (20.0, 300.0)
REMEMBERED = 200

BROKEN: tuple[tuple[str, bytes], ...] = (
    ("lms", b'{"actor": {"account": {"homePage": "https://people.example", "na'),
    ("lms", b'{"actor": {"mbox": "mailto:someone@people.example"}, "object": {"id": "x:y"}}'),
    ("crm", b"\x00\x00\x00\x00\x63 no schema has this number"),
    ("ticketing", b"number;state\r\n17;open"),
)
"""Records that can never be valid: (source, value)."""


class Disturbance:
    """Passes events on, a few of them later and a few of them twice."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._recent: deque[Emission] = deque(maxlen=REMEMBERED)
        self._held: list[tuple[float, int, Emission]] = []
        self._order = 0

    def pass_on(self, emissions: Iterable[Emission], now: float) -> list[Emission]:
        """What leaves at `now` (seconds on any clock) of these and of what was held back.

        A repeat is always of an event that left with an earlier call.
        """
        leaving: list[Emission] = []
        again: dict[int, Emission] = {}
        for emission in emissions:
            if self._recent and self._rng.random() < TWICE_SHARE:
                repeat = self._rng.choice(self._recent)
                again[repeat.item.line] = repeat
            if self._rng.random() < LATE_SHARE:
                self._hold(emission, now + self._rng.uniform(*LATE_SECONDS))
            else:
                leaving.append(emission)
        while self._held and self._held[0][0] <= now:
            leaving.append(heapq.heappop(self._held)[2])
        self._recent.extend(leaving)
        return leaving + list(again.values())

    def _hold(self, emission: Emission, until: float) -> None:
        self._order += 1
        heapq.heappush(self._held, (until, self._order, emission))
