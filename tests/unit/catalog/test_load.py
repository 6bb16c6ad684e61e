"""The catalog file: the bundled one loads; what does not fit is refused with its name."""

from pathlib import Path

import pytest

from streams.catalog import load, rows_for_store
from streams.catalog.load import CatalogError, duration_ms

JOURNEY = """
[journeys.ticket]
title = "t"
walked_by = "several"
steps.opened = ["ticket.opened"]
"""

INDICATOR = """
[indicators.opened]
title = "t"
kind = "leading"
measure = "count"
unit = "tickets"
good = "up"
description = "d"
try = "x"
"""


def test_bundled_catalog() -> None:
    found = rows_for_store(load())
    rows = found["catalog"]
    assert len(rows) >= 12
    assert [row["kind"] for row in sorted(rows, key=lambda row: row["board"]) if row["board"]] == [
        "leading",
        "leading",
        "lagging",
        "lagging",
    ]
    ticket = [row["step"] for row in found["journeys"] if row["journey"] == "ticket"]
    assert ticket[0] == "opened"
    assert {row["kind"] for row in rows} == {"leading", "lagging"}
    settle = {row["indicator"]: row["settle_ms"] for row in rows}
    assert settle["first_contact_resolution"] == 5 * 86_400_000


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ("", "either `signals` or `journey`"),
        ('signals = ["*"]\njourney = "ticket"', "either `signals` or `journey`"),
        ('journey = "tiket"\nat = ["opened"]', "no journey 'tiket'"),
        ('journey = "ticket"\nat = ["open"]', "no step 'open'"),
        ('journey = "ticket"', "`at` names no step"),
        ('journey = "ticket"\nat = ["opened"]\nsettle = "5 days"', "5d"),
        ('journey = "ticket"\nat = ["opened"]\nsuccess.is = ["opened"]', "belongs to a rate"),
        ('journey = "ticket"\nat = ["opened"]\nsince = "opened"', "belongs to a mean"),
        ('signals = ["*"]\ncolour = "red"', "colour"),
    ],
)
def test_refuses(tmp_path: Path, lines: str, named: str) -> None:
    file = tmp_path / "catalog.toml"
    file.write_text(JOURNEY + INDICATOR + lines)
    with pytest.raises(CatalogError, match=named):
        load(str(file))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"nowhere\.toml"):
        load(str(tmp_path / "nowhere.toml"))


def test_durations() -> None:
    assert duration_ms("5d") == 432_000_000
    assert duration_ms("12h") == 43_200_000
    assert duration_ms("30m") == 1_800_000
