"""The events of a simulated organisation, counted plainly: what an independent reader sees."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from schemas.vocabulary import Vocabulary, load
from uptake.simulate.engine import Emission

OWN = "https://w3id.org/uptake/ext/"


@dataclass(frozen=True)
class Seen:
    """One event, as it is read back from its JSON."""

    id: str
    at: datetime
    learner: str
    signal: str
    thing: str
    parent: str = ""
    rater: str = ""
    score: float | None = None
    success: bool | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)
    voids: str = ""


def read(emissions: Iterable[Emission]) -> list[Seen]:
    """Each event once, without those that were taken back, in the order of time."""
    vocabulary = load(None)
    seen = {each.id: each for each in _all(emissions, vocabulary)}
    gone = {each.voids for each in seen.values() if each.voids}
    kept = [each for each in seen.values() if each.id not in gone and not each.voids]
    return sorted(kept, key=lambda each: (each.at, each.id))


def voided(emissions: Iterable[Emission]) -> set[str]:
    """The ids of events that were taken back; no other statement has one in its object's place."""
    found = set()
    for emission in emissions:
        if b'"object":{"objectType":"StatementRef"' in emission.item.json():
            found.add(str(msgspec.json.decode(emission.item.json())["object"]["id"]))
    return found


def _all(emissions: Iterable[Emission], vocabulary: Vocabulary) -> Iterator[Seen]:
    for emission in emissions:
        event = msgspec.json.decode(emission.item.json())
        yield (_statement if emission.source == "lms" else _compact)(event, vocabulary)


def _compact(event: dict[str, Any], vocabulary: Vocabulary) -> Seen:
    verb, kind = vocabulary.expand(event["verb"]), vocabulary.expand(event["object"]["type"])
    return Seen(
        id=event["id"],
        at=datetime.fromisoformat(event["occurred_at"]),
        learner=event["learner"],
        signal=vocabulary.signal(verb, kind, event["attributes"]),
        thing=event["object"]["id"],
        attributes=event["attributes"],
    )


def _statement(event: dict[str, Any], vocabulary: Vocabulary) -> Seen:
    thing, context, result = event["object"], event.get("context", {}), event.get("result", {})
    extensions = context.get("extensions", {})
    definition = thing.get("definition", {})
    attributes = {k.removeprefix(OWN): v for k, v in extensions.items() if k.startswith(OWN)}
    if "interactionType" in definition:
        attributes["interaction"] = definition["interactionType"]
    return Seen(
        id=event["id"],
        at=datetime.fromisoformat(event["timestamp"]),
        learner=event["actor"]["account"]["name"],
        signal=vocabulary.signal(event["verb"]["id"], definition.get("type", ""), attributes),
        thing=thing["id"],
        parent=context.get("contextActivities", {}).get("parent", [{"id": ""}])[0]["id"],
        rater=context.get("instructor", {}).get("account", {}).get("name", ""),
        score=result.get("score", {}).get("scaled"),
        success=result.get("success"),
        attributes=attributes,
        levels=extensions.get("https://w3id.org/xapi/acrossx/extensions/rubrics", {}),
        voids=thing["id"] if thing.get("objectType") == "StatementRef" else "",
    )
