"""What adapters share: the shape of a compact event, ids from source facts, times."""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from uuid import NAMESPACE_URL, uuid5

CompactEvent = dict[str, object]
"""The JSON form of `POST /events/{source}`: id, occurred_at, learner, issuer, verb, object,
attributes. Made of JSON values only."""

Row = dict[str, str]
"""One line of a CSV export: column -> text."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMESPACE = uuid5(NAMESPACE_URL, "https://w3id.org/uptake/adapters")


class AdapterError(ValueError):
    """A row that is not of the form its export promises; says the column and why."""


def event_id(*facts: str) -> str:
    """The id of the event that these facts of the source describe: equal facts, equal id."""
    return str(uuid5(NAMESPACE, "\x1f".join(facts)))


def row_digest(row: Row) -> str:
    """Sixteen hex digits over all columns of a row, whatever their order."""
    pairs = (f"{name}\x1f{row[name]}" for name in sorted(row))
    return blake2b("\x1e".join(pairs).encode(), digest_size=8).hexdigest()


def column(row: Row, name: str) -> str:
    """The text of a column, `` if it is missing there (empty or `?`).

    Raises AdapterError when the export has no such column.
    """
    value = row.get(name)
    if value is None:
        raise AdapterError(f"column {name} is missing")
    text = value.strip()
    return "" if text == "?" else text


def utc(row: Row, name: str, form: str) -> str:
    """The time in a column as RFC 3339; exports without a zone are read as UTC.

    Raises AdapterError when the column holds no such time.
    """
    text = column(row, name)
    try:
        moment = datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        raise AdapterError(f"column {name}: {text!r} is not a time of the form {form}") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds(rfc3339: str) -> int:
    """Milliseconds since 1970 UTC. Raises AdapterError when it is no RFC 3339 time."""
    try:
        moment = datetime.fromisoformat(rfc3339)
    except ValueError:
        raise AdapterError(f"{rfc3339!r} is not an RFC 3339 time") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)
