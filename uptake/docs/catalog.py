"""The page of the catalog: each journey and indicator, with formula, sources and SQL. Pure."""

from collections.abc import Iterable, Iterator

from schemas.partition import WHOLE_KINDS
from streams.catalog.load import JOINED, Catalog, Equals, Indicator, Journey, Success, Within
from streams.model.facts import BUCKETS

_HEAD = """# Catalog of journeys and indicators

Made from `streams/catalog/catalog.toml` by `make docs`; do not edit.

A **signal** is what an event means, by `schemas/vocabulary.toml`. A **journey** is a set of
signals, its steps, that belong to one key. An **indicator** counts events or cases of a journey.
Its values stand in the view `indicators`, by cohort, for windows of an hour (new every minute), a
day (new every hour), 7 and 28 days (new every day, UTC). Counts, numerators and denominators add up
over windows that do not overlap; distinct people do not. Shares have a Wilson interval of 95 %. An
event that is resent counts once; one that comes late, or is voided, changes the windows it lies in.
Beside all, team, manager and region, cohorts are the values of facts of the case; of more than
`breakdowns.most_values` values (500) those with the smallest CRC-32 are shown.
"""

_MEASURES = {
    "people": "distinct people with such an event",
    "share_of_eligible": "distinct eligible people with such an event / eligible people",
    "count": "number of cases",
    "rate": "cases that succeed / cases",
    "mean": "sum of times / cases",
}


def page(catalog: Catalog) -> str:
    """The page, in Markdown."""
    parts = [_HEAD, "## Journeys\n"]
    parts += ["\n".join(_journey(name, one)) for name, one in catalog.journeys.items()]
    for kind, heading in (("leading", "Leading indicators"), ("lagging", "Lagging indicators")):
        parts.append(f"## {heading}\n")
        parts += [
            "\n".join(_indicator(name, one, catalog))
            for name, one in catalog.indicators.items()
            if one.kind == kind
        ]
    return "\n".join(parts)


def _journey(name: str, journey: Journey) -> Iterator[str]:
    who = "one learner" if journey.walked_by == "one" else "several people"
    key = f"the attribute `{journey.key}`, or else the object" if journey.key else "the object"
    yield f"### Journey `{name}`\n"
    yield f"{journey.title}. Walked by {who}; its key is {key}.\n"
    for step, signals in journey.steps.items():
        yield f"- `{step}`: {_names(signals)}"
    yield ""


def _indicator(name: str, one: Indicator, catalog: Catalog) -> Iterator[str]:
    yield f"### {one.title} (`{name}`)\n"
    yield f"{one.description}\n"
    yield f"- Formula: {_MEASURES[one.measure]}"
    if one.journey:
        yield f"- Case: {_case(one)}"
        if one.success is not None:
            yield f"- Success: {_asked(one.success)}"
        if one.delay is not None:
            yield f"- Delay: {_delay(one.delay)}"
    yield f"- Unit: {one.unit}; good: {one.good}"
    yield f"- Cohorts: {', '.join((*WHOLE_KINDS, *one.by))}"
    yield f"- Sources: {_names(_signals(one, catalog))}"
    if one.settle_ms:
        yield f"- Provisional for {one.settle} after a window has ended: later steps may change it"
    yield f"- When it moves: {one.try_}\n"
    yield f"```sql\n{_sql(name, one)}\n```\n"


def _case(one: Indicator) -> str:
    at = " or ".join(f"`{step}`" for step in one.at)
    each = {
        "first": f"the first step {at} of each journey `{one.journey}`",
        "every": f"every step {at} of a journey `{one.journey}`",
        "episode": f"the first step {at} of a journey `{one.journey}`, and the first one after "
        f"each {' or '.join(f'`{step}`' for step in one.resets)}",
    }[one.each]
    parts = [each]
    if one.needs:
        parts.append(f"that carries `{one.needs}`")
    if one.among is not None:
        parts.append(f"where {_asked(one.among)}")
    if one.since:
        parts.append(f"not before the first `{one.since}`, from which the time counts")
    return "; ".join(parts)


def _asked(asked: Success) -> str:
    return "; ".join(_parts(asked))


def _parts(asked: Success) -> Iterator[str]:
    if asked.is_ is not None:
        yield f"it stands at {' or '.join(f'`{step}`' for step in asked.is_)}"
    if asked.followed_by is not None:
        yield f"`{asked.followed_by.step}` within {asked.followed_by.within}"
    if asked.not_followed_by is not None:
        yield f"no `{asked.not_followed_by.step}` within {asked.not_followed_by.within}"
    if (until := asked.followed_until) is not None:
        yield f"`{until.step}` not later than the case's `{until.attribute}` says"
    if (near := asked.near) is not None:
        yield f"`{near.step}` at most {near.before} earlier or {near.after} later"
    if (before := asked.at_most_before) is not None:
        which = f" with {_equals(before.where)}" if before.where is not None else ""
        yield f"no more than {before.count} `{before.step}`{which} before it"
    if asked.attribute is not None:
        yield f"it has {_equals(asked.attribute)}"


def _equals(rule: Equals) -> str:
    value = str(rule.equals).lower() if isinstance(rule.equals, bool) else repr(rule.equals)
    return f"`{rule.name}` = {value}"


def _delay(rule: Within) -> str:
    shown = ", ".join(name for ms, name in BUCKETS if ms <= rule.within_ms)
    return (
        f"time to the first `{rule.step}`, told as the first of {shown} that is not shorter; never"
    )


def _signals(one: Indicator, catalog: Catalog) -> Iterable[str]:
    if not one.journey:
        return one.signals or []
    return [signal for step in catalog.journeys[one.journey].steps.values() for signal in step]


def _names(signals: Iterable[str]) -> str:
    return ", ".join("any known signal" if each == "*" else f"`{each}`" for each in signals)


def _sql(name: str, one: Indicator) -> str:
    kind = one.by[0] if one.by else "team"
    what = "numerator, people" if one.measure in ("count", "people") else (
        "value, numerator, denominator, low, high, people"
    )  # fmt: skip
    about = "" if JOINED not in kind else f" -- values joined by {JOINED}"
    return (
        f"SELECT window_end, cohort, {what}, provisional{about}\nFROM indicators\n"
        f"WHERE indicator = '{name}' AND cohort_kind = '{kind}' AND window = '28d'\n"
        "ORDER BY window_end, cohort"
    )
