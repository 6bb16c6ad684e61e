"""What a person decided about data on them, and what follows for their events."""

from msgspec import Struct


class ConsentEntry(Struct, array_like=True, gc=False):
    """The consent of one person. `opted_out`: nothing new of them is stored. `notes`: short notes
    on them may be kept, where the organisation keeps any. `removed`: as if nothing had ever been
    said: events are stored, notes are not."""

    learner: bytes
    opted_out: bool = False
    notes: bool = False
    removed: bool = False
    changed_at: int = 0


class OptedOut(Struct, array_like=True, gc=False):
    """An event of a person who opted out: its place is all that is kept of it."""

    source: int
    partition: int
    offset: int
    generation: int
    received_at: int
