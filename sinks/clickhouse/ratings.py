"""Stored events that rate something -> columns of the table `ratings`: a row a criterion. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from schemas.ratings import Rating
from schemas.records import Enriched, EnrichedEvent
from schemas.topics import SOURCES

KINDS: Final = {
    "confidence.reported": "confidence",
    "rubric.scored": "check",
    "feedback.given": "feedback",
    "observation.logged": "observation",
    "reflection.noted": "reflection",
}
"""Signal -> kind of score."""

_NOTHING: Final = Rating()


def columns(records: Iterable[Enriched]) -> list[Sequence[Any]]:
    """In the order of tables.INSERTED."""
    rated = [entry for record in records for entry in record.stored if entry.signal in KINDS]
    return list(zip(*(row for entry in rated for row in _rows(entry)), strict=True))


def _rows(entry: EnrichedEvent) -> Iterator[tuple[Any, ...]]:
    """None for an event that says nothing but that it happened."""
    event = entry.event
    rating = event.rating or _NOTHING
    levels: dict[str, float | None] = {**rating.levels}
    if not levels and (event.rating is not None or event.score is not None):
        levels[""] = None
    for criterion, level in levels.items():
        yield (
            KINDS[entry.signal], event.occurred_at, event.received_at, event.event_id, criterion,
            SOURCES[event.source], event.learner, rating.rater, entry.team, entry.manager,
            entry.region, entry.module, event.object_id, level, rating.lowest, rating.highest,
            event.score, rating.rubric, rating.rubric_version, rating.purpose, rating.tags,
            rating.text_length, event.partition, event.offset, event.generation,
        )  # fmt: skip
