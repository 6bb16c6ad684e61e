"""What is fed, and what a sender is."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from schemas.adapters.common import CompactEvent


class Item(NamedTuple):
    """One event to feed: an xAPI statement (bytes, JSON, as it is) or a compact event.

    `at` is its event time in ms; `line` is where it stands in its file (1 is the first).
    """

    line: int
    at: int
    event: bytes | CompactEvent

    def json(self) -> bytes:
        """The event as JSON."""
        return self.event if isinstance(self.event, bytes) else msgspec.json.encode(self.event)


class Refusal(NamedTuple):
    """An item that will never be taken, and why."""

    item: Item
    reason: str


class Sender(Protocol):
    """A way in."""

    batch: int
    """How many items to hand over at once."""

    def send(self, items: Sequence[Item]) -> list[Refusal]:
        """Return when each item was acknowledged or refused for good.

        Raises Unavailable when the other side does not take them in time, Stopped when asked to
        stop meanwhile; then some may have been taken. Sending them again changes no number.
        """

    def close(self) -> None:
        """Let go of connections."""
