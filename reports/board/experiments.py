"""Experiments on the board: what is in force, and the verdict by the events in the store."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from reports.board import words
from reports.board.wish import NotThere, Wish, only_for_all
from reports.experiments.verdict import Balance, Comparison, Look, Verdict
from reports.experiments.words import amount, change
from reports.statistics.proportions import Share, wilson
from reports.statistics.sequential import Moments
from schemas.experiments.book import Book, Entry, NoSuchExperiment, Switch
from schemas.experiments.definition import Experiment
from sinks.clickhouse.client import Store
from streams.catalog.load import Catalog, load
from uptake.experiments import told, verdict_on
from uptake.experiments.status import STEPS, count

_HOW = {"better": "good", "worse": "bad", "stopped": "none", "keep going": "none"}


class Arm(NamedTuple):
    """A variant in words. `outcome`: its value with the interval; `TOO_FEW` below the least."""

    name: str
    description: str
    exposed: str
    outcome: str


class Effect(NamedTuple):
    """A variant against the control on an indicator, in words."""

    variant: str
    title: str
    change: str
    interval: str
    p: str


def experiments(store: Store, wish: Wish) -> dict[str, Any]:
    """All of them, and whether they run."""
    only_for_all(wish)
    book = _book(store)
    rows = [
        (name, book.entry(name).running, told(book, name, _now_ms()).removeprefix(f"{name}: "))
        for name in book.names()
    ]
    rows.sort(key=lambda row: (not row[1], row[0]))
    return {"title": "Experiments", "experiments": rows}


def experiment(store: Store, wish: Wish, name: str) -> dict[str, Any]:
    """One: its variants, whether their sizes fit, the decision and what it stands on."""
    only_for_all(wish)
    book = _book(store)
    try:
        one = book.experiment(name)
    except NoSuchExperiment as error:
        raise NotThere(str(error)) from error
    settings = wish.settings
    catalog = load(settings.worker.catalog)
    now = _now_ms()
    found = count(store, settings.clickhouse.database, catalog, one, book.entry(name), now)
    verdict = verdict_on(book, name, found.looks, settings.worker.catalog)
    last = found.looks[-1] if found.looks else None
    few = last is None or min(last.exposed.values()) < wish.least
    return {
        "title": f"Experiment {name}",
        "experiment": one,
        "state": told(book, name, now).removeprefix(f"{name}: "),
        "decision": _decision(verdict, few, wish.least, started=last is not None),
        "word": verdict.word,
        "how": "none" if few else _HOW[verdict.word],
        "outcome_title": _title(catalog, one.outcome.indicator),
        "arms": [_arm(one, each.name, last, catalog, wish.least) for each in one.variants],
        "balance": _balance(verdict.balance),
        "effects_": [] if few else _effects(verdict.outcome, catalog),
        "guardrails": [] if few else _effects(verdict.guardrails, catalog),
        "left_out": found.mixed + found.unknown,
        "as_of": datetime.fromtimestamp(now / 1000, UTC),
    }


def _book(store: Store) -> Book:
    rows = store.query(
        "SELECT toString(experiment), definition, switches FROM experiments FINAL "
        "ORDER BY experiment"
    )
    return Book(
        [
            Entry(name, definition, msgspec.json.decode(switches, type=list[Switch]))
            for name, definition, switches in rows
        ]
    )


def _decision(verdict: Verdict, few: bool, least: int, *, started: bool) -> str:
    """The verdict's sentence, but where it would speak of a small group."""
    if not started:
        return "Nobody has been exposed yet."
    if few and verdict.balance.alarm:
        return "Stopped: the sizes of the variants do not fit the weights. Find out why first."
    if few and verdict.word == "keep going":
        return f"Keep going: a variant was shown to fewer than {least}, so nothing is shown yet."
    return verdict.sentence


def _arm(one: Experiment, name: str, last: Look | None, catalog: Catalog, least: int) -> Arm:
    description = next(each.description for each in one.variants if each.name == name)
    exposed = 0 if last is None else last.exposed.get(name, 0)
    if last is None or exposed == 0:
        return Arm(name, description, "nobody yet", "none yet")
    if exposed < least:
        return Arm(name, description, words.TOO_FEW, "")
    shown = f"{exposed:,} {one.unit}s"
    moments = last.outcome.get(name)
    if moments is None or moments.cases < least:
        return Arm(name, description, shown, words.TOO_FEW if moments else "none yet")
    return Arm(name, description, shown, _value(moments, one.outcome.indicator, catalog))


def _value(moments: Moments, indicator: str, catalog: Catalog) -> str:
    """A mean over units, with the Wilson interval where each unit is a yes or no."""
    unit = _unit(catalog, indicator)
    if unit != "share":
        return f"{moments.mean:.3g} {unit} over {moments.cases:,}"
    text = f"{100 * moments.mean:.1f} % of {moments.cases:,}"
    if moments.total != moments.squares:
        return text
    reach = wilson(Share(round(moments.total), moments.cases))
    return text if reach is None else f"{text} ({100 * reach.low:.0f} to {100 * reach.high:.0f} %)"


def _effects(comparisons: tuple[Comparison, ...], catalog: Catalog) -> list[Effect]:
    return [_effect(each, catalog) for each in comparisons]


def _effect(found: Comparison, catalog: Catalog) -> Effect:
    title = _title(catalog, found.indicator)
    if found.estimate is None or found.interval is None:
        return Effect(found.variant, title, "does not vary yet", "", "")
    unit = _unit(catalog, found.indicator)
    low, high = found.interval
    return Effect(
        found.variant,
        title,
        change(found.estimate, unit),
        f"{amount(low, unit)} to {amount(high, unit)}",
        f"{found.p:.2g}",
    )


def _balance(found: Balance) -> tuple[str, str]:
    """Whether the sizes fit the weights, in words, and how good that is."""
    if found.chi_square is None:
        return "Nobody has been exposed, so sizes cannot be compared with the weights.", "none"
    p = f"chi-square p {found.chi_square.p:.2g}"
    if found.alarm:
        return f"The sizes do not fit the weights ({p}): nothing can be read from it.", "bad"
    return f"The sizes of the variants fit the weights ({p}).", "good"


def _title(catalog: Catalog, indicator: str) -> str:
    known = catalog.indicators.get(indicator)
    return known.title if known else indicator.removeprefix("experiment.").capitalize()


def _unit(catalog: Catalog, indicator: str) -> str:
    return "share" if indicator in STEPS else catalog.indicators[indicator].unit


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
