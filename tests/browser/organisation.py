"""What the organisation of the browser tests does: two teams, one too small to be shown."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from tests.fixtures.exact import settle
from tests.fixtures.running import Running, deal

ISSUER = "https://people.example"
TEAMS = {"Alder": 12, "Birch": 3}
PEOPLE = [(f"{team}-{n}", team) for team, size in TEAMS.items() for n in range(size)]


def fill(up: Running) -> None:
    """The directory, then what its people did just now."""
    lines = [{"issuer": ISSUER, "learner": person, "team": team} for person, team in PEOPLE]
    up.send("/directory", lines)
    settle(up)
    for person, _ in PEOPLE:
        open_deal(up, person)
    up.send("/events/lms", [_suggested(person) for person, _ in PEOPLE])
    settle(up)


def open_deal(up: Running, person: str) -> None:
    """Another one each time."""
    unique = f"{person}-{datetime.now(UTC).timestamp()}"
    thing = {
        "id": f"https://crm.example/opportunity/{unique}",
        "type": "https://w3id.org/uptake/types/opportunity",
    }
    up.send("/events/crm", [{**deal(person, 0), "occurred_at": _now(), "object": thing}])


def suggestion_of(person: str) -> str:
    """Its id."""
    return f"https://w3id.org/uptake/suggestions/team-huddle/{person}"


def _suggested(person: str) -> dict[str, Any]:
    return _event(
        person,
        "as:receive",
        suggestion_of(person),
        "uptake:types/suggestion",
        attributes={"kind": "team-huddle"},
    )


def _event(person: str, verb: str, thing: str, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "occurred_at": _now(),
        "learner": person,
        "issuer": ISSUER,
        "verb": verb,
        "object": {"id": thing, "type": kind},
        **more,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
