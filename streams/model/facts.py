"""Facts of an event that rules and breakdowns look at, and the cohorts that their values name.

A fact is an attribute of the event, or one of OWN: what every event has. Where an event carries
an attribute with such a name, the event's own fact is meant.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from schemas.records import Attribute, Event
from schemas.topics import SOURCES
from streams.catalog.load import DELAY, JOINED, MS

Label = tuple[str, str]
"""(kind of cohort, cohort) of a breakdown."""

Labels = tuple[Label, ...]

Facts = Mapping[str, Attribute]

NEVER: Final = "never"
BUCKETS: Final = tuple(
    (int(text[:-1]) * MS[text[-1]], text)
    for text in (
        *("10s", "20s", "30s", "1m", "2m", "3m", "5m", "10m", "15m", "20m", "30m", "45m", "1h"),
        *("90m", "2h", "3h", "4h", "6h", "8h", "12h", "18h", "1d", "2d", "3d", "5d", "7d", "14d"),
        "28d",
    )
)
"""Delays are told as the first of these that is not shorter: (ms, name)."""

_OWN: Final[dict[str, Callable[[Event, str], Attribute | None]]] = {
    "tool": lambda event, _: SOURCES[event.source],
    "object": lambda event, _: event.object_id,
    "parent": lambda event, _: event.parent or None,
    "module": lambda _, module: module or None,
    "success": lambda event, _: event.success,
    "completion": lambda event, _: event.completion,
}
OWN: Final = tuple(_OWN)


def facts_of(event: Event, module: str, names: Iterable[str]) -> dict[str, Attribute]:
    """The facts called so, of those that the event has. `module`: of its object."""
    found: dict[str, Attribute] = {}
    for name in names:
        own = _OWN.get(name)
        value = event.attributes.get(name) if own is None else own(event, module)
        if value is not None:
            found[name] = value
    return found


def label(facts: Facts, names: Sequence[str]) -> str:
    """The cohort that these facts name together; empty: one is not there. A fact names a cohort
    by text, yes or no, or a whole number."""
    parts = [_text(facts.get(name)) for name in names]
    return JOINED.join(parts) if all(parts) else ""


def labels(facts: Facts, breakdowns: Iterable[tuple[str, Sequence[str]]]) -> Labels:
    """The cohorts of all breakdowns that these facts name."""
    found = ((kind, label(facts, names)) for kind, names in breakdowns)
    return tuple((kind, name) for kind, name in found if name)


def delay_name(ms: int) -> str:
    """The bucket of a delay, which is not longer than the longest."""
    return next(name for longest, name in BUCKETS if ms <= longest)


def without_delay(kind: str, name: str) -> tuple[str, str]:
    """What of a kind and its cohort is named by facts alone: empty where there is only a delay."""
    if kind == DELAY:
        return "", ""
    if kind.endswith(JOINED + DELAY):
        return kind.removesuffix(JOINED + DELAY), name.rpartition(JOINED)[0]
    return kind, name


def _text(value: Attribute | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else ""
