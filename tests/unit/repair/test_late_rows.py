"""What is computed again when the row of an event is inserted after it was refused."""

from schemas.records import Cohort, Event
from sinks.clickhouse.repairs import WalkAsk
from streams.catalog.load import load
from uptake.reconcile.sql import WINDOWS
from uptake.repair.late_rows import LateRows

_CATALOG = load()
_LATE = LateRows(_CATALOG)
_NOW = 1_764_547_200_000
_AT = _NOW - 90_000
_LEARNER = b"p" * 16
_TICKET = "https://desk.example/ticket/7"
_COHORTS = {("all", "all"), ("team", "t"), ("region", "r")}


def _event() -> Event:
    cohort = Cohort("t", "", "r", True)
    verb, kind = "http://activitystrea.ms/resolve", "http://activitystrea.ms/issue"
    place = (1, 0, 5, 1, _NOW, b"e" * 16)
    return Event(*place, _LEARNER, _AT, verb, _TICKET, kind, cohort=cohort)


def test_indicators_of_the_signal_are_computed_again_where_the_event_counts() -> None:
    counting = [
        name
        for name, indicator in _CATALOG.indicators.items()
        if {"content.completed", "*"} & {*(indicator.signals or [])}
    ]
    assert counting
    asks = _LATE.row_asks(_event(), "content.completed", _NOW)
    assert {ask.indicator for ask in asks} == {*counting}
    for name in counting:
        ours = [ask for ask in asks if ask.indicator == name]
        cohorts = {(ask.cohort_kind, ask.cohort) for ask in ours}
        assert cohorts >= _COHORTS
        assert len(ours) == len(cohorts) * len(WINDOWS)
    for window in WINDOWS:
        [ask] = [
            each
            for each in asks
            if (each.indicator, each.cohort_kind, each.window) == (counting[0], "all", window.name)
        ]
        # From the first window that holds it to the first that has just left it behind.
        assert ask.first_end - window.slide <= _AT < ask.first_end
        assert ask.last_end - window.length == ask.first_end


def test_a_walk_is_named_by_its_key_and_by_whoever_walks_it() -> None:
    asks = _LATE.walk_asks(_event(), "ticket.resolved", _NOW)
    alone = {name for name, journey in _CATALOG.journeys.items() if journey.walked_by == "one"}
    assert WalkAsk("ticket", _TICKET, "", False, _NOW, _NOW) in asks
    for ask in asks:
        assert ask.learner == (_LEARNER.hex() if ask.journey in alone else "")


def test_a_signal_that_nothing_counts_asks_for_nothing() -> None:
    counted_always = {n for n, i in _CATALOG.indicators.items() if "*" in (i.signals or [])}
    asks = _LATE.row_asks(_event(), "unmapped", _NOW)
    assert {ask.indicator for ask in asks} == counted_always
    assert _LATE.walk_asks(_event(), "unmapped", _NOW) == []
