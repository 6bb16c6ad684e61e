"""The brief for executives: a customer's moment, reach, what moved, what changes next, and what to
be careful about."""

from datetime import datetime

from reports.board import read
from reports.board.read import Cohort
from reports.stories import questions
from reports.stories.ask import Asker, before, whole_days
from reports.stories.document import Document, Period, Section, Sentence
from reports.stories.sentences import Compared, few, indicator, lower, named
from sinks.clickhouse.client import Store

_DAYS = 28


def brief(store: Store, cohort: Cohort, ends: datetime, least: int) -> Document:
    """Of the 28 days before the day of `ends`, beside the 28 before. Raises StoreError."""
    asker = Asker(store, cohort, least)
    period = whole_days(ends, _DAYS)
    chosen = [one for one in read.catalog(store) if one.board]
    compared = [questions.compared(asker, one.name, period) for one in chosen]
    leading = [c for c, one in zip(compared, chosen, strict=True) if one.kind == "leading"]
    lagging = [c for c, one in zip(compared, chosen, strict=True) if one.kind == "lagging"]
    sections = (
        Section("A customer's moment", _moment(asker, period)),
        Section("Reach", _told(leading)),
        Section("Results", _told(lagging)),
        Section("Time", _horizon(asker, period, compared)),
        Section("What changes next", _next(asker, compared)),
        Section("Assumptions and confounders", _careful(asker, period)),
    )
    return Document("Executive brief", cohort.text, period, sections, tuple(asker.queries))


def _moment(asker: Asker, period: Period) -> tuple[Sentence, ...]:
    tickets = questions.first_contacts(asker, period)
    if tickets.few:
        return (few("Customers helped at first contact", tickets),)
    opening = Sentence(
        "{at_once} times a customer who asked for help was helped at first contact, by {people} "
        "people.",
        {"at_once": tickets.count("at_once"), "people": tickets.count("people")},
    )
    figures = {"minutes": tickets.mean("minutes"), "tickets": tickets.count("tickets")}
    text = (
        "Half of these customers had their answer within {minutes} minutes. In all, {tickets} "
        "tickets were opened and resolved in this time."
    )
    return opening, Sentence(text, figures)


def _told(compared: list[Compared]) -> tuple[Sentence, ...]:
    return tuple(
        sentence for one in compared for sentence in indicator(one, named(one.now, one.name))
    )


def _horizon(asker: Asker, period: Period, compared: list[Compared]) -> tuple[Sentence, ...]:
    came = questions.who_came(asker, period, before(period))
    evidence = tuple(each.now.query for each in compared)
    told = "All numbers are of this period, beside the period of equal length before it."
    found = [Sentence(told, {}, evidence)]
    if not came.few:
        figures = {"events": came.count("events_now"), "earlier": came.count("events_earlier")}
        text = "They rest on {events} events, and {earlier} of the period before."
        found.append(Sentence(text, figures))
    return tuple(found)


def _next(asker: Asker, compared: list[Compared]) -> tuple[Sentence, ...]:
    """What the catalog advises for each that went the wrong way; if none did, for the first that
    is shown."""
    shown = [each for each in compared if each.shown]
    if not shown:
        return (few("What to try", compared[0].now),)
    wrong = [each for each in shown if each.comparable and each.worse]
    found = []
    for each in wrong or shown[:1]:
        said = questions.advice(asker, each.name)
        why = "went the wrong way" if each in wrong else "is where the catalog begins"
        text = f"As {lower(named(said, each.name))} {why}, try this: {{advice}}"
        evidence = (each.now.query, each.earlier.query)
        found.append(Sentence(text, {"advice": said.words("advice")}, evidence))
    return tuple(found)


def _careful(asker: Asker, period: Period) -> tuple[Sentence, ...]:
    came = questions.who_came(asker, period, before(period))
    seen = questions.experiments(asker, period)
    whole = questions.account(asker)
    found = []
    text = (
        "Nobody was assigned to one of the two periods, so a change is described here, not "
        "explained."
    )
    found.append(Sentence(text, {}, (came.query,)))
    if not came.few and came.is_group("in_both") and came.is_group("only_now"):
        figures = {"both": came.count("in_both"), "new": came.count("only_now")}
        text = "{both} people were active in both periods, {new} only in the newer one."
        found.append(Sentence(text, figures))
    if seen.few:
        text = "No experiment was seen by enough people to name it."
        found.append(Sentence(text, {}, (seen.query,)))
    else:
        figures = {"experiments": seen.count("experiments"), "people": seen.count("people")}
        text = "{people} people saw {experiments} experiments; all variants are in these numbers."
        found.append(Sentence(text, figures))
    if whole.row.get("missing"):
        text = "{missing} events are missing in the store: do not rely on these numbers."
        found.append(Sentence(text, {"missing": whole.count("missing")}))
    else:
        text = "Every event that was received is accounted for."
        found.append(Sentence(text, {}, (whole.query,)))
    return tuple(found)
