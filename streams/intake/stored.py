"""Events as the store has them, made into what intake has packed, with the enrichment and the
rating they had."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from schemas.ratings import Rating
from schemas.records import Attribute, Cohort, Event
from schemas.topics import SOURCES

COLUMNS: Final = """
    source, partition, offset, generation, toUnixTimestamp64Milli(received_at),
    event_id, learner, toUnixTimestamp64Milli(occurred_at),
    verb, object_id, object_type, parent, success, completion, score, duration_ms, attributes,
    team, manager, region, eligible, toString(module), rating"""
"""Of `events_log` and RATED; then comes whether the event was taken back."""

RATED: Final = """
LEFT JOIN
(
    SELECT source, generation, partition, offset, toJSONString((
        CAST((groupArrayIf(toString(criterion), isNotNull(level)),
            groupArrayIf(assumeNotNull(level), isNotNull(level))), 'Map(String, Float64)'),
        any(lowest), any(highest), base64Encode(any(rater)), any(toString(rubric)),
        any(rubric_version), any(toString(purpose)), any(tags),
        CAST(any(text_length), 'Nullable(Int32)'))) AS rating
    FROM ratings FINAL
    GROUP BY source, generation, partition, offset
) AS rated USING (source, generation, partition, offset)"""
"""To be put behind `events_log`. `rating`: a Rating in JSON; empty: the event rates nothing."""

_SOURCE_NUMBERS = {source: number for number, source in enumerate(SOURCES)}
_OF_COHORT = ("team", "manager", "region", "eligible")
_FACTS = tuple({*Event.__struct_fields__} - {"source", "attributes", "cohort", "rating", "voided"})
_NAMED = frozenset({*_FACTS, *_OF_COHORT, "source", "attributes"})
_NOTHING = Rating()
_NO_ATTRIBUTES: dict[str, Attribute] = {}
_decode_attributes = msgspec.json.Decoder(dict[str, Attribute]).decode
_decode_rating = msgspec.json.Decoder(Rating).decode


def events(block: Sequence[Sequence[Any]]) -> Iterator[Event]:
    """The events of a block of COLUMNS and that, values by column."""
    *facts, attributes, teams, managers, regions, eligible, modules, ratings, voided = block
    sources, rest = facts[0], facts[1:]
    kept = map(_attributes, attributes)
    cohorts = map(_cohort, teams, managers, regions, eligible)
    numbers = (_SOURCE_NUMBERS[source] for source in sources)
    rated = map(_rating, ratings)
    return map(Event, numbers, *rest, kept, cohorts, modules, rated, map(bool, voided))


def of_row(value: bytes) -> Iterator[Event]:
    """The event of a row of `events_log`, by name of column. None, where another version wrote it
    that knew other columns: its letter cannot be replayed either."""
    row = msgspec.msgpack.decode(value, type=dict[str, Any])
    if not row.keys() >= _NAMED:
        return
    cohort = _cohort(row["team"], row["manager"], row["region"], row["eligible"])
    facts = {name: row[name] for name in _FACTS}
    attributes = _attributes(row["attributes"])
    number = _SOURCE_NUMBERS[row["source"]]
    yield Event(source=number, attributes=attributes, cohort=cohort, **facts)


def _attributes(text: str) -> dict[str, Attribute]:
    return _decode_attributes(text) if text else _NO_ATTRIBUTES


def _rating(text: str) -> Rating | None:
    """A scaled score alone has a row of ratings too, and is no Rating."""
    found = _decode_rating(text) if text else _NOTHING
    return found if found != _NOTHING else None


@lru_cache(maxsize=10_000)
def _cohort(team: str, manager: str, region: str, eligible: bool) -> Cohort:
    return Cohort(team, manager, region, eligible)
