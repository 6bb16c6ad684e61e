"""What is on its way to Kafka, and how far the source offsets may be committed. Pure."""

from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from confluent_kafka import KafkaError, Message

Source = tuple[str, int]
"""A partition that is read: (topic, number)."""


class Position(NamedTuple):
    """What to commit for a source partition: the next offset, and a note beside it."""

    offset: int
    note: str


class _Poll:
    """The records made of one poll."""

    __slots__ = ("_flight", "left", "positions")

    def __init__(self, flight: "Flight", records: int, positions: dict[Source, Position]) -> None:
        self._flight = flight
        self.left = records
        self.positions = positions

    def delivered(self, error: KafkaError | None, _: Message) -> None:
        """A record was acknowledged, or never will be."""
        if error is None:
            self.left -= 1
        else:
            self._flight.failed = error


class Flight:
    """Polls in the order in which they were read. A position may be committed when every record
    of its poll and of all polls before was acknowledged."""

    def __init__(self) -> None:
        self._polls: deque[_Poll] = deque()
        self._landed: dict[Source, Position] = {}
        self.failed: KafkaError | None = None
        """Why a record can not be written: nothing more may be committed."""

    def __len__(self) -> int:
        """Polls of which not every record was acknowledged, or which are behind such a one."""
        self._land()
        return len(self._polls)

    def launch(
        self, records: int, positions: Mapping[Source, Position]
    ) -> Callable[[KafkaError | None, Message], None]:
        """A poll that became so many records; returns what to call for each when it is delivered
        or failed."""
        poll = _Poll(self, records, dict(positions))
        self._polls.append(poll)
        return poll.delivered

    def landed(self) -> dict[Source, Position]:
        """What may be committed since the last call."""
        self._land()
        landed, self._landed = self._landed, {}
        return landed

    def forget(self, sources: Collection[Source]) -> None:
        """These partitions are somebody else's now: their positions are not committed any more."""
        for positions in (self._landed, *(poll.positions for poll in self._polls)):
            for source in sources:
                positions.pop(source, None)

    def _land(self) -> None:
        polls = self._polls
        while polls and polls[0].left == 0 and self.failed is None:
            self._landed.update(polls.popleft().positions)
