"""The same event, the same id: name-based UUIDs (version 5) from the facts of an event.

A sender that gives no id sends the same facts again when it was not answered, so the id is a hash
of the canonical form of what xAPI's rules for equal statements look at: actor, verb, object id,
result, context and time, with numbers, time zone, mail domains and the order of group members made
alike; not activity definitions, verb display, attachments, authority, stored and version.

The facts include who acted and a hash can be guessed through, so intake and collector use a
namespace of their installation, made from the pseudonym key (`namespace`).
"""

import uuid
from collections.abc import Callable
from datetime import UTC
from typing import Any, Final

import msgspec
from msgspec import UNSET

from schemas import identity
from schemas.times import moment
from schemas.xapi.statement import (
    Activities,
    Activity,
    Actor,
    Agent,
    AnyStatement,
    Context,
    StatementRef,
    SubStatement,
)

Pseudonym = Callable[[str, str], bytes]
"""(issuer, identifier) -> 16 bytes."""

NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://w3id.org/uptake/")
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def namespace(pseudonym: Pseudonym) -> uuid.UUID:
    """The namespace of this installation: ids in it cannot be guessed without the key."""
    return uuid.UUID(bytes=pseudonym("https://w3id.org/uptake/", "namespace"))


def derived(names: uuid.UUID, facts: object) -> bytes:
    """16 bytes of the UUID that these facts (plain values) have in this namespace."""
    return uuid.uuid5(names, _encode(_plain(facts)).decode()).bytes


def of_statement(names: uuid.UUID, statement: AnyStatement) -> bytes:
    """The id of a valid statement that has a timestamp and no id."""
    return derived(names, canonical(statement))


def of_record(names: uuid.UUID, source: int, partition: int, offset: int, generation: int) -> bytes:
    """The id of an event that says neither id nor time: a redelivery has it again."""
    return derived(names, ["record", source, generation, partition, offset])


def canonical(statement: AnyStatement | SubStatement[Any]) -> dict[str, Any]:
    """What equality of statements looks at, as plain values in one form only."""
    facts: dict[str, Any] = {
        "actor": _actor(statement.actor),
        "verb": statement.verb.id,
        "object": _object(statement.object),
    }
    if statement.result is not UNSET:
        facts["result"] = msgspec.to_builtins(statement.result)
    if statement.context is not UNSET:
        facts["context"] = _context(statement.context)
    if statement.timestamp is not UNSET:
        time = moment(statement.timestamp, "timestamp").astimezone(UTC)
        facts["timestamp"] = time.isoformat(timespec="microseconds")
    return facts


def _actor(actor: Actor | Agent) -> dict[str, Any]:
    facts: dict[str, Any] = {"objectType": actor.object_type}
    if actor.name is not UNSET:
        facts["name"] = actor.name
    members = actor.member if isinstance(actor, Actor) else UNSET
    if members is not UNSET:
        facts["member"] = sorted((_actor(member) for member in members), key=_encode)
    if any(
        each is not UNSET for each in (actor.account, actor.mbox, actor.mbox_sha1sum, actor.openid)
    ):
        facts["identity"] = list(identity.of_actor(actor))
    return facts


def _object(thing: object) -> Any:
    if isinstance(thing, Activity):
        return ["Activity", thing.id]
    if isinstance(thing, Actor):
        return _actor(thing)
    if isinstance(thing, StatementRef):
        return ["StatementRef", thing.id.lower()]
    if isinstance(thing, SubStatement):
        return canonical(thing)
    raise TypeError(f"no object of a statement: {type(thing).__name__}")


def _context(context: Context) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.to_builtins(context)
    for name in ("registration", "statement"):
        if name in facts:
            facts[name] = _encode(facts[name]).decode().lower()
    if context.instructor is not UNSET:
        facts["instructor"] = _actor(context.instructor)
    if context.team is not UNSET:
        facts["team"] = _actor(context.team)
    if context.context_activities is not UNSET:
        each = context.context_activities
        kinds = {
            "parent": each.parent,
            "grouping": each.grouping,
            "category": each.category,
            "other": each.other,
        }
        facts["contextActivities"] = {
            kind: _activity_ids(given) for kind, given in kinds.items() if given is not UNSET
        }
    return facts


def _activity_ids(activities: Activities) -> list[str]:
    if isinstance(activities, Activity):
        return [activities.id]
    return [activity.id for activity in activities]


def _plain(value: object) -> object:
    """Numbers made alike: 1.0 is 1."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
