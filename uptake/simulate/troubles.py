"""What goes wrong on the way: events that come twice, late, or in another order."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from uptake.simulate.engine import Emission


@dataclass(frozen=True)
class Troubles:
    """Shares of all events. `late_seconds`: event time that passes before a late one arrives, from
    0 to twice this. `shuffled`: each event arrives up to so many places later than its turn."""

    twice: float = 0.0
    late: float = 0.0
    late_seconds: float = 86_400.0
    shuffled: int = 0


NONE = Troubles()


def disturbed(emissions: Iterable[Emission], troubles: Troubles, seed: int) -> Iterator[Emission]:
    """All of `emissions`, in the order in which they arrive; a repeat comes after its first.

    Only arrival is touched: ids, times and contents stay, so every count of distinct events is the
    same.
    """
    rng = Random(f"troubles {seed}")
    held: list[tuple[float, int, Emission]] = []
    for place, emission in enumerate(emissions):
        at = emission.item.at
        yield from _arrived(held, at)
        delay = rng.uniform(0, 2 * troubles.late_seconds) * 1000
        due = at + delay if rng.random() < troubles.late else float(at)
        heapq.heappush(held, (due, 2 * place, emission))
        if rng.random() < troubles.twice:
            again = due + rng.uniform(0, 2 * troubles.late_seconds) * 1000
            heapq.heappush(held, (again, 2 * place + 1, emission))
    yield from _arrived(held, float("inf"))


def _arrived(held: list[tuple[float, int, Emission]], now: float) -> Iterator[Emission]:
    while held and held[0][0] < now:
        yield heapq.heappop(held)[2]


def shuffled(emissions: Iterable[Emission], places: int, seed: int) -> Iterator[Emission]:
    """Each event up to `places` places later than its turn, none earlier than it."""
    rng = Random(f"shuffled {seed}")
    held: list[tuple[int, int, Emission]] = []
    for place, emission in enumerate(emissions):
        heapq.heappush(held, (place + rng.randint(0, places), place, emission))
        while held and held[0][0] <= place:
            yield heapq.heappop(held)[2]
    while held:
        yield heapq.heappop(held)[2]


def arriving(emissions: Iterable[Emission], troubles: Troubles, seed: int) -> Iterator[Emission]:
    """`emissions` with all of `troubles`."""
    return shuffled(disturbed(emissions, troubles, seed), troubles.shuffled, seed)
