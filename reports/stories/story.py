"""The story of a week: a learner's moment, what managers did, the result for the business."""

from datetime import datetime

from reports.board import read
from reports.board.read import Cohort
from reports.stories import questions
from reports.stories.ask import Asker, whole_days
from reports.stories.document import Document, Period, Section, Sentence
from reports.stories.sentences import few, indicator, named
from sinks.clickhouse.client import Store

_DAYS = 7
_COMPLETIONS = "module_completions"


def story(store: Store, cohort: Cohort, ends: datetime, least: int) -> Document:
    """Of the seven days before the day of `ends`. Raises StoreError."""
    asker = Asker(store, cohort, least)
    period = whole_days(ends, _DAYS)
    sections = (
        Section("Learners", _learners(asker, period)),
        Section("Managers", _managers(asker, period)),
        Section("The business", _business(store, asker, period)),
        Section("From the field", (_field(asker, period),)),
    )
    return Document("Story of the week", cohort.text, period, sections, tuple(asker.queries))


def _learners(asker: Asker, period: Period) -> tuple[Sentence, ...]:
    completed = questions.indicator(asker, _COMPLETIONS, period)
    hints = questions.hints(asker, period)
    challenges = questions.challenges(asker, period)
    found = []
    if completed.few:
        found.append(few("Modules completed", completed))
    else:
        figures = {"people": completed.count("people"), "modules": completed.count("value")}
        found.append(Sentence("{people} people completed {modules} modules.", figures))
    if hints.few:
        found.append(few("Hints in the moment of need", hints))
    else:
        figures = {name: hints.count(name) for name in ("shown_to", "shown", "opened", "acted")}
        text = (
            "In the moment of need {shown} hints were shown to {shown_to} people; {opened} were "
            "opened and {acted} acted on."
        )
        found.append(Sentence(text, figures))
    if challenges.few:
        found.append(few("Micro-challenges", challenges))
    else:
        figures = {name: challenges.count(name) for name in ("people", "done", "offered")}
        text = (
            "{people} people checked off {done} of the {offered} micro-challenges they were given."
        )
        found.append(Sentence(text, figures))
    return tuple(found)


def _managers(asker: Asker, period: Period) -> tuple[Sentence, ...]:
    tried = questions.suggestions(asker, period)
    if tried.few:
        return (few("Suggestions that managers tried", tried),)
    figures = {name: tried.count(name) for name in ("managers", "tried", "reported", "worked")}
    text = (
        "{managers} managers tried {tried} suggestions and reported back on {reported}; {worked} "
        "of these had worked."
    )
    return (Sentence(text, figures),)


def _field(asker: Asker, period: Period) -> Sentence:
    """A note in somebody's own words, without a name."""
    notes = questions.notes(asker, period)
    if notes.few:
        return few("Notes from the field", notes)
    if not notes.row["notes"]:
        text = "There is no note about anybody who agreed that notes are kept."
        return Sentence(text, {}, (notes.query,))
    figures = {"newest": notes.words("newest"), "notes": notes.count("notes")}
    return Sentence("The newest note, of {notes}, says: “{newest}”", figures)


def _business(store: Store, asker: Asker, period: Period) -> tuple[Sentence, ...]:
    """The lagging indicators of the decision board."""
    found: list[Sentence] = []
    for one in read.catalog(store):
        if one.board and one.kind == "lagging":
            asked = questions.compared(asker, one.name, period)
            found += indicator(asked, named(asked.now, one.title))
    return tuple(found)
