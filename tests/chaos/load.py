"""What is fed in a run: of the real logs, and a simulated load, out of order, late, some twice.

Everything is drawn from the seed. Each event is made twice: as the tools would send it, and as
the recount counts it, so that what an event means is not asked of the pipeline.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Final, Literal, NamedTuple
from uuid import UUID

from tests.chaos.stories import told
from tests.fixtures import logs
from tests.recount.contributions import Event
from tests.recount.recount import Listed
from uptake.feed.disturbance import BROKEN
from uptake.feed.files import items
from uptake.feed.item import Item

Way = Literal["http", "kafka"]
Sort = Literal["new", "again", "broken"]

_LATE_SHARE: Final = 0.03
_SHUFFLED: Final = 60.0
"""So many events of one source an event may be overtaken by."""
_AGAIN_SHARE: Final = 0.12
_PIECE: Final = (15, 80)
_BROKEN_PIECES: Final = 6


class Piece(NamedTuple):
    """What is sent at once. `at`: when, as a share of the whole feed."""

    at: float
    way: Way
    source: str
    sort: Sort
    items: list[Item]
    ids: list[bytes]
    """Of the events, in the same order; none for broken ones."""


@dataclass(frozen=True)
class Load:
    """All of a run."""

    pieces: list[Piece]
    """In the order of `at`."""
    events: list[Event]
    """Each event once, for the recount."""
    directory: list[Listed]


def load(seed: int, stories: int, real: float) -> Load:
    """The load of a seed: so many simulated stories, and a stretch of each real log that holds
    this share of it, somewhere."""
    random = Random(f"load {seed}")
    directory = logs.directory()
    simulated = list(islice(told(random, directory), stories))
    events = [event for story in simulated for _, _, event in story]
    pieces: list[Piece] = []
    for source in logs.FILES:
        own = [item for story in simulated for name, item, _ in story if name == source]
        own.sort(key=lambda item: item.at)
        pieces += _pieces(random, source, [own, _stretch(random, source, real)])
    if real:
        sent = {each for piece in pieces for each in piece.ids}
        events += [event for event in logs.events() if event["event_id"] in sent]
    pieces += [_again(random, piece) for piece in pieces if random.random() < _AGAIN_SHARE]
    pieces += _broken(random)
    return Load(sorted(pieces, key=lambda piece: piece.at), events, directory)


def _stretch(random: Random, source: str, share: float) -> list[Item]:
    if not share:
        return []
    log = list(items(source, logs.FILES[source]))
    first = int(len(log) * random.uniform(0, 1 - share))
    return log[first : first + int(len(log) * share)]


def _pieces(random: Random, source: str, streams: list[list[Item]]) -> Iterator[Piece]:
    placed = [pair for stream in streams for pair in _placed(random, stream)]
    placed.sort(key=lambda pair: pair[0])
    rest = iter(placed)
    while piece := list(islice(rest, random.randint(*_PIECE))):
        found = [item for _, item in piece]
        yield Piece(piece[0][0], _way(random), source, "new", found, [identity(i) for i in found])


def _placed(random: Random, stream: list[Item]) -> Iterator[tuple[float, Item]]:
    """Each item with its place in the feed, 0 to 1: most near where they belong, some late."""
    for number, item in enumerate(stream):
        late = random.random() < _LATE_SHARE
        behind = random.uniform(0, len(stream) - number if late else _SHUFFLED)
        yield min((number + behind) / len(stream), 1.0), item


def _again(random: Random, piece: Piece) -> Piece:
    """The same events once more, later, perhaps on another way."""
    return piece._replace(at=random.uniform(piece.at, 1.0), way=_way(random), sort="again")


def _broken(random: Random) -> Iterator[Piece]:
    for _ in range(_BROKEN_PIECES):
        source, value = random.choice(BROKEN)
        yield Piece(random.random(), "kafka", source, "broken", [Item(0, 0, value)], [])


def _way(random: Random) -> Way:
    return "http" if random.random() < 0.5 else "kafka"


def identity(item: Item) -> bytes:
    """The id of the event."""
    event = json.loads(item.event) if isinstance(item.event, bytes) else item.event
    return UUID(str(event["id"])).bytes
