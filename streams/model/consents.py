"""Who opted out, and of whom notes may be kept: as far as this partition needs it."""

import msgspec

from schemas.consent import ConsentEntry, OptedOut
from schemas.ratings import NOTE
from schemas.records import Event
from streams.model.stage import Rows

_PREFIX = b"O"
_decode = msgspec.msgpack.Decoder(ConsentEntry).decode


class Consents:
    """What people decided, in the order of the log: it holds for the events behind it."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._any = False

    def recovered(self) -> None:
        self._any = next(self._rows.items(_PREFIX), None) is not None

    def take(self, entry: ConsentEntry) -> None:
        """A person has decided."""
        self._any = True
        key = _PREFIX + entry.learner
        if not entry.removed and (entry.opted_out or entry.notes):
            self._rows.put(key, entry)
        else:
            self._rows.drop(key)

    def opted_out(self, event: Event) -> OptedOut | None:
        """The event as one of which nothing is stored; None: it may be, with its note if the
        person agreed, else without."""
        entry = None
        if self._any:
            entry = self._rows.peek(_PREFIX + event.learner, _decode)
        if entry is not None and entry.opted_out:
            return OptedOut(
                event.source, event.partition, event.offset, event.generation, event.received_at
            )
        if NOTE in event.attributes and (entry is None or not entry.notes):
            event.attributes = {k: v for k, v in event.attributes.items() if k != NOTE}
        return None
