"""An xAPI 1.0.x statement as types, in the order of the specification (Data, 2.4).

Unknown keys, keys in another case, null, numbers as text and text as numbers are refused by the
types; what they cannot say is in `rules`. Null is allowed inside extensions only. An absent
property is UNSET. The object of a statement is one of five things told apart by `objectType`,
which may be absent for an activity: so `Statement` is generic over it, and `decode` picks.
"""

from typing import Annotated, Any, Final, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

Extensions = dict[str, Any]
LanguageMap = dict[str, str]
O_co = TypeVar("O_co", covariant=True)


class Part(Struct, forbid_unknown_fields=True, gc=False, rename="camel"):
    """Anything inside a statement."""


class Account(Part):
    home_page: str
    name: str


class Agent(Part):
    """One person or system. Exactly one of the four identifiers."""

    object_type: Literal["Agent"] = "Agent"
    name: str | UnsetType = UNSET
    mbox: str | UnsetType = UNSET
    mbox_sha1sum: str | UnsetType = field(default=UNSET, name="mbox_sha1sum")
    openid: str | UnsetType = UNSET
    account: Account | UnsetType = UNSET


class Actor(Part):
    """An agent, or a group. A group without an identifier has members."""

    object_type: Literal["Agent", "Group"] = "Agent"
    name: str | UnsetType = UNSET
    mbox: str | UnsetType = UNSET
    mbox_sha1sum: str | UnsetType = field(default=UNSET, name="mbox_sha1sum")
    openid: str | UnsetType = UNSET
    account: Account | UnsetType = UNSET
    member: list[Agent] | UnsetType = UNSET


class Verb(Part):
    id: str
    display: LanguageMap | UnsetType = UNSET


class Component(Part):
    """A choice, scale item, source, target or step of an interaction."""

    id: str
    description: LanguageMap | UnsetType = UNSET


InteractionType = Literal[
    "true-false",
    "choice",
    "fill-in",
    "long-fill-in",
    "matching",
    "performance",
    "sequencing",
    "likert",
    "numeric",
    "other",
]


class Definition(Part):
    type: str | UnsetType = UNSET
    name: LanguageMap | UnsetType = UNSET
    description: LanguageMap | UnsetType = UNSET
    more_info: str | UnsetType = UNSET
    extensions: Extensions | UnsetType = UNSET
    interaction_type: InteractionType | UnsetType = UNSET
    correct_responses_pattern: list[str] | UnsetType = UNSET
    choices: list[Component] | UnsetType = UNSET
    scale: list[Component] | UnsetType = UNSET
    source: list[Component] | UnsetType = UNSET
    target: list[Component] | UnsetType = UNSET
    steps: list[Component] | UnsetType = UNSET


class Activity(Part, tag_field="objectType", tag="Activity"):
    id: str
    definition: Definition | UnsetType = UNSET


class StatementRef(Part):
    object_type: Literal["StatementRef"]
    id: str


class Score(Part):
    scaled: Annotated[float, Meta(ge=-1, le=1)] | UnsetType = UNSET
    raw: float | UnsetType = UNSET
    min: float | UnsetType = UNSET
    max: float | UnsetType = UNSET


class Result(Part):
    score: Score | UnsetType = UNSET
    success: bool | UnsetType = UNSET
    completion: bool | UnsetType = UNSET
    response: str | UnsetType = UNSET
    duration: str | UnsetType = UNSET
    extensions: Extensions | UnsetType = UNSET


Activities = list[Activity] | Activity
"""A single activity in place of a list is what 0.95 had and Storyline still sends."""


class ContextActivities(Part):
    parent: Activities | UnsetType = UNSET
    grouping: Activities | UnsetType = UNSET
    category: Activities | UnsetType = UNSET
    other: Activities | UnsetType = UNSET


class Context(Part):
    registration: str | UnsetType = UNSET
    instructor: Actor | UnsetType = UNSET
    team: Actor | UnsetType = UNSET
    context_activities: ContextActivities | UnsetType = UNSET
    revision: str | UnsetType = UNSET
    platform: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    statement: StatementRef | UnsetType = UNSET
    extensions: Extensions | UnsetType = UNSET


class Attachment(Part):
    """Where attached content lies. The content itself is not taken, so `fileUrl` is required."""

    usage_type: str
    display: LanguageMap
    content_type: str
    length: Annotated[int, Meta(ge=0)]
    sha2: str
    file_url: str
    description: LanguageMap | UnsetType = UNSET


class SubStatement(Part, Generic[O_co], tag_field="objectType", tag="SubStatement"):
    actor: Actor
    verb: Verb
    object: O_co
    result: Result | UnsetType = UNSET
    context: Context | UnsetType = UNSET
    timestamp: str | UnsetType = UNSET
    attachments: list[Attachment] | UnsetType = UNSET


class Statement(Part, Generic[O_co]):
    actor: Actor
    verb: Verb
    object: O_co
    id: str | UnsetType = UNSET
    result: Result | UnsetType = UNSET
    context: Context | UnsetType = UNSET
    timestamp: str | UnsetType = UNSET
    stored: str | UnsetType = UNSET
    authority: Actor | UnsetType = UNSET
    version: str | UnsetType = UNSET
    attachments: list[Attachment] | UnsetType = UNSET


AnyStatement = Statement[Any]
"""Of any of the five kinds of object."""


class _InnerKind(Struct, rename="camel", frozen=True):
    object_type: str = "Activity"


class _Kind(Struct, rename="camel", frozen=True):
    object_type: str = "Activity"
    object: _InnerKind = _InnerKind()


class _Probe(Struct):
    object: _Kind


_decode_activity: Final = msgspec.json.Decoder(Statement[Activity]).decode
_decode_probe: Final = msgspec.json.Decoder(_Probe).decode
_DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    "Agent": msgspec.json.Decoder(Statement[Actor]),
    "Group": msgspec.json.Decoder(Statement[Actor]),
    "StatementRef": msgspec.json.Decoder(Statement[StatementRef]),
    "SubStatement/Activity": msgspec.json.Decoder(Statement[SubStatement[Activity]]),
    "SubStatement/Agent": msgspec.json.Decoder(Statement[SubStatement[Actor]]),
    "SubStatement/Group": msgspec.json.Decoder(Statement[SubStatement[Actor]]),
    "SubStatement/StatementRef": msgspec.json.Decoder(Statement[SubStatement[StatementRef]]),
}


def decode(value: bytes | msgspec.Raw) -> AnyStatement:
    """JSON -> statement, by its types alone. Raises msgspec's errors, UnicodeDecodeError where
    text is not UTF-8, RecursionError where it is nested beyond Python's own limit."""
    try:
        return _decode_activity(value)
    except msgspec.ValidationError:
        decoder = _decoder_of_other(value)
        if decoder is None:
            raise
    return decoder.decode(value)  # type: ignore[no-any-return]


def _decoder_of_other(value: bytes | msgspec.Raw) -> msgspec.json.Decoder[Any] | None:
    """The decoder for a statement whose object is not an activity; None: it is one, or nothing."""
    try:
        kind = _decode_probe(value).object
    except msgspec.ValidationError:
        return None
    if kind.object_type == "SubStatement":
        return _DECODERS.get(f"SubStatement/{kind.object.object_type}")
    return _DECODERS.get(kind.object_type)
