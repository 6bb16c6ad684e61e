"""POST /observations: what a manager saw somebody do, in one request, as a compact event.

The note ends here: its length is sent on and those of its #tags that the organisation has on its
list. Only where notes are kept at all does the text go on, and it is stored only of people who
agreed (streams/model/consents.py).
"""

import time
import uuid
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from schemas.codec import Codec
from schemas.compact import CompactEvent
from schemas.event import check, id_of, is_attribute
from schemas.iri import MAX_LENGTH
from schemas.ratings import MAX_TAGS, NOTE, SLUG, SentRating, tags_of
from schemas.records import Attribute
from schemas.settings import PrivacySettings
from schemas.times import milliseconds
from schemas.xapi.errors import Invalid
from schemas.xapi.ids import uuid_bytes, uuid_text
from schemas.xapi.read import invalid

MAX_NOTE: Final = 200
VERB: Final = "adl:scored"
TYPE: Final = "act:performance"
BEHAVIOURS: Final = "https://w3id.org/uptake/behaviours/"
"""With the behaviour behind it, the object of an observation that names no artefact."""

Slug = Annotated[str, Meta(pattern=f"^{SLUG}$")]
Text = Annotated[str, Meta(min_length=1, max_length=MAX_NOTE)]


class Observation(Struct, forbid_unknown_fields=True):
    """The body. `behaviour`: what was seen, by its short name; `level`: how well, on the scale from
    `lowest` to `highest` or by the rubric. Issuers as in a compact event. Without `occurred_at` it
    was now."""

    learner: str
    observer: str
    behaviour: Slug
    purpose: Text
    issuer: str = ""
    observer_issuer: str = ""
    note: Annotated[str, Meta(max_length=MAX_NOTE)] = ""
    level: float | None = None
    lowest: float | None = None
    highest: float | None = None
    rubric: str = ""
    rubric_version: int = 0
    artefact: Annotated[str, Meta(max_length=MAX_LENGTH)] = ""
    occurred_at: str = ""
    id: str = ""


class Taken(Struct):
    """What is made of an observation: the record, and what its sender is told of it."""

    value: bytes
    id: str
    tags: list[str]
    text_length: int | None


_decode: Final = msgspec.json.Decoder(Observation).decode


class Observations:
    """`names`: the namespace of ids that are made here."""

    def __init__(self, privacy: PrivacySettings, names: uuid.UUID, codec: Codec) -> None:
        self._tags = frozenset(privacy.tags)
        self._keeps_notes = privacy.notes == "consenting"
        self._names = names
        self._codec = codec

    def take(self, body: bytes, source: str) -> Taken:
        """Raises Invalid, and codec.RegistryUnavailable (try again)."""
        try:
            seen = _decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise invalid(error) from None
        event = self._event(seen)
        check(event)
        if not seen.observer:
            raise Invalid("bad-actor", "observer", "who saw it")
        if not event.id:
            # Without a time of its own two equal ones may be two.
            stable = uuid_text(id_of(event, source, self._names)) if seen.occurred_at else ""
            event.id = stable or str(uuid.uuid4())
        assert event.rating is not None
        return Taken(
            self._codec.encode(event), event.id, event.rating.tags, event.rating.text_length
        )

    def _event(self, seen: Observation) -> CompactEvent:
        note = seen.note.strip()
        tags = list(dict.fromkeys([seen.behaviour, *tags_of(note, self._tags)]))[:MAX_TAGS]
        occurred_at = int(time.time() * 1000)
        if seen.occurred_at:
            occurred_at = milliseconds(seen.occurred_at, "occurred_at")
        return CompactEvent(
            occurred_at=occurred_at,
            learner=seen.learner,
            verb=VERB,
            object_id=seen.artefact or BEHAVIOURS + seen.behaviour,
            id=uuid_text(uuid_bytes(seen.id, "id")) if seen.id else "",
            issuer=seen.issuer,
            object_type=TYPE,
            attributes=self._kept(note),
            rating=SentRating(
                levels={} if seen.level is None else {seen.behaviour: seen.level},
                lowest=seen.lowest,
                highest=seen.highest,
                rater=seen.observer,
                rater_issuer=seen.observer_issuer,
                rubric=seen.rubric,
                rubric_version=seen.rubric_version,
                purpose=seen.purpose,
                tags=tags,
                text_length=len(note) if note else None,
            ),
        )

    def _kept(self, note: str) -> dict[str, Attribute]:
        """A note with a mail address in it is not kept by anybody."""
        return {NOTE: note} if note and self._keeps_notes and is_attribute(NOTE, note) else {}
