"""The compact event: our own form, for tools that do not speak xAPI.

Over HTTP it is JSON (`JsonEvent`); on Kafka it is Avro with the same facts in flat fields
(`CompactEvent`, avro/event.avsc).
"""

import math
import re
import uuid
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from schemas import identity, ids
from schemas.codec import Codec
from schemas.compact import CompactEvent
from schemas.iri import KNOWN, MAX_LENGTH, check_iri
from schemas.ratings import MAX_CRITERIA, MAX_NAME, MAX_TAGS, SentRating, is_slug
from schemas.records import Attribute
from schemas.split import split
from schemas.times import LATEST_MS, MAX_DURATION_MS, milliseconds
from schemas.xapi.errors import Invalid
from schemas.xapi.ids import uuid_bytes, uuid_text
from schemas.xapi.read import invalid

MAX_ATTRIBUTES: Final = 32
MAX_TEXT: Final = 200
MAX_IDENTIFIER: Final = 1_000

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,63}")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class JsonObject(Struct, forbid_unknown_fields=True):
    id: str
    type: str


class JsonRating(Struct, forbid_unknown_fields=True):
    """See `schemas.ratings.SentRating`. Null means absent."""

    levels: dict[str, float] | None = None
    lowest: float | None = None
    highest: float | None = None
    rater: str | None = None
    rater_issuer: str | None = None
    rubric: str | None = None
    rubric_version: int | None = None
    purpose: str | None = None
    tags: list[str] | None = None
    text_length: int | None = None

    def sent(self) -> SentRating:
        """Without what is absent."""
        given = msgspec.structs.asdict(self)
        return SentRating(**{name: value for name, value in given.items() if value is not None})


class JsonEvent(Struct, forbid_unknown_fields=True):
    """The body of POST /events/{source}, or one of a list of them. Null means absent."""

    occurred_at: str
    learner: str
    verb: str
    object: JsonObject
    id: str | None = None
    issuer: str | None = None
    parent: str | None = None
    success: bool | None = None
    completion: bool | None = None
    score: float | None = None
    duration_ms: int | None = None
    attributes: dict[str, Attribute] | None = None
    rating: JsonRating | None = None


class PreparedEvent(NamedTuple):
    """A valid event. `value` is Avro with Confluent framing."""

    id: str
    value: bytes


_decode: Final = msgspec.json.Decoder(JsonEvent).decode
_BUNDLED: Final = Codec()


def parse_events(
    source: str,
    body: bytes,
    maximum: int,
    names: uuid.UUID = ids.NAMESPACE,
    codec: Codec = _BUNDLED,
) -> list[PreparedEvent]:
    """One event or a list of them in JSON, all valid, in the order sent.

    All or nothing, as for statements: Invalid says what is wrong and, in a list, where. Also
    raises codec.RegistryUnavailable (try again) where a registry is configured.
    """
    texts, listed = split(body, maximum)
    given: set[str] = set()
    prepared: list[PreparedEvent] = []
    for position, text in enumerate(texts):
        try:
            event = read_event(text)
            if event.id in given:
                raise Invalid("repeated-id", "id", "each id once in a request")
            if event.id:
                given.add(event.id)
        except Invalid as error:
            raise error.at(position) if listed else error from None
        if not event.id:
            event.id = uuid_text(id_of(event, source, names))
        prepared.append(PreparedEvent(event.id, codec.encode(event)))
    return prepared


def read_event(text: bytes) -> CompactEvent:
    """One event in JSON, checked. Raises Invalid."""
    try:
        sent = _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(error) from None
    event = CompactEvent(
        id="" if sent.id is None else uuid_text(uuid_bytes(sent.id, "id")),
        occurred_at=milliseconds(sent.occurred_at, "occurred_at"),
        learner=sent.learner,
        issuer=sent.issuer or "",
        verb=sent.verb,
        object_id=sent.object.id,
        object_type=sent.object.type,
        parent=sent.parent or "",
        success=sent.success,
        completion=sent.completion,
        score=sent.score,
        duration_ms=sent.duration_ms,
        attributes=sent.attributes or {},
        rating=None if sent.rating is None else sent.rating.sent(),
    )
    check(event)
    return event


def id_of(event: CompactEvent, source: str, names: uuid.UUID) -> bytes:
    """The id of an event that has none: the same facts from the same tool, the same id."""
    facts = msgspec.structs.asdict(event)
    facts["id"] = source
    rating = facts.pop("rating")
    if rating is not None:
        facts["rating"] = msgspec.structs.asdict(rating)
    facts["issuer"], facts["learner"] = identity.of_learner(source, event.learner, event.issuer)
    return ids.derived(names, ["event", facts])


def check(event: CompactEvent) -> None:
    """The rules for a compact event, whatever form it came in. Raises Invalid."""
    if not 0 <= event.occurred_at < LATEST_MS:
        raise Invalid("bad-time", "occurred_at", "a year from 1970 to 2099")
    _check_learner(event)
    if event.verb not in KNOWN:
        check_iri(event.verb, "verb")
    if event.object_type and event.object_type not in KNOWN:
        check_iri(event.object_type, "object.type")
    if event.object_id not in KNOWN:
        _check_name(event.object_id, "object.id")
    if event.parent:
        _check_name(event.parent, "parent")
    if event.score is not None and not -1 <= event.score <= 1:
        raise Invalid("bad-score", "score", "a number from -1 to 1")
    if event.duration_ms is not None and not 0 <= event.duration_ms <= MAX_DURATION_MS:
        raise Invalid("bad-duration", "duration_ms", "from 0 to a thousand years")
    if event.attributes:
        _check_attributes(event.attributes)
    if event.rating is not None:
        _check_rating(event.rating)


def _check_rating(rating: SentRating) -> None:
    low, high = rating.lowest, rating.highest
    if (low is None) != (high is None) or (low is not None and high is not None and low >= high):
        raise Invalid("bad-score", "rating.lowest", "below `highest`, both or neither")
    reach = (-math.inf, math.inf) if low is None or high is None else (low, high)
    if len(rating.levels) > MAX_CRITERIA:
        raise Invalid("bad-score", "rating.levels", f"at most {MAX_CRITERIA}")
    for name, level in rating.levels.items():
        if len(name) > MAX_NAME or not name.isprintable() or _MAIL.search(name) is not None:
            rule = f"names of up to {MAX_NAME} printable characters, no mail address"
            raise Invalid("bad-score", "rating.levels", rule)
        if not math.isfinite(level) or not reach[0] <= level <= reach[1]:
            raise Invalid("bad-score", "rating.levels", "numbers on the scale")
    for text, field in ((rating.rater, "rater"), (rating.rater_issuer, "rater_issuer")):
        if len(text) > MAX_IDENTIFIER or not text.isprintable():
            rule = f"up to {MAX_IDENTIFIER} printable characters"
            raise Invalid("bad-actor", f"rating.{field}", rule)
    if rating.rubric and not is_slug(rating.rubric):
        raise Invalid("bad-value", "rating.rubric", "small letters, digits and hyphens")
    if not 0 <= rating.rubric_version < 1 << 31:
        raise Invalid("bad-value", "rating.rubric_version", "a whole number from 1")
    if not is_attribute("purpose", rating.purpose):
        rule = f"text of up to {MAX_TEXT} characters, no mail address"
        raise Invalid("bad-value", "rating.purpose", rule)
    if len(rating.tags) > MAX_TAGS or not all(map(is_slug, rating.tags)):
        rule = f"at most {MAX_TAGS} names of small letters, digits and hyphens"
        raise Invalid("bad-value", "rating.tags", rule)
    if rating.text_length is not None and not 0 <= rating.text_length < 1 << 31:
        raise Invalid("bad-value", "rating.text_length", "a number of characters")


def _check_learner(event: CompactEvent) -> None:
    for text, field, least in ((event.learner, "learner", 1), (event.issuer, "issuer", 0)):
        if not least <= len(text) <= MAX_IDENTIFIER or not text.isprintable():
            rule = f"{least} to {MAX_IDENTIFIER} printable characters"
            raise Invalid("bad-actor", field, rule)
    is_mail = _MAIL.fullmatch(event.learner.removeprefix("mailto:")) is not None
    if event.issuer == identity.MAILTO and not is_mail:
        raise Invalid("bad-actor", "learner", "a mail address, as the issuer is mailto")


def _check_name(text: str, field: str) -> None:
    if not 0 < len(text) <= MAX_LENGTH or _CONTROL.search(text) is not None:
        raise Invalid("bad-object", field, f"1 to {MAX_LENGTH} characters, no control characters")


def _check_attributes(attributes: dict[str, Attribute]) -> None:
    if len(attributes) > MAX_ATTRIBUTES:
        raise Invalid("bad-attribute", "attributes", f"at most {MAX_ATTRIBUTES}")
    for name, value in attributes.items():
        if _NAME.fullmatch(name) is None:
            rule = "names of up to 64 letters, digits, `_`, `.`, `-`, a letter first"
            raise Invalid("bad-attribute", "attributes", rule)
        if not is_attribute(name, value):
            rule = f"64-bit numbers or text of up to {MAX_TEXT} characters, no mail address"
            raise Invalid("bad-attribute", f"attributes.{name}", rule)


def is_attribute(name: str, value: object) -> bool:
    """Whether an event may carry this: a short name, a scalar that fits, nothing like a mail."""
    if isinstance(value, str):
        fits = len(value) <= MAX_TEXT and ("@" not in value or _MAIL.search(value) is None)
    elif isinstance(value, int):
        fits = -(1 << 63) <= value < 1 << 63
    else:
        fits = isinstance(value, float) and math.isfinite(value)
    return fits and _NAME.fullmatch(name) is not None
