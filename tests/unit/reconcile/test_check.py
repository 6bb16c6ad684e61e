"""Slices, and when a difference counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.settings import ClickHouseSettings, Settings
from sinks.clickhouse.client import Store
from streams.catalog.load import load
from uptake.local.settle import Unsettled
from uptake.reconcile import check
from uptake.reconcile.check import (
    SLICE_ROWS,
    Check,
    Difference,
    Kept,
    Look,
    Report,
    Values,
    slices,
)
from uptake.reconcile.contributions import groups
from uptake.reconcile.sql import WINDOWS, Span, Window

DAY = 86_400_000
DAYS = st.dictionaries(st.integers(0, 90), st.integers(1, SLICE_ROWS * 2), max_size=60)


@given(
    days=DAYS,
    after=st.integers(0, 60 * DAY),
    length=st.integers(-DAY, 60 * DAY),
    window=st.sampled_from(WINDOWS),
)
def test_slices_leave_nothing_out_and_are_small(
    days: dict[int, int], after: int, length: int, window: Window
) -> None:
    span = Span(after, after + length)
    found = list(slices(days, span, window))
    if length <= 0:
        assert found == []
        return
    edges = [found[0].after, *(part.until for part in found)]
    assert edges[0] == span.after
    assert edges[-1] == span.until
    assert edges == sorted(set(edges))
    assert [part.after for part in found] == edges[:-1]
    for part in found:
        held = sorted(day for day in days if part.after < day * DAY < part.until)
        small = sum(days[day] for day in held[:-1]) <= SLICE_ROWS
        # A part is cut before a day that is too much, but not before it is as long as the window.
        assert small or held[-1] * DAY - part.after < max(DAY, window.length)


def _difference(streamed: int, recounted: int) -> Difference:
    values = (Values(number, number, 0, 1, 0) for number in (streamed, recounted))
    return Difference(7, "adoption", "all", "all", "1d", *values)


def _look(*differences: Difference) -> Look:
    return Look(10, len(differences), list(differences), 0)


def _settled(looks: list[Look], monkeypatch: pytest.MonkeyPatch) -> tuple[Look, int]:
    """What the check says when it sees one look after the other, and how often it waited."""
    waits = []
    monkeypatch.setattr(check, "recalled", lambda *_: waits.append(1))
    monkeypatch.setattr(Check, "_look", lambda *_: looks.pop(0))
    catalog = load()
    one = Check(Settings(), catalog, 0, 1.0, lambda _: None)
    store = Store(ClickHouseSettings())
    look = one._settled_look(store, groups(catalog)[0], WINDOWS[0], Span(0, 1))
    return look, len(waits)


def test_a_difference_of_the_moment_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _settled([_look()], monkeypatch) == (_look(), 0)
    assert _settled([_look(_difference(1, 2)), _look()], monkeypatch) == (_look(), 1)


def test_a_difference_counts_when_nothing_new_came(monkeypatch: pytest.MonkeyPatch) -> None:
    late, stays = _difference(1, 2), _difference(2, 3)
    looks = [_look(late), _look(stays), _look(stays, _difference(5, 9))]
    look, waits = _settled(looks, monkeypatch)
    assert (look.differing, look.differences, waits) == (2, [stays], 2)


def test_what_does_not_come_to_rest_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [_look(_difference(number, number + 1)) for number in range(20)]
    with pytest.raises(Unsettled, match="1 rows of signals, window 1h"):
        _settled(looks, monkeypatch)


def test_what_is_deleted_is_left_out() -> None:
    kept = Kept(ClickHouseSettings(events_days=90, indicators_days=40), load(), 1000 * DAY)
    assert [group.journey for group in kept.groups] == [""]
    assert {"days_to_close", "win_rate"} <= set(kept.left_out)
    assert kept.earliest == 962 * DAY


def test_the_report_in_words_and_numbers() -> None:
    first = _difference(1, 2)._replace(streamed=None)
    report = Report(Span(0, DAY), 1_234, 2, first, ["win_rate"], waiting=7_000, twice=3)
    about = "1,234 rows compared (windows that ended after 1970-01-01T00:00:00Z, up to 1970-01-02T"
    lines = list(report.lines())
    assert lines[0].startswith(f"different: 2 of {about}")
    assert lines[1].endswith("streamed no row, recounted n=2 num=2 den=0 people=1 standing=0")
    assert lines[2].endswith("deleted: win_rate")
    assert lines[3].endswith("repair list: 7,000 rows")
    assert lines[4].startswith("ids that lie twice in events: 3 ")
    document = report.document()
    assert (document["waiting"], document["ids_twice"]) == (7_000, 3)
    assert document["first"]["recounted"]["num"] == 2
    assert document["first"]["streamed"] is None
    equal = Report(Span(0, DAY), 5, 0, None, [])
    assert next(equal.lines()).startswith("equal: 5 rows compared")
    assert (equal.document()["equal"], equal.document()["first"]) == (True, None)
