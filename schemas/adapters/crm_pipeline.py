"""A sales pipeline export (Maven Analytics "CRM sales opportunities"): one row an opportunity.

A row gives deal.opened at `engage_date` and, when the deal is closed, deal.won or deal.lost at
`close_date`. Learner: `sales_agent`, as named in the export. Dates have no time of day: midnight
UTC. The id of the opening does not depend on what came later, so an export of next week, in which
the same deal is closed, repeats the opening and adds the closing.
"""

from collections.abc import Iterable, Iterator

from schemas.adapters.common import AdapterError, CompactEvent, Row, column, event_id, utc

ISSUER = "https://crm.example"
SOURCE = "crm"
COLUMNS = frozenset(
    {
        "opportunity_id",
        "sales_agent",
        "product",
        "deal_stage",
        "engage_date",
        "close_date",
        "close_value",
    }
)
"""The columns that are read."""

DATE_FORM = "%d-%m-%y"
OPPORTUNITY = "https://w3id.org/uptake/types/opportunity"
CLOSINGS = {
    "Won": "https://w3id.org/uptake/verbs/won",
    "Lost": "https://w3id.org/uptake/verbs/lost",
}
OPEN_STAGES = frozenset({"Prospecting", "Engaging"})


def events(rows: Iterable[Row]) -> Iterator[CompactEvent]:
    """The events of all rows, in their order. Raises AdapterError on a row it cannot read."""
    for row in rows:
        yield from row_events(row)


def row_events(row: Row) -> list[CompactEvent]:
    """No event (never engaged), one (open) or two (closed). Raises AdapterError."""
    stage = column(row, "deal_stage")
    if stage not in CLOSINGS and stage not in OPEN_STAGES:
        raise AdapterError(f"column deal_stage: {stage!r} is not a known stage")
    found = []
    if column(row, "engage_date"):
        found.append(_opened(row))
    if stage in CLOSINGS:
        found.append(_closed(row, stage))
    return found


def _opened(row: Row) -> CompactEvent:
    opportunity = column(row, "opportunity_id")
    identity = event_id(ISSUER, opportunity, "opened", column(row, "engage_date"))
    attributes: dict[str, object] = {"product": column(row, "product"), "stage": "Engaging"}
    at = utc(row, "engage_date", DATE_FORM)
    return _event(row, identity, at, "as:create", attributes)


def _closed(row: Row, stage: str) -> CompactEvent:
    value = column(row, "close_value") or "0"
    if not value.isdecimal():
        raise AdapterError(f"column close_value: {value!r} is not a whole number")
    facts = (column(row, "opportunity_id"), stage, column(row, "close_date"), value)
    attributes: dict[str, object] = {
        "product": column(row, "product"),
        "stage": stage,
        "value": int(value),
    }
    at = utc(row, "close_date", DATE_FORM)
    return _event(row, event_id(ISSUER, *facts), at, CLOSINGS[stage], attributes)


def _event(
    row: Row, identity: str, at: str, verb: str, attributes: dict[str, object]
) -> CompactEvent:
    opportunity, agent = column(row, "opportunity_id"), column(row, "sales_agent")
    if not opportunity or not agent:
        raise AdapterError("opportunity_id and sales_agent must have a value")
    return {
        "id": identity,
        "occurred_at": at,
        "learner": agent,
        "issuer": ISSUER,
        "verb": verb,
        "object": {"id": f"{ISSUER}/opportunity/{opportunity}", "type": OPPORTUNITY},
        "attributes": attributes,
    }
