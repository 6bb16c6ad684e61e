"""A happening as an event: an xAPI statement or a compact event."""

from datetime import UTC, datetime, timedelta

import msgspec

from schemas.adapters.common import CompactEvent
from schemas.xapi.terms import OWN_EXTENSIONS
from uptake.simulate.happening import Happening
from uptake.simulate.organisation import ISSUER, Person

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def statement(happening: Happening, identity: str, at: int) -> bytes:
    """As an xAPI statement."""
    made: dict[str, object] = {
        "id": identity,
        "actor": _agent(happening.person),
        "verb": {"id": happening.verb},
        "object": _object(happening),
        "timestamp": timestamp(at),
    }
    result = _result(happening)
    if result:
        made["result"] = result
    context = _context(happening)
    if context:
        made["context"] = context
    return msgspec.json.encode(made)


def compact(happening: Happening, identity: str, at: int) -> CompactEvent:
    """As a compact event."""
    return {
        "id": identity,
        "occurred_at": timestamp(at),
        "learner": happening.person.name,
        "issuer": ISSUER,
        "verb": happening.verb,
        "object": {"id": happening.object_id, "type": happening.object_type},
        "attributes": happening.attributes,
    }


def timestamp(at: int) -> str:
    """RFC 3339 of milliseconds."""
    moment = EPOCH + timedelta(milliseconds=at)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _agent(person: Person) -> dict[str, object]:
    return {"account": {"homePage": ISSUER, "name": person.name}}


def _object(happening: Happening) -> dict[str, object]:
    if happening.voids:
        return {"objectType": "StatementRef", "id": happening.voids}
    definition = {"type": happening.object_type}
    if happening.interaction:
        definition["interactionType"] = happening.interaction
    return {"id": happening.object_id, "definition": definition}


def _result(happening: Happening) -> dict[str, object]:
    result: dict[str, object] = {}
    if happening.success is not None:
        result["success"] = happening.success
    if happening.score is not None:
        result["score"] = {"scaled": happening.score}
    if happening.response:
        result["response"] = happening.response
    return result


def _context(happening: Happening) -> dict[str, object]:
    context: dict[str, object] = {}
    if happening.parent:
        context["contextActivities"] = {"parent": [{"id": happening.parent}]}
    if happening.instructor is not None:
        context["instructor"] = _agent(happening.instructor)
    if happening.ref:
        context["statement"] = {"objectType": "StatementRef", "id": happening.ref}
    own = {OWN_EXTENSIONS + name: value for name, value in happening.attributes.items()}
    if own or happening.extensions:
        context["extensions"] = {**own, **happening.extensions}
    return context
