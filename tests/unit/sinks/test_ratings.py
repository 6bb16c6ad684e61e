"""Stored events -> rows of `ratings`."""

from typing import Any

from schemas.ratings import Rating
from schemas.records import Enriched, EnrichedEvent, Event, decode_enriched, encode
from sinks.clickhouse import ratings, tables

ID = bytes(range(16))


def entry(signal: str, rating: Rating | None = None, score: float | None = None) -> EnrichedEvent:
    event = Event(2, 0, 5, 0, 20, ID, ID[::-1], 10, "v", "o", "t", score=score, rating=rating)
    return EnrichedEvent(event, signal, "Alder", "m", "north", True, "module")


def found(*stored: EnrichedEvent) -> list[dict[str, Any]]:
    record = decode_enriched(encode(Enriched(0, 0, 0, 0, stored=list(stored))))
    columns = ratings.columns([record])
    names = tables.names("ratings")
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def test_a_row_a_criterion() -> None:
    given = Rating(
        {"a": 3.0, "b": 4.0}, 1.0, 5.0, b"r" * 16, "call", 2, "coaching", ["tag"], 12
    )  # fmt: skip
    rows = found(entry("rubric.scored", given, 0.5))
    assert [(row["criterion"], row["level"]) for row in rows] == [("a", 3.0), ("b", 4.0)]
    assert {row["kind"] for row in rows} == {"check"}
    shared = {k: v for k, v in rows[0].items() if k not in ("criterion", "level")}
    assert shared == {
        "kind": "check", "occurred_at": 10, "received_at": 20, "event_id": ID, "source": "lms",
        "actor": ID[::-1], "rater": b"r" * 16, "team": "Alder", "manager": "m", "region": "north",
        "module": "module", "artefact": "o", "lowest": 1.0, "highest": 5.0, "score": 0.5,
        "rubric": "call", "rubric_version": 2, "purpose": "coaching", "tags": ["tag"],
        "text_length": 12, "partition": 0, "offset": 5, "generation": 0,
    }  # fmt: skip


def test_a_score_alone_is_one_row_without_a_level() -> None:
    (row,) = found(entry("observation.logged", None, 0.75))
    assert (row["criterion"], row["level"], row["score"]) == ("", None, 0.75)


def test_a_text_alone_is_one_row() -> None:
    (row,) = found(entry("reflection.noted", Rating(text_length=28)))
    assert (row["kind"], row["text_length"], row["level"]) == ("reflection", 28, None)


def test_nothing_of_what_says_nothing_or_is_no_rating() -> None:
    assert found(entry("rubric.scored"), entry("content.completed", Rating({"": 1.0}), 1.0)) == []
