"""Part one of the recount: which event contributes what to which indicator, in plain Python.

It shares no code with the pipeline and is written to be obviously right, not fast. Each function
below is one indicator's definition. It is handed the events of one key (an object, or a learner
and an object) in the order of (occurred_at, event_id), each event once.

Times are in ms. "Within d at or after t" means t <= time <= t + d; ties in time count as both
before and after there. "Before" in "replies before the resolution" means the order above.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple, NotRequired, TypedDict

DAY = 86_400_000

Attribute = bool | int | float | str


class Cohorts(TypedDict):
    """What the directory said of the learner when the event came in; empty text: no such cohort."""

    team: str
    manager: str
    region: str
    eligible: bool


class Event(TypedDict):
    """One stored event (duplicates and dead letters are not among them)."""

    event_id: bytes
    occurred_at: int
    learner: Hashable
    cohort: Cohorts
    signal: str
    object: str
    attributes: NotRequired[Mapping[str, Attribute]]


class Contribution(NamedTuple):
    """`num` and `den` that `event` adds to `indicator` at its time."""

    indicator: str
    event: Event
    num: int
    den: int


Case = tuple[Event, int, int]
Definition = Callable[[list[Event]], Iterable[Case]]


def contributions(events: Iterable[Event]) -> Iterator[Contribution]:
    """All contributions of all indicators."""
    ordered = sorted(events, key=lambda event: (event["occurred_at"], event["event_id"]))
    for event in ordered:
        if event["signal"] not in {"unmapped", "voided"}:
            yield Contribution("active_learners", event, 0, 0)
            if event["cohort"]["eligible"]:
                yield Contribution("adoption", event, 0, 0)
        if event["signal"] == "video.played":
            yield Contribution("video_plays", event, 1, 0)
    by_object: dict[Hashable, list[Event]] = defaultdict(list)
    by_learner_and_object: dict[Hashable, list[Event]] = defaultdict(list)
    for event in ordered:
        by_object[event["object"]].append(event)
        by_learner_and_object[event["learner"], event["object"]].append(event)
    yield from _of(ONE_LEARNER, by_learner_and_object)
    yield from _of(SEVERAL_LEARNERS, by_object)


def _of(
    definitions: Mapping[str, Definition], walks: Mapping[Hashable, list[Event]]
) -> Iterator[Contribution]:
    for indicator, definition in definitions.items():
        for walk in walks.values():
            for event, num, den in definition(walk):
                yield Contribution(indicator, event, num, den)


def _all(walk: list[Event], *signals: str) -> list[Event]:
    return [event for event in walk if event["signal"] in signals]


def _followed(case: Event, others: list[Event], within: int) -> bool:
    start = case["occurred_at"]
    return any(start <= other["occurred_at"] <= start + within for other in others)


def module_starts(walk: list[Event]) -> Iterator[Case]:
    for event in _all(walk, "content.started")[:1]:
        yield event, 1, 0


def module_completions(walk: list[Event]) -> Iterator[Case]:
    for event in _all(walk, "content.completed")[:1]:
        yield event, 1, 0


def module_completion_rate(walk: list[Event]) -> Iterator[Case]:
    completions = _all(walk, "content.completed")
    for event in _all(walk, "content.started")[:1]:
        yield event, int(_followed(event, completions, 28 * DAY)), 1


def video_engagement(walk: list[Event]) -> Iterator[Case]:
    completions = _all(walk, "video.completed")
    for event in _all(walk, "video.started")[:1]:
        yield event, int(_followed(event, completions, 7 * DAY)), 1


def tickets_opened(walk: list[Event]) -> Iterator[Case]:
    for event in _all(walk, "ticket.opened")[:1]:
        yield event, 1, 0


def tickets_resolved(walk: list[Event]) -> Iterator[Case]:
    """The first resolution of the ticket, and the first after each opening or reopening."""
    resolved = False
    for event in walk:
        if event["signal"] in {"ticket.opened", "ticket.reopened"}:
            resolved = False
        if event["signal"] in {"ticket.resolved", "ticket.closed"} and not resolved:
            resolved = True
            yield event, 1, 0


def tickets_reopened(walk: list[Event]) -> Iterator[Case]:
    for event in _all(walk, "ticket.reopened"):
        yield event, 1, 0


def first_contact_resolution(walk: list[Event]) -> Iterator[Case]:
    for event in _all(walk, "ticket.resolved", "ticket.closed")[:1]:
        before = walk[: walk.index(event)]
        replies = [
            other
            for other in _all(before, "ticket.replied")
            if other.get("attributes", {}).get("public") is True
        ]
        reopened = _followed(event, _all(walk, "ticket.reopened"), 5 * DAY)
        yield event, int(len(replies) <= 1 and not reopened), 1


def escalation_rate(walk: list[Event]) -> Iterator[Case]:
    for event in _all(walk, "ticket.opened")[:1]:
        yield event, int(_followed(event, _all(walk, "ticket.escalated"), 7 * DAY)), 1


def sla_met(walk: list[Event]) -> Iterator[Case]:
    known = [event for event in _all(walk, "ticket.closed") if "sla_met" in _attributes(event)]
    for event in known[:1]:
        yield event, int(_attributes(event)["sla_met"] is True), 1


def opportunities_opened(walk: list[Event]) -> Iterator[Case]:
    for event in _all(walk, "deal.opened")[:1]:
        yield event, 1, 0


def opportunities_won(walk: list[Event]) -> Iterator[Case]:
    for event in _all(walk, "deal.won")[:1]:
        yield event, 1, 0


def win_rate(walk: list[Event]) -> Iterator[Case]:
    for event in _all(walk, "deal.won", "deal.lost")[:1]:
        yield event, int(event["signal"] == "deal.won"), 1


def days_to_close(walk: list[Event]) -> Iterator[Case]:
    """`num` is in ms. A deal won before it was ever opened is no case, a later win of it may be."""
    for won in _all(walk, "deal.won"):
        for opened in _all(walk, "deal.opened"):
            if opened["occurred_at"] <= won["occurred_at"]:
                yield won, won["occurred_at"] - opened["occurred_at"], 1
                return


def _attributes(event: Event) -> Mapping[str, Attribute]:
    return event.get("attributes", {})


ONE_LEARNER: dict[str, Definition] = {
    "module_starts": module_starts,
    "module_completions": module_completions,
    "module_completion_rate": module_completion_rate,
    "video_engagement": video_engagement,
}
"""Defined over the events of one learner and one object."""

SEVERAL_LEARNERS: dict[str, Definition] = {
    "tickets_opened": tickets_opened,
    "tickets_resolved": tickets_resolved,
    "tickets_reopened": tickets_reopened,
    "first_contact_resolution": first_contact_resolution,
    "escalation_rate": escalation_rate,
    "sla_met": sla_met,
    "opportunities_opened": opportunities_opened,
    "opportunities_won": opportunities_won,
    "win_rate": win_rate,
    "days_to_close": days_to_close,
}
"""Defined over the events of one object."""
