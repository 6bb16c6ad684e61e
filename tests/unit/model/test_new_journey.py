"""A new journey and two indicators take lines of the catalog, and nothing else."""

from importlib.resources import files
from pathlib import Path

from schemas.records import Event
from streams.catalog import load
from tests.unit.model.pipeline import Pipeline, batches
from uptake.docs.catalog import page

LINES = Path(__file__).parents[2] / "fixtures" / "new_journey.toml"
DAY_MS = 86_400_000
NOON = 20_000 * DAY_MS + DAY_MS // 2


def test_from_lines_to_rows_and_a_page(tmp_path: Path) -> None:
    file = tmp_path / "catalog.toml"
    bundled = (files("streams.catalog") / "catalog.toml").read_text("utf-8")
    file.write_text(bundled + LINES.read_text("utf-8"), "utf-8")
    catalog = load(str(file))
    told = [
        ("reflection.noted", 1, "note 1", NOON, {"lesson": "a", "mood": "good"}),
        ("confidence.reported", 1, "scale", NOON + DAY_MS, {"lesson": "a"}),
        ("reflection.noted", 2, "note 2", NOON, {"lesson": "a", "mood": "bad"}),
        ("confidence.reported", 2, "scale", NOON + 3 * DAY_MS, {"lesson": "a"}),
        ("reflection.noted", 2, "note 3", NOON, {"lesson": "b", "mood": "good"}),
        ("reflection.noted", 2, "note 4", NOON + 1, {"lesson": "b", "mood": "bad"}),
    ]
    events = [
        Event(
            2, 0, place, 0, NOON, place.to_bytes(16, "big"), bytes([who]) * 16, at, signal, thing,
            "", attributes=dict(facts),
        )
        for place, (signal, who, thing, at, facts) in enumerate(told)
    ]  # fmt: skip
    pipeline = Pipeline(1, catalog=catalog)
    pipeline.feed(batches(events, 2))
    pipeline.run()
    rows = pipeline.indicators()
    end = 20_001 * DAY_MS

    def row(indicator: str, kind: str, cohort: str) -> tuple[int, int, int]:
        found = rows[indicator, kind, cohort, "28d", end]
        return found.num, found.den, found.people

    assert row("notes_taken", "all", "all") == (3, 0, 2)
    assert row("notes_taken", "mood", "good") == (2, 0, 2)
    assert row("notes_taken", "mood", "bad") == (1, 0, 1)
    assert row("note_to_confidence", "all", "all") == (1, 3, 2)
    assert row("note_to_confidence", "tool+mood", "lms+good") == (1, 2, 2)
    assert row("note_to_confidence", "mood", "bad") == (0, 1, 1)
    assert "### Notes taken (`notes_taken`)" in page(catalog)
