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
from uuid import UUID

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
    tool: NotRequired[str]
    parent: NotRequired[str]
    module: NotRequired[str]
    success: NotRequired[bool | None]


class Contribution(NamedTuple):
    """`num` and `den` that `event` adds to `indicator` at its time. `more`: the cohorts of the
    indicator's breakdowns in which it counts."""

    indicator: str
    event: Event
    num: int
    den: int
    more: tuple[tuple[str, str], ...] = ()


Case = tuple[Event, int, int]
HOUR = 3_600_000
MINUTE = 60_000
Definition = Callable[[list[Event]], Iterable[Case]]


def contributions(events: Iterable[Event]) -> Iterator[Contribution]:
    """All contributions of all indicators."""
    kept = not_voided(events)
    ordered = sorted(kept, key=lambda event: (event["occurred_at"], event["event_id"]))
    for event in ordered:
        if event["signal"] not in {"unmapped", "voided"}:
            yield Contribution("active_learners", event, 0, 0)
            if event["cohort"]["eligible"]:
                yield Contribution("adoption", event, 0, 0)
        if event["signal"] == "video.played":
            yield Contribution("video_plays", event, 1, 0)
        if event["signal"] == "feedback.given":
            yield Contribution("feedback_given", event, 1, 0)
    by_object: dict[Hashable, list[Event]] = defaultdict(list)
    by_learner_and_object: dict[Hashable, list[Event]] = defaultdict(list)
    by_moment: dict[Hashable, list[Event]] = defaultdict(list)
    for event in ordered:
        by_object[event["object"]].append(event)
        by_learner_and_object[event["learner"], event["object"]].append(event)
        moment = _attributes(event).get("moment")
        by_moment[moment if isinstance(moment, str) and moment else event["object"]].append(event)
    yield from _of(ONE_LEARNER, by_learner_and_object)
    yield from _of(SEVERAL_LEARNERS, by_object)
    yield from _of(MOMENTS, by_moment)


def not_voided(events: Iterable[Event]) -> list[Event]:
    """Without events that others take back; a taking back cannot be taken back."""
    known = list(events)
    gone = set()
    for event in known:
        named = _attributes(event).get("voids") if event["signal"] == "voided" else None
        try:
            gone.add(UUID(str(named)).bytes)
        except ValueError:
            continue
    return [e for e in known if e["signal"] == "voided" or e["event_id"] not in gone]


def _of(
    definitions: Mapping[str, Definition], walks: Mapping[Hashable, list[Event]]
) -> Iterator[Contribution]:
    for indicator, definition in definitions.items():
        for walk in walks.values():
            for event, num, den in definition(walk):
                more = tuple(_more(indicator, event, walk))
                yield Contribution(indicator, event, num, den, more)


def _more(indicator: str, event: Event, walk: list[Event]) -> Iterator[tuple[str, str]]:
    for kind in BREAKDOWNS.get(indicator, ()):
        parts = [_fact(event, name, walk) for name in kind.split("+")]
        if "" not in parts:
            yield kind, "+".join(parts)


def values(events: Iterable[Event]) -> Iterator[tuple[str, str, str]]:
    """(indicator, kind, value) of the breakdowns that events name, be they cases or not; without
    delays, which are few."""
    for event in events:
        for indicator, kinds in BREAKDOWNS.items():
            if event["signal"] not in STANDS_AT[indicator]:
                continue
            for kind in kinds:
                parts = [_fact(event, name, []) for name in kind.split("+") if name != "delay"]
                if parts and "" not in parts:
                    yield indicator, kind, "+".join(parts)


def _fact(event: Event, name: str, walk: list[Event]) -> str:
    if name == "delay":
        return _delay(event, walk)
    if name == "tool":
        return event.get("tool", "")
    if name == "object":
        return event["object"]
    if name == "module":
        return event.get("module", "")
    value = _attributes(event).get(name, "")
    if value is True or value is False:
        return str(value).lower()
    return "" if isinstance(value, float) else str(value)


def _delay(shown: Event, walk: list[Event]) -> str:
    """How long it took to act, as the first of some round times that is not shorter."""
    begin = shown["occurred_at"]
    waits = [e["occurred_at"] - begin for e in walk if e["signal"] == "nudge.acted"]
    known = [wait for wait in waits if 0 <= wait <= DAY]
    if not known:
        return "never"
    round_times = {
        "10s": 10_000, "20s": 20_000, "30s": 30_000, "1m": MINUTE, "2m": 2 * MINUTE,
        "3m": 3 * MINUTE, "5m": 5 * MINUTE, "10m": 10 * MINUTE, "15m": 15 * MINUTE,
        "20m": 20 * MINUTE, "30m": 30 * MINUTE, "45m": 45 * MINUTE, "1h": HOUR, "90m": 90 * MINUTE,
        "2h": 2 * HOUR, "3h": 3 * HOUR, "4h": 4 * HOUR, "6h": 6 * HOUR, "8h": 8 * HOUR,
        "12h": 12 * HOUR, "18h": 18 * HOUR, "1d": DAY,
    }  # fmt: skip
    return next(name for name, ms in round_times.items() if ms >= min(known))


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


def _near(case: Event, others: list[Event], before: int, after: int) -> bool:
    at = case["occurred_at"]
    return any(at - before <= other["occurred_at"] <= at + after for other in others)


def moments(walk: list[Event]) -> Iterator[Case]:
    for event in _all(walk, *OPENS_A_MOMENT):
        yield event, 1, 0


def moment_coverage(walk: list[Event]) -> Iterator[Case]:
    for event in _all(walk, *OPENS_A_MOMENT):
        yield event, int(_near(event, _all(walk, "nudge.shown"), 10 * MINUTE, HOUR)), 1


def moment_precision(walk: list[Event]) -> Iterator[Case]:
    for event in _all(walk, "nudge.shown"):
        yield event, int(_near(event, _all(walk, *OPENS_A_MOMENT), HOUR, 10 * MINUTE)), 1


def _first_followed(walk: list[Event], first: str, then: str, within: int) -> Iterator[Case]:
    for event in _all(walk, first)[:1]:
        yield event, int(_followed(event, _all(walk, then), within)), 1


def nudge_open_rate(walk: list[Event]) -> Iterator[Case]:
    return _first_followed(walk, "nudge.shown", "nudge.opened", DAY)


def nudge_action_rate(walk: list[Event]) -> Iterator[Case]:
    return _first_followed(walk, "nudge.shown", "nudge.acted", DAY)


def nudge_dismiss_rate(walk: list[Event]) -> Iterator[Case]:
    return _first_followed(walk, "nudge.shown", "nudge.dismissed", DAY)


def nudge_click_to_act(walk: list[Event]) -> Iterator[Case]:
    """Of nudges shown more than once, the first showing that was followed by an opening counts."""
    for event in _all(walk, "nudge.shown"):
        if _followed(event, _all(walk, "nudge.opened"), DAY):
            yield event, int(_followed(event, _all(walk, "nudge.acted"), DAY)), 1
            return


def nudge_time_to_act(walk: list[Event]) -> Iterator[Case]:
    for event in _all(walk, "nudge.shown")[:1]:
        yield event, 1, 0


def _first(walk: list[Event], signal: str) -> Iterator[Case]:
    for event in _all(walk, signal)[:1]:
        yield event, 1, 0


def challenges_offered(walk: list[Event]) -> Iterator[Case]:
    return _first(walk, "challenge.offered")


def challenge_completion_rate(walk: list[Event]) -> Iterator[Case]:
    return _first_followed(walk, "challenge.offered", "challenge.checked", 7 * DAY)


def challenge_recall_rate(walk: list[Event]) -> Iterator[Case]:
    return _first_followed(walk, "challenge.checked", "challenge.recalled", 28 * DAY)


def hours_to_check(walk: list[Event]) -> Iterator[Case]:
    for checked in _all(walk, "challenge.checked"):
        for offered in _all(walk, "challenge.offered"):
            if offered["occurred_at"] <= checked["occurred_at"]:
                yield checked, checked["occurred_at"] - offered["occurred_at"], 1
                return


def roleplays_assigned(walk: list[Event]) -> Iterator[Case]:
    return _first(walk, "roleplay.assigned")


def roleplays_submitted(walk: list[Event]) -> Iterator[Case]:
    return _first(walk, "roleplay.submitted")


def timely_submission(walk: list[Event]) -> Iterator[Case]:
    for event in _all(walk, "roleplay.assigned"):
        if "due" in _attributes(event):
            due = _attributes(event)["due"]
            begin = event["occurred_at"]
            times = [other["occurred_at"] for other in _all(walk, "roleplay.submitted")]
            in_time = type(due) is int and any(begin <= time <= due for time in times)
            yield event, int(in_time), 1
            return


def suggestions_offered(walk: list[Event]) -> Iterator[Case]:
    return _first(walk, "suggestion.offered")


def suggestion_try_rate(walk: list[Event]) -> Iterator[Case]:
    return _first_followed(walk, "suggestion.offered", "suggestion.tried", 14 * DAY)


def suggestion_report_rate(walk: list[Event]) -> Iterator[Case]:
    return _first_followed(walk, "suggestion.tried", "suggestion.reported", 14 * DAY)


def suggestion_worked(walk: list[Event]) -> Iterator[Case]:
    answers = [e for e in _all(walk, "suggestion.reported") if e.get("success") is not None]
    for event in answers[:1]:
        yield event, int(event.get("success") is True), 1


def experiment_click_rate(walk: list[Event]) -> Iterator[Case]:
    return _first_followed(walk, "experiment.exposed", "experiment.clicked", 7 * DAY)


def experiment_completion_rate(walk: list[Event]) -> Iterator[Case]:
    return _first_followed(walk, "experiment.exposed", "experiment.completed", 7 * DAY)


def experiment_application_rate(walk: list[Event]) -> Iterator[Case]:
    return _first_followed(walk, "experiment.exposed", "experiment.applied", 28 * DAY)


def _attributes(event: Event) -> Mapping[str, Attribute]:
    return event.get("attributes", {})


ONE_LEARNER: dict[str, Definition] = {
    "module_starts": module_starts,
    "module_completions": module_completions,
    "module_completion_rate": module_completion_rate,
    "video_engagement": video_engagement,
    "nudge_open_rate": nudge_open_rate,
    "nudge_action_rate": nudge_action_rate,
    "nudge_dismiss_rate": nudge_dismiss_rate,
    "nudge_click_to_act": nudge_click_to_act,
    "nudge_time_to_act": nudge_time_to_act,
    "challenges_offered": challenges_offered,
    "challenge_completion_rate": challenge_completion_rate,
    "challenge_recall_rate": challenge_recall_rate,
    "hours_to_check": hours_to_check,
    "roleplays_assigned": roleplays_assigned,
    "roleplays_submitted": roleplays_submitted,
    "timely_submission": timely_submission,
    "suggestions_offered": suggestions_offered,
    "suggestion_try_rate": suggestion_try_rate,
    "suggestion_report_rate": suggestion_report_rate,
    "suggestion_worked": suggestion_worked,
    "experiment_click_rate": experiment_click_rate,
    "experiment_completion_rate": experiment_completion_rate,
    "experiment_application_rate": experiment_application_rate,
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

MOMENTS: dict[str, Definition] = {
    "moments": moments,
    "moment_coverage": moment_coverage,
    "moment_precision": moment_precision,
}
"""Defined over the events of one moment: those that name it, or are about the object it is."""

OPENS_A_MOMENT = ("ticket.assigned", "deal.updated", "call.scheduled")
_OF_NUDGES = ("tool", "placement", "prompt", "tool+placement")
_OF_CHALLENGES = ("kind", "module", "well_written")
_OF_EXPERIMENTS = ("object", "object+variant")

BREAKDOWNS: dict[str, tuple[str, ...]] = {
    "moments": ("tool",),
    "moment_coverage": ("tool",),
    "moment_precision": _OF_NUDGES,
    "nudge_open_rate": _OF_NUDGES,
    "nudge_action_rate": _OF_NUDGES,
    "nudge_dismiss_rate": _OF_NUDGES,
    "nudge_click_to_act": _OF_NUDGES,
    "nudge_time_to_act": (
        "delay",
        "tool+delay",
        "placement+delay",
        "prompt+delay",
        "tool+placement+delay",
    ),
    "challenges_offered": _OF_CHALLENGES,
    "challenge_completion_rate": _OF_CHALLENGES,
    "challenge_recall_rate": ("kind",),
    "hours_to_check": ("kind", "module"),
    "suggestions_offered": ("kind",),
    "suggestion_try_rate": ("kind",),
    "suggestion_report_rate": ("kind",),
    "suggestion_worked": ("kind",),
    "experiment_click_rate": _OF_EXPERIMENTS,
    "experiment_completion_rate": _OF_EXPERIMENTS,
    "experiment_application_rate": _OF_EXPERIMENTS,
}
"""Indicator -> the further kinds of cohorts that it has."""

STANDS_AT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("moments", "moment_coverage"), OPENS_A_MOMENT),
    **{name: ("nudge.shown",) for name in BREAKDOWNS if name.startswith("nudge_")},
    "moment_precision": ("nudge.shown",),
    **dict.fromkeys(("challenges_offered", "challenge_completion_rate"), ("challenge.offered",)),
    **dict.fromkeys(("challenge_recall_rate", "hours_to_check"), ("challenge.checked",)),
    **dict.fromkeys(("suggestions_offered", "suggestion_try_rate"), ("suggestion.offered",)),
    "suggestion_report_rate": ("suggestion.tried",),
    "suggestion_worked": ("suggestion.reported",),
    **{name: ("experiment.exposed",) for name in BREAKDOWNS if name.startswith("experiment_")},
}
"""Indicator with breakdowns -> the signals at which its cases stand."""
