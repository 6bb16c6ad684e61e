"""The verdict on an experiment, from its looks: better, worse, keep going, stopped; and why.

It may be asked for at any time and any number of times: the tests are always valid. Looks are
cumulative counts at the ends of panes, so that everybody who asks gets the same answer.

In this order:
1. switched off: stopped;
2. the arms' sizes do not fit the weights (SRM): stopped, nothing can be read from it;
3. a guardrail got worse by more than its tolerance, shown with its interval: stopped;
4. not all arms have the minimum sample, or the minimum days are not over: keep going;
5. a variant is better than the control, or all are worse: said with the interval;
6. the maximum days are over: stopped without a difference shown;
7. else: keep going.

Variants share `alpha` equally (Bonferroni), so do guardrails among themselves; the variance of a
test's prior is the square of the smallest effect that matters. The looks before the minimum sample
do not count for the outcome, since variances are not yet known well then.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from reports.experiments.words import amount, change, days, list_of
from reports.statistics.balance import ChiSquare, chi_square, evidence, mismatch
from reports.statistics.proportions import Interval
from reports.statistics.sequential import Always, Moments, always_valid, difference
from schemas.experiments.definition import Experiment, Guardrail, Outcome

Word = Literal["better", "worse", "keep going", "stopped"]
Arms = Mapping[str, Moments]
"""Variant -> moments over its exposed units (for a team experiment: over teams)."""

DAY_MS = 86_400_000
EARLIEST_UNITS = 50
"""Exposed units in each arm before a guardrail is looked at: below it variances are guesses."""

_NOTHING = Moments(0, 0, 0)


class Look(NamedTuple):
    """Everything up to one end of a pane. `running_ms`: how long the experiment had been running.
    `exposed`: variant -> units that were shown it. `guardrails`: indicator -> arms."""

    running_ms: int
    exposed: Mapping[str, int]
    outcome: Arms
    guardrails: Mapping[str, Arms]


class Comparison(NamedTuple):
    """A variant against the control, in the indicator's unit, at the last look."""

    indicator: str
    variant: str
    estimate: float | None
    interval: Interval | None
    p: float


class Balance(NamedTuple):
    """The arms' sizes: `e` of the continuous test, `alarm` if it ever rang, and the chi-square of
    the last look (None before anybody was exposed)."""

    exposed: Mapping[str, int]
    e: float
    alarm: bool
    chi_square: ChiSquare | None


class Verdict(NamedTuple):
    """`word` with its reason in a `sentence`, and what it stands on."""

    word: Word
    sentence: str
    balance: Balance
    outcome: tuple[Comparison, ...]
    guardrails: tuple[Comparison, ...]


def judge(
    experiment: Experiment,
    looks: Sequence[Look],
    stopped: str | None = None,
    units: Mapping[str, str] | None = None,
) -> Verdict:
    """`looks` in the order of time. `stopped`: why it was switched off, None while it runs.
    `units`: unit of an indicator, for the sentence; "share" is told in percentage points."""
    balance = _balance(experiment, looks)
    enough = _with(experiment.minimum_units, experiment, looks)
    outcome = tuple(_compare(experiment, experiment.outcome, enough))
    early = _with(EARLIEST_UNITS, experiment, looks)
    guards = tuple(
        comparison
        for guardrail in experiment.guardrails
        for comparison in _compare(experiment, guardrail, early, len(experiment.guardrails))
    )
    word, sentence = _decide(experiment, looks, stopped, balance, outcome, guards, units or {})
    return Verdict(word, sentence, balance, outcome, guards)


def _decide(
    experiment: Experiment,
    looks: Sequence[Look],
    stopped: str | None,
    balance: Balance,
    outcome: Sequence[Comparison],
    guards: Sequence[Comparison],
    units: Mapping[str, str],
) -> tuple[Word, str]:
    if stopped is not None:
        return "stopped", f"Stopped: {stopped}"
    if balance.alarm:
        return "stopped", _mismatch_told(experiment, balance)
    for comparison in guards:
        if _harmed(_guardrail(experiment, comparison.indicator), comparison):
            told = _told(comparison, units)
            return "stopped", f"Stopped: the guardrail {comparison.indicator} got worse. {told}"
    missing = _missing(experiment, looks)
    if missing:
        return "keep going", f"Keep going: {missing}."
    called = _called(experiment, outcome, units)
    if called is not None:
        return called
    nearest = min(outcome, key=lambda comparison: comparison.p)
    told = _told(nearest, units)
    if looks[-1].running_ms >= experiment.maximum_days * DAY_MS:
        over = days(experiment.maximum_days)
        return "stopped", f"Stopped: {over} are over and no difference was shown. {told}"
    return "keep going", f"Keep going: no difference is shown yet. {told}"


def _called(
    experiment: Experiment, outcome: Sequence[Comparison], units: Mapping[str, str]
) -> tuple[Word, str] | None:
    """The winner, or that all variants lose."""
    sign = 1 if experiment.outcome.good == "up" else -1
    shown = [comparison for comparison in outcome if _shown(comparison)]
    better = [each for each in shown if each.estimate is not None and sign * each.estimate > 0]
    if better:
        best = max(better, key=lambda each: sign * (each.estimate or 0.0))
        return "better", f"Better: {_told(best, units)}"
    if len(shown) == len(outcome):
        told = " ".join(_told(each, units) for each in shown)
        return "worse", f"Worse: {told}"
    return None


def _balance(experiment: Experiment, looks: Sequence[Look]) -> Balance:
    weights = list(experiment.weights.values())
    counts = [[look.exposed.get(name, 0) for name in experiment.weights] for look in looks]
    last = counts[-1] if counts else [0] * len(weights)
    return Balance(
        dict(zip(experiment.weights, last, strict=True)),
        evidence(last, weights),
        any(mismatch(each, weights) for each in counts),
        chi_square(last, weights) if sum(last) else None,
    )


def _compare(
    experiment: Experiment, measured: Outcome | Guardrail, looks: Sequence[Look], tests: int = 1
) -> list[Comparison]:
    """Each variant against the control. `tests`: how many indicators share alpha."""
    variants = [variant.name for variant in experiment.variants[1:]]
    alpha = experiment.alpha / (len(variants) * tests)
    found = []
    for name in variants:
        differences = []
        for look in looks:
            arms = look.outcome
            if isinstance(measured, Guardrail):
                arms = look.guardrails.get(measured.indicator, {})
            control = arms.get(experiment.control.name, _NOTHING)
            differences.append(difference(arms.get(name, _NOTHING), control))
        always: Always = always_valid(differences, measured.smallest_effect**2, alpha)
        last = differences[-1] if differences else None
        p = min(1.0, always.p * len(variants) * tests)
        estimate = None if last is None else last.value
        found.append(Comparison(measured.indicator, name, estimate, always.interval, p))
    return found


def _with(units: int, experiment: Experiment, looks: Sequence[Look]) -> list[Look]:
    """The looks at which each arm had that many units."""
    return [look for look in looks if _fewest(experiment, look) >= units]


def _fewest(experiment: Experiment, look: Look) -> int:
    return min(look.exposed.get(name, 0) for name in experiment.weights)


def _missing(experiment: Experiment, looks: Sequence[Look]) -> str:
    """What is not there yet, or nothing."""
    fewest = _fewest(experiment, looks[-1]) if looks else 0
    ran = looks[-1].running_ms / DAY_MS if looks else 0.0
    parts = []
    if ran < experiment.minimum_days:
        parts.append(f"day {int(ran) + 1} of at least {experiment.minimum_days}")
    if fewest < experiment.minimum_units:
        arm = f"{experiment.unit}s in the smallest variant"
        parts.append(f"{fewest} of at least {experiment.minimum_units} {arm}")
    return " and ".join(parts)


def _guardrail(experiment: Experiment, indicator: str) -> Guardrail:
    return next(each for each in experiment.guardrails if each.indicator == indicator)


def _harmed(guardrail: Guardrail, comparison: Comparison) -> bool:
    """Whether the whole interval lies beyond the tolerance, on the bad side."""
    if comparison.interval is None:
        return False
    if guardrail.good == "down":
        return comparison.interval.low > guardrail.tolerance
    return comparison.interval.high < -guardrail.tolerance


def _shown(comparison: Comparison) -> bool:
    return comparison.interval is not None and not comparison.interval.holds(0.0)


def _mismatch_told(experiment: Experiment, balance: Balance) -> str:
    counts = list_of(f"{n:,} {name}" for name, n in balance.exposed.items())
    weights = " : ".join(str(weight) for weight in experiment.weights.values())
    return (
        f"Stopped: the variants were shown to {counts}, which does not fit the weights {weights}. "
        "Find out why before reading anything from it."
    )


def _told(comparison: Comparison, units: Mapping[str, str]) -> str:
    """`short changed open_rate by +3.1 points (0.4 to 5.8).`"""
    if comparison.estimate is None or comparison.interval is None:
        return f"{comparison.variant}: {comparison.indicator} does not vary yet."
    unit = units.get(comparison.indicator, "")
    low, high = comparison.interval
    return (
        f"{comparison.variant} changed {comparison.indicator} by "
        f"{change(comparison.estimate, unit)} against the control "
        f"({amount(low, unit)} to {amount(high, unit)}, valid at any time)."
    )
