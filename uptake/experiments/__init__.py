"""What the commands of `uptake experiment` do: drafts, checks against the catalog, verdicts."""

import difflib
import json
from dataclasses import dataclass
from typing import Any

import msgspec

from reports.experiments.verdict import DAY_MS, Look, Verdict, judge
from reports.statistics.proportions import sample_per_arm
from reports.statistics.sequential import Moments
from schemas.experiments.book import Book, running_ms
from schemas.experiments.definition import DefinitionError, Experiment
from streams.catalog import load
from uptake.experiments.status import STEPS


class LooksError(ValueError):
    """The counts cannot be used; the text says why."""


@dataclass(frozen=True)
class Draft:
    """What a new definition is made from."""

    name: str
    owner: str
    purpose: str
    told: str
    unit: str
    variants: tuple[str, ...]
    indicator: str
    good: str
    effect: float
    guardrail: str
    guardrail_good: str
    minimum_units: int


def sample(base: float, other: float) -> int:
    """Units a variant to tell `other` from `base` with a power of 80 % at 5 %. The always-valid
    test needs more when the difference is no larger than that; it also ends earlier when it is."""
    return max(20, sample_per_arm(base, other))


def template(draft: Draft) -> str:
    """The text of a definition."""
    lines = [
        f"name = {_text(draft.name)}",
        f"owner = {_text(draft.owner)}",
        f"purpose = {_text(draft.purpose)}",
        f"told = {_text(draft.told)}",
        f"unit = {_text(draft.unit)}",
        "# In each variant, before anything is called.",
        f"minimum_units = {draft.minimum_units}",
        "# Full weeks: days of the week differ.",
        "minimum_days = 14",
        "maximum_days = 56",
    ]
    for variant in draft.variants:
        lines += ["", "[[variants]]", f"name = {_text(variant)}", "weight = 50"]
        lines.append('description = ""')
    lines += ["", "[outcome]", f"indicator = {_text(draft.indicator)}"]
    lines += [f"good = {_text(draft.good)}", f"smallest_effect = {draft.effect!r}"]
    lines += ["", "[[guardrails]]", f"indicator = {_text(draft.guardrail)}"]
    lines += [f"good = {_text(draft.guardrail_good)}", f"smallest_effect = {draft.effect!r}"]
    return "\n".join(lines) + "\n"


def check(experiment: Experiment, catalog: str = "") -> None:
    """Raises DefinitionError when the catalog (a file; the bundled one) has not the indicators."""
    known = {**load(catalog).indicators, **dict.fromkeys(STEPS)}
    named = [experiment.outcome.indicator, *(each.indicator for each in experiment.guardrails)]
    faults = [f"{experiment.name}: {_unknown(each, known)}" for each in named if each not in known]
    if faults:
        raise DefinitionError("\n".join(faults))


def told(book: Book, name: str, now: int) -> str:
    """One line on an experiment: does it run, for how long has it, why was it stopped."""
    experiment = book.experiment(name)
    switches = book.switches(name)
    days = running_ms(switches, now) / DAY_MS
    ran = f"{days:.1f} of {experiment.minimum_days} to {experiment.maximum_days} days"
    if not switches:
        return f"{name}: never started. {experiment.purpose}"
    if switches[-1].running:
        return f"{name}: running, {ran}. {experiment.purpose}"
    return f"{name}: stopped ({switches[-1].why}), ran {ran}. {experiment.purpose}"


def looks_of(name: str, looks: bytes) -> list[Look]:
    """The looks in a file. Raises LooksError."""
    try:
        return [each.look() for each in msgspec.json.decode(looks, type=list[_Look])]
    except msgspec.MsgspecError as error:
        raise LooksError(f"the looks of {name} cannot be read: {error}") from error


def verdict_on(book: Book, name: str, looks: list[Look], catalog: str = "") -> Verdict:
    """Raises DefinitionError."""
    switches = book.switches(name)
    stopped = switches[-1].why if switches and not switches[-1].running else None
    units = {each: indicator.unit for each, indicator in load(catalog).indicators.items()}
    units |= dict.fromkeys(STEPS, "share")
    return judge(book.experiment(name), looks, stopped, units)


def plain(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON has it."""
    comparisons = {
        "outcome": [each._asdict() for each in verdict.outcome],
        "guardrails": [each._asdict() for each in verdict.guardrails],
    }
    return {**verdict._asdict(), "balance": verdict.balance._asdict(), **comparisons}


class _Look(msgspec.Struct, forbid_unknown_fields=True):
    """A look as people write it: arms are variant -> [cases, total, squares]."""

    days: float
    exposed: dict[str, int]
    outcome: dict[str, Moments]
    guardrails: dict[str, dict[str, Moments]] = {}

    def look(self) -> Look:
        return Look(int(self.days * DAY_MS), self.exposed, self.outcome, self.guardrails)


def _unknown(name: str, known: dict[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"the catalog has no indicator {name}{hint}"


def _text(value: str) -> str:
    """As a basic string of TOML, whose escapes are those of JSON."""
    return json.dumps(value, ensure_ascii=False)
