"""Records on the internal topics: msgpack arrays, decoded by msgspec into structs.

Times are integers: milliseconds since 1970 UTC unless a field says otherwise. Empty text means
"none". A learner is a keyed pseudonym of 16 bytes.

`generation` counts lives of logs, of two kinds. In coordinates (Coordinates, Event, DeadOutcome,
Mark, Duplicate, DeadLetter) it is the life of the source topics (`kafka.generation`): an embedded
broker forgets everything at its end, and then offsets begin again at 0. In the records that the
stages exchange (Batch, Enriched, Steps, Panes, Indicators) it is the life of the topics between
them (`Life.number`), which are made anew whenever state is rebuilt.
"""

from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from schemas.consent import ConsentEntry, OptedOut
from schemas.ratings import Rating

Attribute = bool | int | float | str


class Coordinates(Struct, array_like=True, frozen=True, gc=False):
    """Where an event lies on its `events.*` topic."""

    source: int
    partition: int
    offset: int
    generation: int


class Cohort(Struct, array_like=True, frozen=True, gc=False):
    """What the directory says of a learner at the moment an event was enriched."""

    team: str
    manager: str
    region: str
    eligible: bool


NOBODY = Cohort("", "", "", False)


class Event(Struct, array_like=True, gc=False):
    """One valid event, pseudonymised, as intake packs it."""

    source: int
    partition: int
    offset: int
    generation: int
    received_at: int
    event_id: bytes
    learner: bytes
    occurred_at: int
    verb: str
    object_id: str
    object_type: str
    parent: str = ""
    success: bool | None = None
    completion: bool | None = None
    score: float | None = None
    duration_ms: int | None = None
    attributes: dict[str, Attribute] = {}
    cohort: Cohort | None = None
    """Set only on restored events: the enrichment of the first time is kept."""
    module: str | None = None
    """As `cohort`."""
    rating: Rating | None = None
    """On restored events as the store has it: of signals that are scores."""
    voided: bool = False
    """Set only on restored events: it was taken back, and counts nowhere."""

    @property
    def place(self) -> Coordinates:
        """Where it lies."""
        return Coordinates(self.source, self.partition, self.offset, self.generation)

    def repeating(self, first: Coordinates) -> "Duplicate":
        """It as a duplicate of the event at `first`."""
        return Duplicate(
            self.source,
            self.partition,
            self.offset,
            self.generation,
            self.received_at,
            self.event_id,
            first,
        )


class DeadOutcome(Struct, array_like=True, gc=False):
    """An event that can never be valid; the dead letter itself lies on its own topic."""

    source: int
    partition: int
    offset: int
    generation: int
    received_at: int
    reason: str


class Mark(Struct, array_like=True, gc=False):
    """All events of this source partition below `next_offset` that go to this partition of
    `uptake.batches` lie in this record or before it. `skipped` counts offsets below
    `next_offset`, at or above `first_offset`, that held no event (transaction markers,
    compaction)."""

    source: int
    partition: int
    generation: int
    first_offset: int
    next_offset: int
    skipped: int = 0


class LearnerEntry(Struct, array_like=True, gc=False):
    """A line of the learner directory. `removed` takes the learner out of it."""

    learner: bytes
    team: str = ""
    manager: str = ""
    region: str = ""
    eligible: bool = True
    since: int = 0
    """When the learner became eligible; 0: always."""
    removed: bool = False
    changed_at: int = 0


class AssetEntry(Struct, array_like=True, gc=False):
    """A line of the asset directory: what a learning object is."""

    asset_id: str
    kind: str = ""
    module: str = ""
    title: str = ""
    removed: bool = False
    changed_at: int = 0
    quality: float | None = None
    """How well it is put, 0 to 1, by `uptake lint`; None: not known."""


class Step(Struct, array_like=True, gc=False):
    """One step of a journey that several people walk."""

    journey: str
    key: str
    step: str
    event_id: bytes
    occurred_at: int
    learner: bytes
    cohort: Cohort
    attributes: dict[str, Attribute] = {}


class WalkName(Struct, array_like=True, frozen=True):
    """One walk of a journey. `learner`: whose; empty where several walk it. `recall`: its steps
    are to be sent through the log again; else its rows are to be repaired in the store."""

    journey: str
    key: str
    learner: bytes
    recall: bool


class Recalled(Struct, array_like=True, gc=False):
    """The steps of a walk that memory had let go of, as the store knows them."""

    journey: str
    key: str
    learner: bytes
    steps: list[Step] = []
    as_of: int = 0
    """The store had everything that came before this offset of the log that the walk's stage
    reads (`uptake.batches`, or `uptake.steps` where several walk it) when it was asked."""


class Batch(Struct, array_like=True, gc=False):
    """A record of `uptake.batches`: up to a few hundred events of one learner partition."""

    generation: int
    written_at: int
    events: list[Event] = []
    dead: list[DeadOutcome] = []
    marks: list[Mark] = []
    learners: list[LearnerEntry] = []
    assets: list[AssetEntry] = []
    restored: bool = False
    """The events were read back from the store; they are not stored again and while this lasts
    nothing is shown that is not whole."""
    restore_ended: bool = False
    recalled: list[Recalled] = []
    voids: list[Event] = []
    """Events as they are stored, cohort and module included, that were taken back."""
    consents: list[ConsentEntry] = []


class EnrichedEvent(Struct, array_like=True, gc=False):
    """What becomes one row of `events`."""

    event: Event
    signal: str
    team: str
    manager: str
    region: str
    eligible: bool
    module: str = ""
    unchecked: bool = False
    """It happened before the horizon of memory: only the store can tell whether it is new, and no
    indicator of the stream counts it."""


class Duplicate(Struct, array_like=True, gc=False):
    """An event whose id was seen before, at other coordinates."""

    source: int
    partition: int
    offset: int
    generation: int
    received_at: int
    event_id: bytes
    first: Coordinates


class Enriched(Struct, array_like=True, gc=False):
    """A record of `uptake.enriched`: everything that one batch says to the store."""

    generation: int
    batch_partition: int
    batch_offset: int
    written_at: int
    stored: list[EnrichedEvent] = []
    duplicates: list[Duplicate] = []
    dead: list[DeadOutcome] = []
    marks: list[Mark] = []
    learners: list[LearnerEntry] = []
    assets: list[AssetEntry] = []
    consents: list[ConsentEntry] = []
    opted_out: list[OptedOut] = []


class Steps(Struct, array_like=True, gc=False):
    """A record of `uptake.steps`, made from one batch. `batch_offset` makes a repeat known."""

    generation: int
    batch_partition: int
    batch_offset: int
    steps: list[Step] = []
    restored: bool = False
    restore_ended: bool = False
    written_at: int = 0
    """Of the batch."""
    recalled: list[Recalled] = []
    voids: list[Step] = []
    """Steps that were taken back."""


class Series(NamedTuple):
    """One indicator of one cohort."""

    indicator: str
    cohort_kind: str
    cohort: str


class Member(Struct, array_like=True, gc=False):
    """How often one learner contributed to one indicator and cohort in one minute (since 1970):
    whole value."""

    learner: bytes
    minute: int
    n: int


class SeriesPanes(Struct, array_like=True, gc=False):
    """Slots of one indicator and cohort as one partition of one agent sees them: whole values.

    A cell is [grain, slot, n, num, den, p, q, standing]. grain: 0 minute, 1 hour, 2 day; slot:
    time divided by the grain. n counts contributions, num and den are what they add. p and q are
    changes of distinct people from the window on that ends with this slot (minute: 1h; hour: 1d;
    day: p 7d, q 28d); standing changes a total that never leaves (eligible people).
    """

    indicator: str
    cohort_kind: str
    cohort: str
    cells: list[list[int]] = []
    members: list[Member] = []


class LateDays(Struct, array_like=True, frozen=True):
    """Days (UTC, since 1970) before the horizon on which events were not counted."""

    indicator: str
    cohort_kind: str
    cohort: str
    days: list[int]


class Panes(Struct, array_like=True, gc=False):
    """A record of `uptake.panes`: what an epoch of one agent's partition changed.

    `position` is the input offset reached; a record that does not reach further than one seen
    from the same agent and partition says nothing new.
    """

    generation: int
    agent: str
    partition: int
    position: int
    series: list[SeriesPanes] = []
    quiet: bool = False
    """State is being rebuilt: take it, show nothing yet."""
    restore_ended: bool = False
    """The sender's state is whole again (sent once, to every partition)."""
    written_at: int = 0
    """The latest batch that is in it was written then."""
    horizon: int = 0
    """Memory of the sender is complete for what happened from this day on (UTC, since 1970)."""
    late: list[LateDays] = []
    walks: list[WalkName] = []
    values: list[Series] = []
    """Values of breakdowns that the sender counts from now on; see streams/model/values.py."""


class IndicatorRow(Struct, array_like=True, gc=False):
    """The value of one indicator, cohort and window: whole. `removed`: no content changed here
    after all (a contribution was taken back)."""

    indicator: str
    cohort_kind: str
    cohort: str
    window: str
    window_end: int
    n: int
    num: int
    den: int
    people: int
    standing: int
    removed: bool = False


class Repair(Struct, array_like=True, frozen=True):
    """Rows to be computed again from the stored events: those of one indicator, cohort and window
    that end from `first_end` to `last_end` (milliseconds, both included)."""

    indicator: str
    cohort_kind: str
    cohort: str
    window: str
    first_end: int
    last_end: int


class Indicators(Struct, array_like=True, gc=False):
    """A record of `uptake.indicators`. (generation, position) orders the rows of one partition;
    `written_at`: the latest batch that is in it was written then."""

    generation: int
    partition: int
    position: int
    written_at: int
    rows: list[IndicatorRow] = []
    repairs: list[Repair] = []
    walks: list[WalkName] = []


class DeadLetter(Struct, array_like=True, gc=False):
    """A record of `uptake.dead-letters`: the original bytes and why they were refused."""

    received_at: int
    dead_at: int
    source: str
    stage: str
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    generation: int
    code_version: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]] = []


class Fingerprint(Struct, array_like=True, frozen=True):
    """What keyed state was made by. State that another one has made is not read."""

    format: int
    partitions: int
    catalog: str
    vocabulary: str


class Life(Struct, array_like=True, frozen=True):
    """The record of `uptake.life`: the life of the topics between the stages that is in force.

    `phase`: begun, the topics may be missing or half filled, and nobody reads sources; filled,
    they hold all stored events, and the store may still show numbers of earlier lives; whole,
    all is done. `positions`: where intake goes on, decided once when the life began.
    """

    number: int
    phase: Literal["begun", "filled", "whole"]
    made_by: Fingerprint
    positions: list[Mark] = []


encode = msgspec.msgpack.Encoder().encode
"""Any of the records above -> bytes. Raises nothing for well-typed records."""

decode_batch = msgspec.msgpack.Decoder(Batch).decode
decode_enriched = msgspec.msgpack.Decoder(Enriched).decode
decode_steps = msgspec.msgpack.Decoder(Steps).decode
decode_panes = msgspec.msgpack.Decoder(Panes).decode
decode_indicators = msgspec.msgpack.Decoder(Indicators).decode
decode_dead_letter = msgspec.msgpack.Decoder(DeadLetter).decode
decode_fingerprint = msgspec.msgpack.Decoder(Fingerprint).decode
decode_life = msgspec.msgpack.Decoder(Life).decode


def version_of(generation: int, position: int) -> int:
    """One number that grows with (generation, position): the version of a whole value."""
    return (generation << 44) | position
