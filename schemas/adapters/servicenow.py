"""The audit log of an incident process (ServiceNow, in the form of the UCI event log).

The file is sorted by incident; a row is one state of it, so one change, so one event. What changed
shows against the previous row of the same incident. Of several changes in one row the first of
these gives the signal:

    first row of the incident                    ticket.opened     at opened_at
    Resolved, and was not Resolved or Closed     ticket.resolved
    open again after Resolved or Closed          ticket.reopened
    Closed, and was not Closed                   ticket.closed
    impact, urgency or priority was raised       ticket.escalated
    other group, agent or reassignment count     ticket.assigned
    anything else                                ticket.updated

An incident that is Resolved in its first row gives only ticket.opened there, and its resolution
counts when it is closed. A reassignment alone is no escalation: in this log most of them are
triage. Learner: `assigned_to`, where it is missing `resolved_by`, as named in the log.
"""

from collections.abc import Iterable, Iterator

from schemas.adapters.common import (
    AdapterError,
    CompactEvent,
    Row,
    column,
    event_id,
    row_digest,
    utc,
)

ISSUER = "https://servicenow.example"
SOURCE = "ticketing"
COLUMNS = frozenset(
    {
        "number",
        "incident_state",
        "reassignment_count",
        "reopen_count",
        "sys_mod_count",
        "made_sla",
        "opened_at",
        "sys_updated_at",
        "impact",
        "urgency",
        "priority",
        "assignment_group",
        "assigned_to",
        "resolved_by",
    }
)
"""The columns that are read."""

TIME_FORM = "%d-%m-%Y %H:%M"
DONE = frozenset({"Resolved", "Closed"})
SEVERITIES = ("impact", "urgency", "priority")
ASSIGNMENT = ("assignment_group", "assigned_to", "reassignment_count")


def events(rows: Iterable[Row]) -> Iterator[CompactEvent]:
    """One event a row, in the order of the rows. Raises AdapterError on a row it cannot read."""
    previous: Row | None = None
    for row in rows:
        if previous is not None and previous.get("number") != row.get("number"):
            previous = None
        yield event(row, previous)
        previous = row


def event(row: Row, previous: Row | None) -> CompactEvent:
    """The event of one row. `previous`: the row before it of the same incident; None: the first.

    Raises AdapterError when a column is missing or holds no value of its kind.
    """
    number = column(row, "number")
    learner = column(row, "assigned_to") or column(row, "resolved_by")
    if not number or not learner:
        raise AdapterError("number, and one of assigned_to and resolved_by, must have a value")
    verb, more = _verb(row, previous)
    time_column = "opened_at" if previous is None else "sys_updated_at"
    return {
        "id": event_id(
            ISSUER,
            number,
            column(row, "sys_mod_count"),
            column(row, "sys_updated_at"),
            row_digest(row),
        ),
        "occurred_at": utc(row, time_column, TIME_FORM),
        "learner": learner,
        "issuer": ISSUER,
        "verb": verb,
        "object": {"id": f"{ISSUER}/incident/{number}", "type": "as:issue"},
        "attributes": _attributes(row) | more,
    }


def _verb(row: Row, previous: Row | None) -> tuple[str, dict[str, object]]:
    if previous is None:
        return "as:create", {}
    state, before = column(row, "incident_state"), column(previous, "incident_state")
    if state == "Resolved" and before not in DONE:
        return "as:resolve", {}
    if state not in DONE and before in DONE:
        return "as:open", {}
    if state == "Closed" and before != "Closed":
        return "as:close", {}
    assigned = any(column(row, name) != column(previous, name) for name in ASSIGNMENT)
    if any(_raised(row, previous, name) for name in SEVERITIES):
        if assigned:
            return "as:assign", {"escalated": True}
        return "tin:verb/requested-attention", {}
    return ("as:assign", {}) if assigned else ("as:update", {})


def _raised(row: Row, previous: Row, name: str) -> bool:
    """`1 - High` is above `2 - Medium`. Nothing is raised from or to an unknown level."""
    level, before = column(row, name)[:1], column(previous, name)[:1]
    return level.isdigit() and before.isdigit() and int(level) < int(before)


def _attributes(row: Row) -> dict[str, object]:
    texts = {
        "state": column(row, "incident_state"),
        "priority": column(row, "priority"),
        "group": column(row, "assignment_group"),
    }
    attributes: dict[str, object] = {name: text for name, text in texts.items() if text}
    attributes["reassignments"] = _number(row, "reassignment_count")
    attributes["reopenings"] = _number(row, "reopen_count")
    attributes["sla_met"] = _flag(row, "made_sla")
    return attributes


def _number(row: Row, name: str) -> int:
    text = column(row, name)
    if not text.isdecimal():
        raise AdapterError(f"column {name}: {text!r} is not a number")
    return int(text)


def _flag(row: Row, name: str) -> bool:
    text = column(row, name).upper()
    if text not in {"TRUE", "FALSE"}:
        raise AdapterError(f"column {name}: {text!r} is not TRUE or FALSE")
    return text == "TRUE"
