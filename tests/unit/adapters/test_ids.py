"""Ids come from the facts of a row, and rows that cannot be read are told."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.adapters import crm_pipeline, servicenow
from schemas.adapters.common import AdapterError, Row, milliseconds, row_digest

GOLDEN = Path(__file__).parents[2] / "golden"


def _rows(name: str) -> list[Row]:
    with (GOLDEN / name).open(newline="") as file:
        return list(csv.DictReader(file))


LIFE = _rows("servicenow/life.csv")
STAGES = _rows("crm_pipeline/stages.csv")


def test_rows_with_equal_number_and_mod_count_are_different_events() -> None:
    ids = [event["id"] for event in servicenow.events(LIFE)]
    assert (LIFE[-1]["number"], LIFE[-1]["sys_mod_count"]) == (
        LIFE[-2]["number"],
        LIFE[-2]["sys_mod_count"],
    )
    assert len(set(ids)) == len(LIFE)


def test_an_id_does_not_depend_on_the_row_before() -> None:
    alone = servicenow.event(LIFE[3], None)
    assert alone["id"] == servicenow.event(LIFE[3], LIFE[2])["id"]


def test_a_deal_that_is_closed_later_repeats_its_opening() -> None:
    later = {**STAGES[2], "deal_stage": "Won", "close_date": "01-12-16", "close_value": "5"}
    (opened,) = crm_pipeline.row_events(STAGES[2])
    again, won = crm_pipeline.row_events(later)
    assert again == opened
    assert won["id"] != opened["id"]


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=5))
def test_a_digest_does_not_depend_on_the_order_of_columns(row: Row) -> None:
    assert row_digest(dict(reversed(list(row.items())))) == row_digest(row)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("assigned_to", None),
        ("sys_updated_at", "2016-02-29 01:16"),
        ("sys_updated_at", "?"),
        ("reopen_count", "one"),
        ("made_sla", "?"),
        ("number", "?"),
    ],
)
def test_a_ticket_row_that_cannot_be_read(column: str, value: str | None) -> None:
    row = {name: text for name, text in {**LIFE[1], column: value}.items() if text is not None}
    with pytest.raises(AdapterError, match=column):
        servicenow.event(row, LIFE[0])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("deal_stage", "Dreaming"),
        ("engage_date", "31-02-16"),
        ("close_date", ""),
        ("close_value", "1.5"),
        ("sales_agent", ""),
        ("opportunity_id", ""),
    ],
)
def test_a_deal_row_that_cannot_be_read(column: str, value: str) -> None:
    with pytest.raises(AdapterError, match=column):
        crm_pipeline.row_events({**STAGES[0], column: value})


def test_times() -> None:
    assert milliseconds("1970-01-01T00:00:01.2349Z") == 1234
    assert milliseconds("1970-01-01T01:00:00+01:00") == 0
    assert milliseconds("1970-01-01T00:00:00") == 0
    with pytest.raises(AdapterError):
        milliseconds("soon")
