"""A record of `events.*` -> an event for the log: decoded, checked, without anybody's name.

This runs for every event, in one process, in a loop: see benchmarks before adding to it.
"""

from collections.abc import Collection
from typing import Final

from msgspec import UNSET

from schemas import identity, ids
from schemas.codec import MAGIC, Codec
from schemas.event import MAX_ATTRIBUTES, MAX_TEXT, check, id_of, is_attribute
from schemas.ratings import MAX_TAGS, NOTE, Rating, SentRating, tags_of
from schemas.records import Attribute, Event
from schemas.times import LATEST_MS, duration_ms, milliseconds
from schemas.topics import SOURCES
from schemas.vocabulary import Vocabulary
from schemas.xapi import terms
from schemas.xapi.errors import Invalid
from schemas.xapi.ids import uuid_bytes
from schemas.xapi.rating import rating
from schemas.xapi.read import read
from schemas.xapi.statement import (
    Activity,
    Actor,
    AnyStatement,
    Context,
    Extensions,
    Result,
    StatementRef,
    SubStatement,
)

ID_BASIS: Final = "id_basis"
"""Attribute of an event whose id is not made from what was sent."""
DUE: Final = "due"
"""Attribute: the time by which something is to be handed in."""
BY_RECORD: Final = "record"
"""Its id is made from the place of its record in Kafka."""

_PEOPLE: Final = 100_000
_FOREIGN: Final = 10_000
_SHORT: Final = 200

_foreign: set[str] = set()
"""Extension IRIs of others, met before: senders use the same few in all they send."""


class Decoder:
    """Decodes what tools wrote. Keeps the pseudonyms of the people met lately in memory."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        pseudonym: ids.Pseudonym,
        codec: Codec | None = None,
        max_bytes: int = 1_000_000,
        tags: Collection[str] = (),
        notes: bool = False,
    ) -> None:
        """`pseudonym`: (issuer, identifier) -> 16 bytes. `max_bytes`: of one record's value.
        `tags`: those that may be kept of a text. `notes`: the attribute `note` goes on; else its
        length and tags do."""
        self._expand = vocabulary.expand
        self._pseudonym = pseudonym
        self._codec = codec or Codec()
        self._max_bytes = max_bytes
        self._tags = frozenset(tags)
        self._notes = notes
        self._names = ids.namespace(pseudonym)
        self._recent: dict[tuple[str, str], bytes] = {}
        self._older: dict[tuple[str, str], bytes] = {}

    def decode(
        self,
        source: int,
        partition: int,
        offset: int,
        generation: int,
        received_at: int,
        value: bytes | None,
    ) -> Event:
        """The event in a record: first byte 0 is Avro, anything else a JSON statement.

        Raises Invalid: it can never be valid; codec.RegistryUnavailable: try again. The answer
        depends on the arguments only, so the same record is always the same event.
        """
        if not value:
            raise Invalid("empty", "", "an event")
        if len(value) > self._max_bytes:
            raise Invalid("too-large", "", f"at most {self._max_bytes} bytes")
        of_form = self._compact if value[0] == MAGIC else self._statement
        event = of_form(source, partition, offset, generation, received_at, value)
        if NOTE in event.attributes and not self._notes:
            self._reduce(event)
        return event

    def _reduce(self, event: Event) -> None:
        """Put length and tags in the place of a note."""
        note = str(event.attributes[NOTE]).strip()
        event.attributes = {k: v for k, v in event.attributes.items() if k != NOTE}
        kept = event.rating or Rating()
        if kept.text_length is None:
            kept.text_length = len(note)
            kept.tags = [*kept.tags, *tags_of(note, self._tags - set(kept.tags))][:MAX_TAGS]
        event.rating = kept

    def _statement(
        self,
        source: int,
        partition: int,
        offset: int,
        generation: int,
        received_at: int,
        value: bytes,
    ) -> Event:
        statement, event_id, time = read(value)
        attributes = _attributes(statement)
        if event_id is None:
            if time is None:
                event_id = ids.of_record(self._names, source, partition, offset, generation)
                attributes = {**attributes, ID_BASIS: BY_RECORD}
            else:
                event_id = ids.of_statement(self._names, statement)
        occurred_at = received_at if time is None else time
        if not 0 <= occurred_at < LATEST_MS:
            raise Invalid("bad-time", "timestamp", "given, or a record of the years 1970 to 2099")
        object_id, object_type = self._object(statement.object)
        result, context = statement.result, statement.context
        learner = self._actor(statement.actor)
        return Event(
            source,
            partition,
            offset,
            generation,
            received_at,
            event_id,
            learner,
            occurred_at,
            statement.verb.id,
            object_id,
            object_type,
            "" if context is UNSET else self._parent(context),
            *(_NO_RESULT if result is UNSET else _result(result)),
            _with_time(attributes),
            None,
            None,
            rating(statement, attributes, SOURCES[source], self._learner, self._tags),
        )

    def _compact(
        self,
        source: int,
        partition: int,
        offset: int,
        generation: int,
        received_at: int,
        value: bytes,
    ) -> Event:
        event = self._codec.decode(value)
        check(event)
        name = SOURCES[source]
        event_id = uuid_bytes(event.id, "id") if event.id else id_of(event, name, self._names)
        return Event(
            source,
            partition,
            offset,
            generation,
            received_at,
            event_id,
            self._learner(identity.of_learner(name, event.learner, event.issuer)),
            event.occurred_at,
            self._expand(event.verb),
            self._without_mail(event.object_id),
            self._expand(event.object_type),
            self._without_mail(event.parent),
            event.success,
            event.completion,
            event.score,
            event.duration_ms,
            _with_time(event.attributes),
            None,
            None,
            self._rating(event.rating, name, event.issuer),
        )

    def _rating(self, sent: SentRating | None, source: str, issuer: str) -> Rating | None:
        """Of a compact event; `issuer` is that of its learner."""
        if sent is None:
            return None
        rater = b""
        if sent.rater:
            who = identity.of_rater(source, sent.rater, sent.rater_issuer, issuer)
            rater = self._learner(who)
        return Rating(
            sent.levels,
            sent.lowest,
            sent.highest,
            rater,
            sent.rubric,
            sent.rubric_version,
            sent.purpose,
            sent.tags,
            sent.text_length,
        )

    def _actor(self, actor: Actor) -> bytes:
        account = actor.account
        if account is UNSET:
            return self._learner(identity.of_actor(actor))
        return self._learner((account.home_page, account.name))

    def _learner(self, who: tuple[str, str]) -> bytes:
        """The pseudonym of (issuer, identifier); those of the people met lately are at hand."""
        learner = self._recent.get(who)
        if learner is None:
            learner = self._older.get(who) or self._pseudonym(*who)
            if len(self._recent) >= _PEOPLE:
                self._older, self._recent = self._recent, {}
            self._recent[who] = learner
        return learner

    def _object(self, thing: object) -> tuple[str, str]:
        """-> (id, type). A person in the object's place is kept as a pseudonym."""
        if isinstance(thing, Activity):
            definition = thing.definition
            kind = "" if definition is UNSET or definition.type is UNSET else definition.type
            return self._without_mail(thing.id), kind
        if isinstance(thing, Actor):
            return self._person(thing), thing.object_type
        if isinstance(thing, StatementRef):
            return thing.id.lower(), "StatementRef"
        if isinstance(thing, SubStatement):
            return self._object(thing.object)[0], "SubStatement"
        raise TypeError(f"no object of a statement: {type(thing).__name__}")

    def _person(self, actor: Actor) -> str:
        return "agent:" + self._actor(actor).hex()

    def _without_mail(self, name: str) -> str:
        """An object's name, but the pseudonym where it is a mail address."""
        if name[:7].lower() != "mailto:":
            return name
        who = (identity.MAILTO, identity.address(name[7:]))
        return "agent:" + self._learner(who).hex()

    def _parent(self, context: Context) -> str:
        activities = context.context_activities
        if activities is UNSET or activities.parent is UNSET:
            return ""
        parent = activities.parent
        if isinstance(parent, Activity):
            return self._without_mail(parent.id)
        return self._without_mail(parent[0].id) if parent else ""


_Outcome = tuple[bool | None, bool | None, float | None, int | None]
_NO_RESULT: Final[_Outcome] = (None, None, None, None)


def _result(result: Result) -> _Outcome:
    """-> success, completion, scaled score, duration in milliseconds."""
    score, duration = result.score, result.duration
    return (
        None if result.success is UNSET else result.success,
        None if result.completion is UNSET else result.completion,
        None if score is UNSET or score.scaled is UNSET else score.scaled,
        None if duration is UNSET else duration_ms(duration, "result.duration"),
    )


def _attributes(statement: AnyStatement) -> dict[str, Attribute]:
    """Short facts that signals and journeys look at. Texts that people wrote are not among them.

    `session` (of a video), `ref` (the statement this one answers), `voids` (the one it takes
    back), `interaction` (the kind of question), and what senders put under our own base IRI.
    """
    found: dict[str, Attribute] = {}
    result, context, thing = statement.result, statement.context, statement.object
    if result is not UNSET and result.extensions is not UNSET:
        _add_own(found, result.extensions)
    if context is not UNSET:
        if context.extensions is not UNSET:
            _add_own(found, context.extensions)
            session = context.extensions.get(terms.SESSION)
            if type(session) is str and len(session) <= MAX_TEXT and "@" not in session:
                found["session"] = session
        if context.statement is not UNSET:
            found["ref"] = context.statement.id.lower()
    if type(thing) is StatementRef and statement.verb.id == terms.VOIDED:
        found["voids"] = thing.id.lower()
    elif type(thing) is Activity and thing.definition is not UNSET:
        interaction = thing.definition.interaction_type
        if interaction is not UNSET:
            found["interaction"] = interaction
    return found


def _with_time(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    """With `due` in milliseconds, where it is a time as text: so that SQL can compare it too."""
    due = attributes.get(DUE)
    if type(due) is not str:
        return attributes
    try:
        return {**attributes, DUE: milliseconds(due, DUE)}
    except Invalid:
        return attributes


def _add_own(found: dict[str, Attribute], extensions: Extensions) -> None:
    """Values under our base IRI that an event may carry; an extension may hold anything else."""
    if _foreign.issuperset(extensions):
        return
    for iri, value in extensions.items():
        if iri.startswith(terms.OWN_EXTENSIONS):
            name = iri[len(terms.OWN_EXTENSIONS) :]
            if len(found) < MAX_ATTRIBUTES and is_attribute(name, value):
                found[name] = value
        elif len(_foreign) < _FOREIGN and len(iri) <= _SHORT:
            _foreign.add(iri)
