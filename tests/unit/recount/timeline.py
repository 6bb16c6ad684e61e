"""Events drawn as timelines: a line a learner, a column a unit of time, a letter an event.

    ann   o..r....x        ann opens at 0, resolves at 3, reopens at 8
    bob   .....e..         bob escalates at 5

`.` is nothing. All events concern the same object unless `objects` says otherwise.
"""

from uuid import NAMESPACE_URL, uuid5

from tests.recount.contributions import Attribute, Cohorts, Event

SIGNALS = {
    "o": "ticket.opened",
    "a": "ticket.assigned",
    "e": "ticket.escalated",
    "p": "ticket.replied",
    "r": "ticket.resolved",
    "x": "ticket.reopened",
    "c": "ticket.closed",
    "S": "content.started",
    "C": "content.completed",
    "V": "video.started",
    "v": "video.played",
    "W": "video.completed",
    "D": "deal.opened",
    "w": "deal.won",
    "l": "deal.lost",
    "?": "unmapped",
}

NOBODY: Cohorts = {"team": "", "manager": "", "region": "", "eligible": False}


def timeline(
    drawing: str,
    unit: int,
    *,
    cohorts: dict[str, Cohorts] | None = None,
    attributes: dict[str, dict[str, Attribute]] | None = None,
    thing: str = "thing",
) -> list[Event]:
    """The events of a drawing. `unit` in ms. `attributes`: letter -> attributes."""
    events: list[Event] = []
    for line in drawing.strip().splitlines():
        learner, marks = line.split()
        for column, letter in enumerate(marks):
            if letter == ".":
                continue
            name = f"{thing} {line} {column}"
            events.append(
                {
                    "event_id": uuid5(NAMESPACE_URL, name).bytes,
                    "occurred_at": column * unit,
                    "learner": learner,
                    "cohort": (cohorts or {}).get(learner, NOBODY),
                    "signal": SIGNALS[letter],
                    "object": thing,
                    "attributes": (attributes or {}).get(letter, {}),
                }
            )
    return events
